import { input } from '../autograd/leaves.js';
import type { Tensor } from '../autograd/tensor.js';
import { concat } from '../kernels/concat/concat.js';
import { conv2d } from '../kernels/conv2d/conv2d.js';
import type { ConvOptions } from '../kernels/conv2d/convolution.js';
import { addScalar, div, mul, relu, sqrt, square } from '../kernels/elementwise/elementwise.js';
import { weightsFromPyTorch } from '../kernels/layout.js';
import { maxPool2d } from '../kernels/maxPool2d/maxPool2d.js';
import { reshape } from '../kernels/reshape/reshape.js';
import { slice } from '../kernels/slice/slice.js';
import { broadcast, sum } from '../kernels/sum/sum.js';
import type { FrozenWeights } from './frozen-weights.js';
import type { PublicNetwork } from './public-network.js';
import { BOXES_PER_PIXEL } from './ssd-boxes.js';
import { VOC_CLASSES } from './ssd-detections.js';
import { SSD_SIZE } from './ssd-input.js';
import { ssdTensors } from './ssd-weights.js';

const CLASSES = VOC_CLASSES.length;
/** The channels of VGG-16's convolutions between its pools (Simonyan & Zisserman 2015, table 1, column D). */
const STAGES = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];
/** Channels and strides of the pairs of convolutions behind fc7: 1×1 to the first number, then 3×3 to the second. */
const EXTRAS = [
  { channels: [256, 512], stride: 2, pad: 1 },
  { channels: [128, 256], stride: 2, pad: 1 },
  { channels: [128, 256], stride: 1, pad: 0 },
  { channels: [128, 256], stride: 1, pad: 0 },
] as const;

/** The results of SSD300, in device layout. N is the number of images. */
export interface SsdActivations {
  /** The last convolution at an eighth of the size, after its ReLU: [N, 38, 38, 512]. */
  readonly conv4_3: Tensor;
  /** The same with every pixel scaled to length 1 and every channel multiplied by its learned factor. */
  readonly conv4_3_norm: Tensor;
  /** [N, 19, 19, 1024] */
  readonly fc7: Tensor;
  /** The last of the extra layers: [N, 1, 1, 256]. */
  readonly extras: Tensor;
  /** Where each default box's object is relative to the box: [N, 8732, 4]. `ssd-boxes.ts` decodes it. */
  readonly loc: Tensor;
  /** The scores of the 21 classes of each default box before the soft-max: [N, 8732, 21]. */
  readonly conf: Tensor;
}

/**
 * SSD300 on VGG-16 (Liu et al. 2016, figure 2; the number of boxes is that of Caffe's program). `image` is [N, 300, 300, 3] in RGB,
 * 0 … 255 minus the mean colour, as `ssdInput` makes it. Weights have the names of the public PyTorch port,
 * https://github.com/amdegroot/ssd.pytorch. `width` multiplies the numbers of channels except those of the image and of the results.
 * Default: 1, which is the published network.
 */
