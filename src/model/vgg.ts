import { constant } from '../autograd/leaves.js';
import { ParameterSet } from '../autograd/parameters.js';
import type { Tensor } from '../autograd/tensor.js';
import { checked, F32, type Kind, mapOf } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { conv2d } from '../kernels/conv2d/conv2d.js';
import { relu } from '../kernels/elementwise/elementwise.js';
import { maxPool2d } from '../kernels/maxPool2d/maxPool2d.js';

/** ImageNet's mean colour in BGR, on the scale 0 … 255 (spec §6). */
export const MEAN_BGR = [103.939, 116.779, 123.68] as const;

/** Names and shapes (device layout) of VGG-19's first layers. */
export const VGG_LAYERS = {
  conv1_1: [3, 3, 3, 64],
  conv1_2: [3, 3, 64, 64],
  conv2_1: [3, 3, 64, 128],
} as const;

/** VGG-19's first layers (Simonyan & Zisserman 2015), frozen. `weights` are in device layout by name: `conv1_1.weight`, … */
export class Vgg {
  readonly set = new ParameterSet('vgg');

  constructor(...args: [weights: ReadonlyMap<string, Float32Array>]) {
    const [weights] = checked('new Vgg', { weights: mapOf(F32) }, args);
    const known = Object.keys(VGG_LAYERS).flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]);
    const unknown = [...weights.keys()].find((name) => !known.includes(name));
    if (unknown !== undefined) throw new UsageError(`new Vgg: there is no ${unknown}; known are ${known.join(', ')}`);
    for (const [layer, shape] of Object.entries(VGG_LAYERS)) {
      const w = weights.get(`${layer}.weight`);
      const b = weights.get(`${layer}.bias`);
      if (!w || !b) continue;
      this.set.parameter(`${layer}.weight`, shape, w);
      this.set.parameter(`${layer}.bias`, [shape[3]], b);
    }
  }

  #layer(name: string, x: Tensor): Tensor {
    return relu(conv2d(x, this.set.get(`${name}.weight`), { pad: 1, bias: this.set.get(`${name}.bias`) }));
  }

  /** Converts RGB in [−1, 1] to the inputs of the weights: 127.5·(x + 1) − mean, with channels reversed to BGR. */
  #preprocess(image: Tensor): Tensor {
    const swap = constant([0, 0, 127.5, 0, 127.5, 0, 127.5, 0, 0], [1, 1, 3, 3], 'to BGR');
    return conv2d(image, swap, {
      bias: constant(
        MEAN_BGR.map((m) => 127.5 - m),
        [3],
        'minus mean',
      ),
    });
  }

  /** conv1_2 after its ReLU, [N, H, W, 64], at full resolution. */
  conv1_2(image: Tensor): Tensor {
    return this.#layer('conv1_2', this.#layer('conv1_1', this.#preprocess(image)));
  }

  /** conv2_1 after its ReLU, [N, H/2, W/2, 128], which follows a 2×2 max-pool. */
  conv2_1(image: Tensor): Tensor {
    return this.#layer('conv2_1', maxPool2d(this.conv1_2(image), { kernel: 2 }));
  }
}

export const VGG: Kind = ['a Vgg', (v) => v instanceof Vgg];
