import gradientCode from '../../../shaders/maxPool2d/gradient.wgsl?raw';
import gradientVec4Code from '../../../shaders/maxPool2d/gradient-vec4.wgsl?raw';
import naiveCode from '../../../shaders/maxPool2d/naive.wgsl?raw';
import vec4Code from '../../../shaders/maxPool2d/vec4.wgsl?raw';
import { applyOne, arg, type Call, grid, type Launch, type Op, vec4Ready } from '../../autograd/op.js';
import { nhwc, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { type Shader, shader } from '../../gpu/shader.js';

interface Attrs {
  kernel: readonly [height: number, width: number];
  stride: readonly [height: number, width: number];
  pad: readonly [top: number, left: number, bottom: number, right: number];
}

const naive = shader('maxPool2d/naive', naiveCode);
const vec4 = shader('maxPool2d/vec4', vec4Code);
const gradientNaive = shader('maxPool2dGradient/naive', gradientCode);
const gradientVec4 = shader('maxPool2dGradient/vec4', gradientVec4Code);

function outputSize(x: TensorType, { kernel, stride, pad }: Attrs): [number, number, number, number] {
  const [n, h, w, c] = nhwc('maxPool2d', 'x', x);
  const along = (size: number, k: number, s: number, before: number, after: number) =>
    Math.floor((size + before + after - k) / s) + 1;
  const [top, left, bottom, right] = pad;
  return [n, along(h, kernel[0], stride[0], top, bottom), along(w, kernel[1], stride[1], left, right), c];
}

/** A launch of one invocation per `width` channels of the result; `x` is the op's input, `out` the size of its output. */
function launch(call: Call<Attrs>, of: Shader, result: string, out: string, width: number): Launch {
  const [, height, inWidth] = arg(call, 'x').shape as [number, number, number, number];
  const [, outHeight, outWidth] = arg(call, out).shape as [number, number, number, number];
  const { rows, channels } = arg(call, result);
  const { kernel, stride, pad } = call.attrs;
  const count = (rows * channels) / width;
  const params = {
    count,
    channels,
    height,
    width: inWidth,
    out_height: outHeight,
    out_width: outWidth,
    kernel_h: kernel[0],
    kernel_w: kernel[1],
    stride_h: stride[0],
    stride_w: stride[1],
    top: pad[0],
    left: pad[1],
  };
  return { dispatches: [{ shader: of, params, workgroups: grid(count, 64) }] };
}

/** y[n, i, j, c] = the largest x in the window (i, j). */
export const maxPool2dOp: Op<Attrs> = {
  name: 'maxPool2d',
  args: ['x'],
  results: ['y'],
  epilogue: 'y',
  strided: ['x', 'y'],
  infer: ([x], attrs) => {
    const { kernel, stride, pad } = attrs;
    const positive = (d: number) => Number.isInteger(d) && d > 0;
    if (![...kernel, ...stride].every(positive))
      throw new ShapeError('maxPool2d', `kernel and stride must be positive integers, got ${kernel} and ${stride}`);
    if (!pad.every((d, i) => Number.isInteger(d) && d >= 0 && d < (kernel[i % 2] as number)))
      throw new ShapeError('maxPool2d', `pad must be integers from 0 to less than the kernel ${kernel}, got ${pad}`);
    const shape = outputSize(x as TensorType, attrs);
    if (!shape.every(positive))
      throw new ShapeError('maxPool2d', `kernel ${kernel} does not fit x [${(x as TensorType).shape.join(', ')}]`);
    return [{ shape, dtype: 'f32' }];
  },
  // y takes x of the winner of each window  ⇒  gx = Σ of gy over the windows that a pixel wins
  gradient: (node, [gy]) => [gy && applyOne(maxPool2dGradientOp, [node.inputs[0], gy], node.attrs as Attrs)],
  variants: [
    {
      name: 'vec4',
      rejects: ({ arg: { x, y } }) => !vec4Ready(x, y) && 'channels, strides and offsets must be multiples of 4',
      launch: (call) => launch(call, vec4, 'y', 'y', 4),
    },
    { name: 'naive', launch: (call) => launch(call, naive, 'y', 'y', 1) },
  ],
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
  variants: [
    {
      name: 'vec4',
      rejects: ({ arg: { x, gy, gx } }) =>
        !vec4Ready(x, gy, gx) && 'channels, strides and offsets must be multiples of 4',
      launch: (call) => launch(call, gradientVec4, 'gx', 'gy', 4),
    },
    { name: 'naive', launch: (call) => launch(call, gradientNaive, 'gx', 'gy', 1) },
  ],
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
export function maxPool2d(x: Tensor, { kernel, stride = kernel, pad = 0 }: MaxPool2dOptions): Tensor {
  const pair = (v: number | readonly [number, number]) => (typeof v === 'number' ? ([v, v] as const) : v);
  const attrs = {
    kernel: pair(kernel),
    stride: pair(stride),
    pad: typeof pad === 'number' ? ([pad, pad, pad, pad] as const) : pad,
  };
  return applyOne(maxPool2dOp, [x], attrs);
}
