import { input } from '../autograd/leaves.js';
import type { Tensor } from '../autograd/tensor.js';
import type { StoredTensor } from '../data/safetensors.js';
import { UsageError } from '../gpu/errors.js';
import { conv2d } from '../kernels/conv2d/conv2d.js';
import type { ConvOptions } from '../kernels/conv2d/convolution.js';
import { add, addScalar, div, mul, relu, sqrt, square, sub } from '../kernels/elementwise/elementwise.js';
import { maxPool2d } from '../kernels/maxPool2d/maxPool2d.js';
import { broadcast, mean, sum } from '../kernels/sum/sum.js';
import { type FrozenWeights, type TorchTensors, tensorsOfFile } from './frozen-weights.js';
import type { PublicNetwork } from './public-network.js';

/** The networks of ImageNet whose features LPIPS compares. */
export type LpipsNet = 'alex' | 'vgg';

/** What LPIPS needs to know of a network that makes features. */
interface Backbone {
  /** The channels of the five layers that are compared. */
  readonly channels: readonly number[];
  /** The smallest height and width of an image that leaves a pixel for every layer. */
  readonly least: number;
  /** The five layers, each after its ReLU, for images [N, H, W, 3]. Weights have torchvision's names. */
  features(weights: FrozenWeights, image: Tensor): readonly Tensor[];
}

/** relu(conv(x)) with the weights of torchvision's layer `at`. */
function layer(weights: FrozenWeights, x: Tensor, at: number, out: number, kernel: number, options: ConvOptions) {
  const w = weights.convolution(`features.${at}.weight`, [out, x.shape[3] as number, kernel, kernel]);
  return relu(conv2d(x, w, { ...options, bias: weights.vector(`features.${at}.bias`, out) }));
}

/** Numbers and channels of VGG-16's convolutions between its pools (Simonyan & Zisserman 2015, table 1, column D). */
const VGG_STAGES = [
  { first: 0, convolutions: 2, channels: 64 },
  { first: 5, convolutions: 2, channels: 128 },
  { first: 10, convolutions: 3, channels: 256 },
  { first: 17, convolutions: 3, channels: 512 },
  { first: 24, convolutions: 3, channels: 512 },
] as const;

export const LPIPS_NETS: Readonly<Record<LpipsNet, Backbone>> = {
  /** AlexNet of Krizhevsky 2014, as torchvision has it: all five convolutions. */
  alex: {
    channels: [64, 192, 384, 256, 256],
    least: 31,
    features: (weights, image) => {
      const pool = { kernel: 3, stride: 2 };
      const first = layer(weights, image, 0, 64, 11, { stride: 4, pad: 2 });
      const second = layer(weights, maxPool2d(first, pool), 3, 192, 5, { pad: 2 });
      const third = layer(weights, maxPool2d(second, pool), 6, 384, 3, { pad: 1 });
      const fourth = layer(weights, third, 8, 256, 3, { pad: 1 });
      return [first, second, third, fourth, layer(weights, fourth, 10, 256, 3, { pad: 1 })];
    },
  },
  /** VGG-16 without batch normalisation: the last convolution before each pool. */
  vgg: {
    channels: VGG_STAGES.map(({ channels }) => channels),
    least: 16,
    features: (weights, image) => {
      let x = image;
      return VGG_STAGES.map(({ first, convolutions, channels }, stage) => {
        if (stage > 0) x = maxPool2d(x, { kernel: 2 });
        for (let i = 0; i < convolutions; i++) x = layer(weights, x, first + 2 * i, channels, 3, { pad: 1 });
        return x;
      });
    },
  },
};

/** The pixels of x [N, H, W, C] scaled to length 1: x / (√Σx² + 10⁻¹⁰). */
const unit = (x: Tensor): Tensor =>
  div(x, broadcast(addScalar(sqrt(sum(square(x), 'channels')), 1e-10), x.shape, 'channels'));

/** The factors of the channels of layer `i`, [C]. The files have them as the weights of a 1×1 convolution, [1, C, 1, 1]. */
function factors(linear: FrozenWeights, i: number, channels: number): Tensor {
  const name = `lin${i}.model.1.weight`;
  return linear.derived(name, [channels], () => linear.values(name, [1, channels, 1, 1]));
}

/**
 * The distance [N] of two lists of features (Zhang et al. 2018, eq. 1, with the weights w outside of the square as in the authors'
 * program): the sum over layers of the mean over pixels of Σ_c w_c (x_c / |x| − y_c / |y|)².
 */
export function lpipsDistance(linear: FrozenWeights, a: readonly Tensor[], b: readonly Tensor[]): Tensor {
  const layers = a.map((x, i) => {
    const difference = square(sub(unit(x), unit(b[i] as Tensor)));
    return sum(mean(mul(difference, factors(linear, i, x.shape[3] as number)), 'pixels'), 'channels');
  });
  return layers.reduce((total, distance) => add(total, distance));
}

/** VGG-19 has the same names as VGG-16 up to its third stage, and one convolution more in each of the last three. */
function vgg16Tensors(stored: ReadonlyMap<string, StoredTensor>, file: string, wanted: string): TorchTensors {
  if ([...stored.keys()].some((name) => name.endsWith('features.34.weight')))
    throw new UsageError(`${file} has the weights of VGG-19. It should be ${wanted}.`);
  if ([...stored.keys()].some((name) => name.endsWith('features.1.running_mean')))
    throw new UsageError(`${file} has the weights of a VGG with batch normalisation. It should be ${wanted}.`);
  return tensorsOfFile(stored, file, wanted);
}

const define = (net: LpipsNet) => (weights: FrozenWeights) => {
  LPIPS_NETS[net].features(weights, input('image', [1, 64, 64, 3]));
};

export const LPIPS_BACKBONES: Readonly<Record<LpipsNet, PublicNetwork>> = {
  alex: {
    key: 'alexnet',
    title: 'AlexNet of torchvision',
    files: [
      {
        name: 'alexnet-owt-7be5be79.pth',
        bytes: 244_408_911,
        source: 'https://download.pytorch.org/models/alexnet-owt-7be5be79.pth',
      },
    ],
    define: define('alex'),
  },
  vgg: {
    key: 'vgg16',
    title: 'VGG-16 of torchvision',
    files: [
      {
        name: 'vgg16-397923af.pth',
        bytes: 553_433_881,
        source: 'https://download.pytorch.org/models/vgg16-397923af.pth',
      },
    ],
    define: define('vgg'),
    tensors: vgg16Tensors,
  },
};