export function ssd300(weights: FrozenWeights, image: Tensor, width = 1): SsdActivations {
  const conv = (name: string, x: Tensor, out: number, kernel: number, options: ConvOptions = {}): Tensor => {
    const w = weights.convolution(`${name}.weight`, [out, x.shape[3] as number, kernel, kernel]);
    return conv2d(x, w, { ...options, bias: weights.vector(`${name}.bias`, out) });
  };
  // The port numbers VGG's layers, ReLUs and pools included.
  let at = 0;
  const layer = (x: Tensor, channels: number, kernel: number, options: ConvOptions): Tensor => {
    const y = relu(conv(`vgg.${at}`, x, channels * width, kernel, options));
    at += 2;
    return y;
  };
  const stages: Tensor[] = [];
  let x = image;
  for (const [stage, channels] of STAGES.entries()) {
    for (const out of channels) x = layer(x, out, 3, { pad: 1 });
    stages.push(x);
    // pool3 rounds up, so that 75 pixels become 38, and pool5 keeps the size.
    x =
      stage === 4 ? maxPool2d(x, { kernel: 3, stride: 1, pad: 1 }) : maxPool2d(x, { kernel: 2, ceilMode: stage === 2 });
    at += 1;
  }
  x = layer(x, 1024, 3, { pad: 6, dilation: 6 });
  const fc7 = layer(x, 1024, 1, {});
  const conv4_3 = stages[3] as Tensor;
  const conv4_3_norm = normalised(conv4_3, weights.vector('L2Norm.weight', conv4_3.shape[3] as number));

  const sources = [conv4_3_norm, fc7];
  x = fc7;
  for (const [i, { channels, ...options }] of EXTRAS.entries()) {
    x = relu(conv(`extras.${2 * i}`, x, channels[0] * width, 1));
    x = relu(conv(`extras.${2 * i + 1}`, x, channels[1] * width, 3, options));
    sources.push(x);
  }
  const heads = sources.map((source, i) => head(weights, source, i));
  /** The values of all maps, one after the other. */
  const joined = (name: 'loc' | 'conf', values: number) => {
    const n = image.shape[0] as number;
    return reshape(concat(heads.map((y) => reshape(y[name], [n, -1]))), [n, -1, values]);
  };
  return { conv4_3, conv4_3_norm, fc7, extras: x, loc: joined('loc', 4), conf: joined('conf', CLASSES) };
}

/**
 * The 3×3 convolutions `loc.i` and `conf.i` of map i, as one convolution: the maps are read once, and the number of channels is filled up
 * to a multiple of 4, for which the kernels of `conv2d` are faster.
 */
function head(weights: FrozenWeights, source: Tensor, i: number): { loc: Tensor; conf: Tensor } {
  const boxes = BOXES_PER_PIXEL[i] as number;
  const from = source.shape[3] as number;
  const [loc, both] = [4 * boxes, (4 + CLASSES) * boxes];
  const out = 4 * Math.ceil(both / 4);
  const merged = (what: 'weight' | 'bias', shape: readonly number[]): Float32Array => {
    const rest = shape.reduce((a, b) => a * b, 1);
    const values = new Float32Array(out * rest);
    values.set(weights.values(`loc.${i}.${what}`, [loc, ...shape]));
    values.set(weights.values(`conf.${i}.${what}`, [both - loc, ...shape]), loc * rest);
    return values;
  };
  const shape = [3, 3, from, out];
  const w = weights.derived(`head.${i}.weight`, shape, () => weightsFromPyTorch(merged('weight', [from, 3, 3]), shape));
  const y = conv2d(source, w, { pad: 1, bias: weights.derived(`head.${i}.bias`, [out], () => merged('bias', [])) });
  return { loc: slice(y, 0, loc), conf: slice(y, loc, both) };
}

/** x [N, H, W, C] divided by the length of its pixels, x / (√Σx² + 10⁻¹⁰), times a factor for each channel (Liu et al. 2016, §3.1). */
function normalised(x: Tensor, factors: Tensor): Tensor {
  const lengths = addScalar(sqrt(sum(square(x), 'channels')), 1e-10);
  return mul(div(x, broadcast(lengths, x.shape, 'channels')), factors);
}

/** SSD300 of Pascal VOC 2007 and 2012, which the detection score uses (spec §7). */
export const SSD300: PublicNetwork = {
  key: 'ssd300',
  title: 'SSD300 of Pascal VOC',
  files: [
    {
      name: 'ssd300_mAP_77.43_v2.pth',
      bytes: 105_151_288,
      source: 'https://s3.amazonaws.com/amdegroot-models/ssd300_mAP_77.43_v2.pth',
    },
  ],
  define: (weights) => {
    ssd300(weights, input('image', [1, SSD_SIZE, SSD_SIZE, 3]));
  },
  tensors: ssdTensors,
};
