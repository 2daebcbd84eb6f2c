import { input } from '../autograd/leaves.js';
import type { Tensor } from '../autograd/tensor.js';
import { avgPool2d } from '../kernels/avgPool2d/avgPool2d.js';
import { foldBatchNorm } from '../kernels/batchNorm/fold.js';
import { concat } from '../kernels/concat/concat.js';
import { conv2d } from '../kernels/conv2d/conv2d.js';
import { relu } from '../kernels/elementwise/elementwise.js';
import { weightsFromPyTorch } from '../kernels/layout.js';
import { linear } from '../kernels/linear/linear.js';
import { maxPool2d } from '../kernels/maxPool2d/maxPool2d.js';
import { mean } from '../kernels/sum/sum.js';
import type { FrozenWeights } from './frozen-weights.js';
import type { PublicNetwork } from './public-network.js';

/** The length of the features `pool3` of an image. */
export const INCEPTION_FEATURES = 2048;
/** The number of logits. Only 1,000 of them are classes of ImageNet, but both scores use all of them. */
export const INCEPTION_CLASSES = 1008;

/** What the network adds to a variance before it takes the root. */
const EPSILON = 0.001;

interface UnitOptions {
  /** Height and width, or one number for both. Default: 1. */
  readonly kernel?: number | readonly [height: number, width: number];
  readonly stride?: number;
  /** Whether the image keeps its size, for which it is padded by half the kernel. Default: true. */
  readonly same?: boolean;
}

/** Adds a convolution without bias, batch normalisation and ReLU of the name `name` to x. */
type Unit = (x: Tensor, name: string, out: number, options?: UnitOptions) => Tensor;

/** The units of a network, whose batch normalisation is folded into weights and bias. */
function unitsOf(weights: FrozenWeights): Unit {
  return (x, name, out, { kernel = 1, stride = 1, same = true } = {}) => {
    const [h, w] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const channels = x.shape[3] ?? 0;
    const shape = [h, w, channels, out] as const;
    let folded: ReturnType<typeof foldBatchNorm> | undefined;
    const fold = () => {
      folded ??= foldBatchNorm(
        weightsFromPyTorch(weights.values(`${name}.conv.weight`, [out, channels, h, w]), shape),
        undefined,
        {
          gamma: weights.values(`${name}.bn.weight`, [out]),
          beta: weights.values(`${name}.bn.bias`, [out]),
          mean: weights.values(`${name}.bn.running_mean`, [out]),
          variance: weights.values(`${name}.bn.running_var`, [out]),
          epsilon: EPSILON,
        },
      );
      return folded;
    };
    const kernels = weights.derived(`${name}.weight`, shape, () => fold().weights);
    const bias = weights.derived(`${name}.bias`, [out], () => fold().bias);
    const [down, across] = same ? [(h - 1) / 2, (w - 1) / 2] : [0, 0];
    return relu(conv2d(x, kernels, { bias, stride, pad: [down, across, down, across] }));
  };
}

/** The mean over 3×3 pixels, of which only those in the image count. */
const average = (x: Tensor) => avgPool2d(x, { kernel: 3, stride: 1, pad: 1, countIncludePad: false });
/** The maximum over 3×3 pixels of every second row and column. */
const halved = (x: Tensor) => maxPool2d(x, { kernel: 3, stride: 2 });

/** Mixed_5b, 5c and 5d (Szegedy et al. 2016, figure 5). */
function blockA(unit: Unit, x: Tensor, name: string, pooled: number): Tensor {
  const five = unit(x, `${name}.branch5x5_1`, 48);
  const three = unit(unit(x, `${name}.branch3x3dbl_1`, 64), `${name}.branch3x3dbl_2`, 96, { kernel: 3 });
  return concat([
    unit(x, `${name}.branch1x1`, 64),
    unit(five, `${name}.branch5x5_2`, 64, { kernel: 5 }),
    unit(three, `${name}.branch3x3dbl_3`, 96, { kernel: 3 }),
    unit(average(x), `${name}.branch_pool`, pooled),
  ]);
}

/** Mixed_6a, which halves the image. */
function blockB(unit: Unit, x: Tensor, name: string): Tensor {
  const three = unit(unit(x, `${name}.branch3x3dbl_1`, 64), `${name}.branch3x3dbl_2`, 96, { kernel: 3 });
  return concat([
    unit(x, `${name}.branch3x3`, 384, { kernel: 3, stride: 2, same: false }),
    unit(three, `${name}.branch3x3dbl_3`, 96, { kernel: 3, stride: 2, same: false }),
    halved(x),
  ]);
}

/** Mixed_6b to 6e, with 7×7 convolutions in factors (figure 6). */
function blockC(unit: Unit, x: Tensor, name: string, width: number): Tensor {
  const [row, column] = [{ kernel: [1, 7] } as const, { kernel: [7, 1] } as const];
  const once = unit(unit(x, `${name}.branch7x7_1`, width), `${name}.branch7x7_2`, width, row);
  let twice = unit(x, `${name}.branch7x7dbl_1`, width);
  twice = unit(twice, `${name}.branch7x7dbl_2`, width, column);
  twice = unit(twice, `${name}.branch7x7dbl_3`, width, row);
  twice = unit(twice, `${name}.branch7x7dbl_4`, width, column);
  return concat([
    unit(x, `${name}.branch1x1`, 192),
    unit(once, `${name}.branch7x7_3`, 192, column),
    unit(twice, `${name}.branch7x7dbl_5`, 192, row),
    unit(average(x), `${name}.branch_pool`, 192),
  ]);
}

