import { apply, type CallOf, defineOp, strided } from '../../autograd/op.js';
import { channelsOf, formatShape, nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { BOOLEAN, checked, oneOf, SIZES } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { pair } from '../conv2d/convolution.js';

type Pair = readonly [vertical: number, horizontal: number];

export interface Attrs {
  readonly mode: 'nearest' | 'bilinear';
  readonly alignCorners: boolean;
  /** The height and width of the result. */
  readonly size: Pair;
  /** The distance in x, in pixels, of neighbouring pixels of the result, rounded to f32. */
  readonly step: Pair;
}

const args = { x: strided };
const results = { y: strided };

export type Resize2dCall = CallOf<Attrs, typeof args, typeof results>;

/** y[n, i, j, c] is channel c of x where pixel (i, j) of the result lies: that of one pixel, or a weighted mean of four. */
export const resize2dOp = defineOp({
  name: 'resize2d',
  args,
  results,
  epilogue: 'y',
  infer: ({ x: { shape } }, { size }: Attrs) => ({
    y: { shape: [shape[0] ?? 0, ...size, channelsOf(shape)], dtype: 'f32' },
  }),
  // y[i] = Σ_a m[i, a] · x[a]  ⇒  gx[a] = Σ_i m[i, a] · gy[i]
  gradient: ({ x }, { y: gy }, { attrs }) => {
    const [, height = 0, width = 0] = x.shape;
    return { x: resize2dGradient(gy, { ...attrs, height, width }) };
  },
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, y }, attrs: { mode } }) => ({
    flops: y.rows * y.channels * (mode === 'nearest' ? 0 : 9),
    bytes: 4 * (x.rows * x.channels + y.rows * y.channels),
  }),
});

export interface GradientAttrs extends Attrs {
  /** The height and width of x. */
  readonly height: number;
  readonly width: number;
}

const gradientArgs = { gy: strided };
const gradientResults = { gx: strided };

export type Resize2dGradientCall = CallOf<GradientAttrs, typeof gradientArgs, typeof gradientResults>;

/** gx[n, a, b, c] = Σ gy[n, i, j, c] · the weight of pixel (a, b) in pixel (i, j) of the result. */
export const resize2dGradientOp = defineOp({
  name: 'resize2dGradient',
  args: gradientArgs,
  results: gradientResults,
  epilogue: 'gx',
  infer: ({ gy: { shape } }, { height, width }: GradientAttrs) => ({
    gx: { shape: [shape[0] ?? 0, height, width, channelsOf(shape)], dtype: 'f32' },
  }),
  // gx is linear in gy, and resizing is the adjoint of its gradient
  gradient: (_, { gx: g }, { attrs: { mode, alignCorners, size, step } }) => ({
    gy: resized(g, { mode, alignCorners, size, step }),
  }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { gy, gx }, attrs: { mode } }) => ({
    flops: gy.rows * gy.channels * (mode === 'nearest' ? 1 : 8),
    bytes: 4 * (gx.rows * gx.channels + gy.rows * gy.channels),
  }),
});

function resized(x: Tensor, attrs: Attrs): Tensor {
  return apply(resize2dOp, { x }, attrs).y;
}

function resize2dGradient(gy: Tensor, attrs: GradientAttrs): Tensor {
  return apply(resize2dGradientOp, { gy }, attrs).gx;
}

export interface ResizeOptions {
  /** Height and width of the result in pixels: one number for both, or [height, width]. */
  size?: number | Pair;
  /** Height and width of the result relative to those of x: one number, or [vertical, horizontal]. It replaces `size`. */
  scale?: number | Pair;
  /** Whether a pixel is one pixel of x, or the mean of four weighted by their distances. Default: nearest. */
  mode?: 'nearest' | 'bilinear';
  /**
   * Whether, for bilinear, the centres of the corner pixels of both images coincide. Otherwise the corners of the images
   * coincide, and the centres of the corner pixels are half a pixel from them. Default: false.
   */
  alignCorners?: boolean;
}

/** Returns the number of pixels along an axis of the result and their distance in x, computed as PyTorch does. */
function axis(op: string, size: number, wanted: number | undefined, scale: number | undefined, options: ResizeOptions) {
  const { mode = 'nearest', alignCorners = false } = options;
  const count = wanted ?? Math.floor(size * (scale ?? 1));
  if (count < 1) throw new ShapeError(op, `with scale ${scale}, a size of ${size} pixels becomes 0`);
  if (alignCorners) return { count, step: Math.fround(count > 1 ? (size - 1) / (count - 1) : 0) };
  // If the sizes are equal, the image is not changed, even if the scale is not exactly 1.
  const exact = count === size || (mode === 'nearest' && count === 2 * size);
  return { count, step: Math.fround(exact || scale === undefined ? size / count : 1 / scale) };
}

/** Returns one scale for both axes as a pair. Throws `ShapeError` unless both are positive. */
function scales(op: string, scale: number | readonly number[]): Pair {
  const [vertical = 0, horizontal = 0, ...more] = typeof scale === 'number' ? [scale, scale] : scale;
  if (!(vertical > 0 && horizontal > 0) || more.length)
    throw new ShapeError(op, `scale must be a positive number or two of them, got ${String(scale)}`);
  return [vertical, horizontal];
}

/**
 * Returns x [N, H, W, C] resized to [N, height, width, C], as PyTorch's `interpolate` does. The options give either the
 * size, or `scale`, with which the height is ⌊H · scale⌋.
 *
 * Let s be H / height, or 1 / scale if the scale is given. With `nearest`, row i of the result is row ⌊i·s⌋ of x. With
 * `bilinear` it lies at row s·(i + ½) − ½ of x, but not above the first or below the last row, and between two rows it is
 * their mean, weighted by distance. With `alignCorners` it lies at row i·(H − 1) / (height − 1). Columns are treated
 * likewise.
 *
 * Throws `ShapeError` unless x has four dimensions, exactly one of size and scale is given, sizes are integers of at least
 * 1, and scales are positive. It also throws for `alignCorners` with `nearest`, which has no such convention.
 */
export function resize2d(...given: [x: Tensor, options: ResizeOptions]): Tensor {
  const op = 'resize2d';
  const kinds = {
    x: TENSOR,
    options: { 'size?': SIZES, 'scale?': SIZES, 'mode?': oneOf('nearest', 'bilinear'), 'alignCorners?': BOOLEAN },
  };
  const [x, options] = checked(op, kinds, given);
  const { size, scale, mode = 'nearest', alignCorners = false } = options;
  const [, H, W] = nhwc(op, 'x', x);
  if ((size === undefined) === (scale === undefined))
    throw new ShapeError(
      op,
      `either size or scale must be given for x ${formatShape(x.shape)}, got ${size === undefined ? 'none' : 'both'}`,
    );
  if (alignCorners && mode === 'nearest')
    throw new ShapeError(op, 'alignCorners needs the mode bilinear, because nearest has no such convention');
  const [height, width] = size === undefined ? [] : pair(op, 'size', size, 1, Number.MAX_SAFE_INTEGER);
  const [vertical, horizontal] = scale === undefined ? [] : scales(op, scale);
  const [down, across] = [axis(op, H, height, vertical, options), axis(op, W, width, horizontal, options)];
  return resized(x, { mode, alignCorners, size: [down.count, across.count], step: [down.step, across.step] });
}
