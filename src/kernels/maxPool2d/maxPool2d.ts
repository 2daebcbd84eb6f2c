import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { nhwc, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
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

/** y[n, i, j, c] = the largest x in the window (i, j). */
export const maxPool2dOp: Op<Attrs> = {
  name: 'maxPool2d',
  args: ['x'],
  results: ['y'],
  epilogue: 'y',
  strided: ['x', 'y'],
  infer: ([x], attrs) => {
    const { kernel, pad } = attrs;
    if (!pad.every((d, i) => d < (kernel[i % 2] as number)))
      throw new ShapeError('maxPool2d', `pad must be integers from 0 to less than the kernel ${kernel}, got ${pad}`);
    const shape = outputSize(x as TensorType, attrs);
    if (shape.some((d) => d < 1))
      throw new ShapeError('maxPool2d', `kernel ${kernel} does not fit x [${(x as TensorType).shape.join(', ')}]`);
    return [{ shape, dtype: 'f32' }];
  },
  // y takes x of the winner of each window  ⇒  gx = Σ of gy over the windows that a pixel wins
  gradient: (node, [gy]) => [gy && applyOne(maxPool2dGradientOp, [node.inputs[0], gy], node.attrs as Attrs)],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).maxPool2dVariants),
  cost: (call) => {
    const x = arg(call, 'x');
    const y = arg(call, 'y');
    const [kh, kw] = call.attrs.kernel;
    return { flops: y.rows * y.channels * kh * kw, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) };
  },
};

/** gx[n, a, b, c] = Σ gy over the windows of which (a, b) is the first maximum. */
export const maxPool2dGradientOp: Op<Attrs> = {
  name: 'maxPool2dGradient',
  args: ['x', 'gy'],
  results: ['gx'],
  epilogue: 'gx',
  strided: ['x', 'gy', 'gx'],
  infer: ([x]) => [x as TensorType],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).maxPool2dGradientVariants),
  cost: (call) => {
    const x = arg(call, 'x');
    const gy = arg(call, 'gy');
    const [kh, kw] = call.attrs.kernel;
    return { flops: gy.rows * gy.channels * kh * kw, bytes: 4 * (2 * x.rows * x.channels + gy.rows * gy.channels) };
  },
};

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
export function maxPool2d(...args: [x: Tensor, options: MaxPool2dOptions]): Tensor {
  const kinds = { x: TENSOR, options: { kernel: SIZES, 'stride?': SIZES, 'pad?': SIZES } };
  const [x, { kernel, stride = kernel, pad = 0 }] = checked('maxPool2d', kinds, args);
  const op = 'maxPool2d';
  const attrs = { kernel: pair(op, 'kernel', kernel, 1), stride: pair(op, 'stride', stride, 1), pad: sides(op, pad) };
  return applyOne(maxPool2dOp, [x], attrs);
}