/** Mixed_7a, which halves the image. */
function blockD(unit: Unit, x: Tensor, name: string): Tensor {
  const last = { kernel: 3, stride: 2, same: false };
  let seven = unit(x, `${name}.branch7x7x3_1`, 192);
  seven = unit(seven, `${name}.branch7x7x3_2`, 192, { kernel: [1, 7] });
  seven = unit(seven, `${name}.branch7x7x3_3`, 192, { kernel: [7, 1] });
  return concat([
    unit(unit(x, `${name}.branch3x3_1`, 192), `${name}.branch3x3_2`, 320, last),
    unit(seven, `${name}.branch7x7x3_4`, 192, last),
    halved(x),
  ]);
}

/** Mixed_7b and 7c (figure 7), of which the second pools by maxima. */
function blockE(unit: Unit, x: Tensor, name: string, pool: (x: Tensor) => Tensor): Tensor {
  const split = (y: Tensor, branch: string) => [
    unit(y, `${name}.${branch}a`, 384, { kernel: [1, 3] }),
    unit(y, `${name}.${branch}b`, 384, { kernel: [3, 1] }),
  ];
  const three = unit(x, `${name}.branch3x3_1`, 384);
  const twice = unit(unit(x, `${name}.branch3x3dbl_1`, 448), `${name}.branch3x3dbl_2`, 384, { kernel: 3 });
  return concat([
    unit(x, `${name}.branch1x1`, 320),
    ...split(three, 'branch3x3_2'),
    ...split(twice, 'branch3x3dbl_3'),
    unit(pool(x), `${name}.branch_pool`, 192),
  ]);
}

/** Activations of Inception v3 by name, for N images. The sizes are those for images of 299×299. */
export interface InceptionActivations {
  /** [N, 73, 73, 64]. */
  readonly pool1: Tensor;
  /** [N, 35, 35, 192]. */
  readonly pool2: Tensor;
  /** [N, 35, 35, 288]. */
  readonly mixed_5d: Tensor;
  /** [N, 17, 17, 768]. */
  readonly mixed_6e: Tensor;
  /** The features of which the Fréchet distance is taken, [N, 2048]. */
  readonly pool3: Tensor;
  /** [N, 1008]. */
  readonly logits: Tensor;
  /** The logits without their bias, as the Inception Score takes them, [N, 1008]. */
  readonly unbiasedLogits: Tensor;
}

/**
 * Inception v3 (Szegedy et al. 2016) as TensorFlow's graph of 2015-12-05 has it, with which Inception Score and Fréchet distance were
 * introduced. It differs from torchvision's: average pooling does not count padding, the last block pools by maxima, and there are
 * 1,008 logits. Weights have PyTorch's names (`Mixed_5b.branch1x1.conv.weight`).
 *
 * x is [N, H, W, 3], RGB in [−1, 1], of 299×299 pixels as a rule and of at least 75×75; smaller images are a `ShapeError`.
 */
export function inceptionV3(weights: FrozenWeights, x: Tensor): InceptionActivations {
  const unit = unitsOf(weights);
  let y = unit(x, 'Conv2d_1a_3x3', 32, { kernel: 3, stride: 2, same: false });
  y = unit(y, 'Conv2d_2a_3x3', 32, { kernel: 3, same: false });
  const pool1 = halved(unit(y, 'Conv2d_2b_3x3', 64, { kernel: 3 }));
  y = unit(pool1, 'Conv2d_3b_1x1', 80);
  const pool2 = halved(unit(y, 'Conv2d_4a_3x3', 192, { kernel: 3, same: false }));
  y = blockA(unit, pool2, 'Mixed_5b', 32);
  y = blockA(unit, y, 'Mixed_5c', 64);
  const mixed_5d = blockA(unit, y, 'Mixed_5d', 64);
  y = blockB(unit, mixed_5d, 'Mixed_6a');
  y = blockC(unit, y, 'Mixed_6b', 128);
  y = blockC(unit, y, 'Mixed_6c', 160);
  y = blockC(unit, y, 'Mixed_6d', 160);
  const mixed_6e = blockC(unit, y, 'Mixed_6e', 192);
  y = blockD(unit, mixed_6e, 'Mixed_7a');
  y = blockE(unit, y, 'Mixed_7b', average);
  y = blockE(unit, y, 'Mixed_7c', (last) => maxPool2d(last, { kernel: 3, stride: 1, pad: 1 }));
  const pool3 = mean(y, 'pixels');
  const w = weights.linear('fc.weight', [INCEPTION_CLASSES, INCEPTION_FEATURES]);
  const logits = linear(pool3, w, weights.vector('fc.bias', INCEPTION_CLASSES));
  return { pool1, pool2, mixed_5d, mixed_6e, pool3, logits, unbiasedLogits: linear(pool3, w) };
}

const RELEASES = 'https://github.com';

/** The network of Inception Score and Fréchet distance. Both files are the same. */
export const INCEPTION: PublicNetwork = {
  key: 'inception',
  title: 'Inception v3 of 2015',
  files: [
    {
      name: 'pt_inception-2015-12-05-6726825d.pth',
      bytes: 95_628_359,
      source: `${RELEASES}/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth`,
    },
    {
      name: 'weights-inception-2015-12-05-6726825d.pth',
      bytes: 95_628_359,
      source: `${RELEASES}/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth`,
    },
  ],
  define: (weights) => void inceptionV3(weights, input('image', [1, 75, 75, 3])),
};
