import type { Arg } from '../../autograd/kernel.js';
import type { Cost } from '../../autograd/op.js';
import { TENSOR, type Tensor } from '../../autograd/tensor.js';
import { COUNT, type Kinds, SIZES } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

/** conv2d, convTranspose2d, pools and their gradients share this file: stride, padding, dilation and sizes. */

export interface ConvOptions {
  /** The distance of neighbouring windows in pixels: one number, or [vertical, horizontal]. Default: 1. */
  stride?: number | readonly [number, number];
  /** The width in pixels of the zeros around the image: one number, or [top, left, bottom, right]. Default: 0. */
  pad?: number | readonly [number, number, number, number];
  /** The bias [Cout], one value per output channel. Default: none. */
  bias?: Tensor;
  /** The distance of neighbouring taps of the kernel in pixels: one number, or [vertical, horizontal]. Default: 1. */
  dilation?: number | readonly [number, number];
  /** The number of groups into which the channels are divided. Each group is convolved by itself. Default: 1. */
  groups?: number;
}

export const CONV: Kinds = { 'stride?': SIZES, 'pad?': SIZES, 'bias?': TENSOR, 'dilation?': SIZES, 'groups?': COUNT };

export interface ConvAttrs {
  readonly stride: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pad: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
}

/**
 * The largest kernel of a pool, stride, padding, dilation and window in pixels, so that products of two of them, and their sums
 * with the sides of images, do not overflow in kernels, which compute positions in 32 bits.
 */
export const MOST_PIXELS = 2 ** 15 - 1;

const isCount = (least: number, most: number) => (n: number) => Number.isInteger(n) && n >= least && n <= most;

/** Returns one number for both axes as a pair. Throws `ShapeError` unless both are integers from `least` to `most`. */
export function pair(
  op: string,
  name: string,
  value: number | readonly number[],
  least: number,
  most = MOST_PIXELS,
): [number, number] {
  const list = typeof value === 'number' ? [value, value] : value;
  const [vertical = Number.NaN, horizontal = Number.NaN] = list;
  if (list.length !== 2 || ![vertical, horizontal].every(isCount(least, most)))
    throw new ShapeError(
      op,
      `${name} must be an integer from ${least} to ${most} or two of them, got ${String(value)}`,
    );
  return [vertical, horizontal];
}

/** Returns one number for all sides as four. Throws `ShapeError` unless they are integers from 0 to `MOST_PIXELS`. */
export function sides(op: string, pad: number | readonly number[]): [number, number, number, number] {
  const list = typeof pad === 'number' ? [pad, pad, pad, pad] : pad;
  const [top = Number.NaN, left = Number.NaN, bottom = Number.NaN, right = Number.NaN] = list;
  if (list.length !== 4 || ![top, left, bottom, right].every(isCount(0, MOST_PIXELS)))
    throw new ShapeError(
      op,
      `pad must be an integer from 0 to ${MOST_PIXELS} or [top, left, bottom, right], got ${String(pad)}`,
    );
  return [top, left, bottom, right];
}

/** Returns the attributes for options. Throws `ShapeError` if they are not the integers that they must be. */
export function convAttrs(op: string, { stride = 1, pad = 0, dilation = 1 }: ConvOptions): ConvAttrs {
  return {
    ...{ stride: pair(op, 'stride', stride, 1), pad: sides(op, pad) },
    dilation: pair(op, 'dilation', dilation, 1),
  };
}

/** Returns the dilation of a kernel in words for an error, or an empty string if there is none. */
export function dilated({ dilation: [dh, dw] }: ConvAttrs): string {
  return dh === 1 && dw === 1 ? '' : ` with dilation [${dh}, ${dw}]`;
}

/** Returns the distance in pixels from the first tap of a kernel to the last, along each axis. */
function spanOf([KH = 0, KW = 0]: readonly number[], { dilation: [dh, dw] }: ConvAttrs): [number, number] {
  return [dh * (KH - 1), dw * (KW - 1)];
}

/** Returns height and width of a convolution's result, or `undefined` if the kernel is larger than the padded image. */
export function convSize(
  [H = 0, W = 0]: readonly number[],
  kernel: readonly number[],
  attrs: ConvAttrs,
): [number, number] | undefined {
  const {
    stride: [sh, sw],
    pad: [top, left, bottom, right],
  } = attrs;
  const [down, across] = spanOf(kernel, attrs);
  const height = H + top + bottom - down - 1;
  const width = W + left + right - across - 1;
  return height < 0 || width < 0 ? undefined : [Math.floor(height / sh) + 1, Math.floor(width / sw) + 1];
}

/** Returns height and width of a transposed convolution's result before output padding. They may be less than 1. */
export function transposedSize(
  [H = 0, W = 0]: readonly number[],
  kernel: readonly number[],
  attrs: ConvAttrs,
): [number, number] {
  const {
    stride: [sh, sw],
    pad: [top, left, bottom, right],
  } = attrs;
  const [down, across] = spanOf(kernel, attrs);
  return [(H - 1) * sh - top - bottom + down + 1, (W - 1) * sw - left - right + across + 1];
}

/**
 * Returns the number of rows and columns of x that no window of a convolution reaches, which is the output padding of its
 * input gradient.
 */
export function leftOver(x: Tensor, w: Tensor, gy: Tensor, attrs: ConvAttrs): [number, number] {
  const [, H = 0, W = 0] = x.shape;
  const [height, width] = transposedSize(gy.shape.slice(1, 3), w.shape, attrs);
  return [H - height, W - width];
}

/**
 * Counts two operations for each pixel of the smaller image and each weight, and one read or write of every tensor.
 */
export function convCost(all: Readonly<Record<string, Arg | undefined>>, small: Arg, weights: Arg): Cost {
  const size = Object.values(all).reduce((n, a) => n + (a ? a.rows * a.channels : 0), 0);
  return { flops: 2 * small.rows * weights.rows * weights.channels, bytes: 4 * size };
}
