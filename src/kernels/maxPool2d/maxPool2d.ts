import { apply, type CallOf, defineOp, strided } from '../../autograd/op.js';
import { formatShape, nhwc, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, SIZES } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { pair, sides } from '../conv2d/convolution.js';

export interface Attrs {
  kernel: readonly [height: number, width: number];
  stride: readonly [height: number, width: number];
  pad: readonly [top: number, left: number, bottom: number, right: number];
}

function outputSize(x: TensorType, { kernel, stride, pad }: Attrs): [number, number, number, number] {
  const [n, h, w, c] = nhwc('maxPool2d', 'x', x);
  const along = (size: number, k: number, s: number, before: number, after: number) =>
    Math.floor((size + before + after - k) / s) + 1;
  const [top, left, bottom, right] = pad;
  return [n, along(h, kernel[0], stride[0], top, bottom), along(w, kernel[1], stride[1], left, right), c];
}

const args = { x: strided };
const results = { y: strided };

export type MaxPool2dCall = CallOf<Attrs, typeof args, typeof results>;

/** y[n, i, j, c] = the largest x in the window (i, j). */
export const maxPool2dOp = defineOp({
  name: 'maxPool2d',
  args,
  results,
  epilogue: 'y',
  infer: ({ x }, attrs: Attrs) => {
    const { kernel, pad } = attrs;
    if (!pad.every((d, i) => d < (kernel[i % 2] ?? 0)))
      throw new ShapeError('maxPool2d', `pad must be integers from 0 to less than the kernel ${kernel}, got ${pad}`);
    const shape = outputSize(x, attrs);
    if (shape.some((d) => d < 1))
      throw new ShapeError('maxPool2d', `kernel ${kernel} does not fit x ${formatShape(x.shape)}`);
    return { y: { shape, dtype: 'f32' } };
  },
  // y takes x of the winner of each window  ⇒  gx = Σ of gy over the windows that a pixel wins
  gradient: ({ x }, { y: gy }, { attrs }) => ({ x: apply(maxPool2dGradientOp, { x, gy }, attrs).gx }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, y }, attrs }) => {
    const [kh, kw] = attrs.kernel;
    return { flops: y.rows * y.channels * kh * kw, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) };
  },
});

const gradientArgs = { x: strided, gy: strided };
const gradientResults = { gx: strided };

export type MaxPool2dGradientCall = CallOf<Attrs, typeof gradientArgs, typeof gradientResults>;

/** gx[n, a, b, c] = Σ gy over the windows of which (a, b) is the first maximum. */
export const maxPool2dGradientOp = defineOp({
  name: 'maxPool2dGradient',
  args: gradientArgs,
  results: gradientResults,
  epilogue: 'gx',
  infer: ({ x }, _: Attrs) => ({ gx: x }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { x, gy }, attrs }) => {
    const [kh, kw] = attrs.kernel;
    return { flops: gy.rows * gy.channels * kh * kw, bytes: 4 * (2 * x.rows * x.channels + gy.rows * gy.channels) };
  },
});

export interface MaxPool2dOptions {
  /** Window size in pixels: one number, or height and width. */
  kernel: number | readonly [height: number, width: number];
  /** Distance of neighbouring windows; the kernel when absent. */
  stride?: number | readonly [height: number, width: number];
  /** Pixels by which the first and last windows may lie outside; 0 when absent. */
  pad?: number | readonly [top: number, left: number, bottom: number, right: number];
}

/**
 * Maximum over windows of x [N, H, W, C]: [N, ⌊(H + top + bottom − kernel) / stride⌋ + 1, likewise W, C]. Positions outside the
 * image are no candidates; of equal values the first in row-major order gets the gradient. Between VGG-19 conv1_2 and conv2_1
 * (spec §6, ablation `perc`) it is 2×2. `ShapeError` unless x has four dimensions, the kernel fits and pad is smaller than it.
 */
export function maxPool2d(...given: [x: Tensor, options: MaxPool2dOptions]): Tensor {
  const kinds = { x: TENSOR, options: { kernel: SIZES, 'stride?': SIZES, 'pad?': SIZES } };
  const [x, { kernel, stride = kernel, pad = 0 }] = checked('maxPool2d', kinds, given);
  const op = 'maxPool2d';
  const attrs = { kernel: pair(op, 'kernel', kernel, 1), stride: pair(op, 'stride', stride, 1), pad: sides(op, pad) };
  return apply(maxPool2dOp, { x }, attrs).y;
}
