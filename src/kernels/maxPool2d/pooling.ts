import { formatShape, nhwc, type TensorType } from '../../autograd/tensor.js';
import { BOOLEAN, type Kinds, SIZES } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { pair, sides } from '../conv2d/convolution.js';

/** maxPool2d and avgPool2d share this file: their windows and the size of their results. */

export interface PoolOptions {
  /** The size of the window in pixels: one number, or height and width. */
  kernel: number | readonly [height: number, width: number];
  /** The distance of neighbouring windows in pixels: one number, or [vertical, horizontal]. Default: the kernel. */
  stride?: number | readonly [vertical: number, horizontal: number];
  /** The pixels by which the first and last windows may extend outside the image. Default: 0. */
  pad?: number | readonly [top: number, left: number, bottom: number, right: number];
  /** Whether the last window may extend beyond image and padding, so that every pixel has a window. Default: false. */
  ceilMode?: boolean;
}

export const POOL: Kinds = { kernel: SIZES, 'stride?': SIZES, 'pad?': SIZES, 'ceilMode?': BOOLEAN };

export interface PoolAttrs {
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [vertical: number, horizontal: number];
  readonly pad: readonly [top: number, left: number, bottom: number, right: number];
  readonly ceilMode: boolean;
}

export function poolAttrs(op: string, { kernel, stride = kernel, pad = 0, ceilMode = false }: PoolOptions): PoolAttrs {
  return {
    ...{ kernel: pair(op, 'kernel', kernel, 1), stride: pair(op, 'stride', stride, 1) },
    ...{ pad: sides(op, pad), ceilMode },
  };
}

/**
 * Returns the shape of the pooled image. Throws `ShapeError` if the padding is not less than the kernel, or no window
 * fits.
 */
export function poolShape(op: string, x: TensorType, attrs: PoolAttrs): [number, number, number, number] {
  const { kernel, stride, pad, ceilMode } = attrs;
  const [n, h, w, c] = nhwc(op, 'x', x);
  if (!pad.every((d, i) => d < (kernel[i % 2] ?? 0)))
    throw new ShapeError(op, `pad must be integers from 0 to less than the kernel ${kernel}, got ${pad}`);
  const along = (size: number, k: number, s: number, before: number, after: number) => {
    const steps = (size + before + after - k) / s;
    const last = ceilMode ? Math.ceil(steps) : Math.floor(steps);
    // A window that would begin in the padding after the image contains no pixel.
    return (last * s < size + before ? last : last - 1) + 1;
  };
  const [top, left, bottom, right] = pad;
  const [down, across] = [along(h, kernel[0], stride[0], top, bottom), along(w, kernel[1], stride[1], left, right)];
  if (down < 1 || across < 1) throw new ShapeError(op, `kernel ${kernel} does not fit x ${formatShape(x.shape)}`);
  return [n, down, across, c];
}
