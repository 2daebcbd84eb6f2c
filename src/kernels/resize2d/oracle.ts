import { add4, at4, dims4, type Nd, nd } from '../oracle.js';

export interface Resizing {
  readonly size?: number | readonly [number, number];
  readonly scale?: number | readonly [number, number];
  readonly mode?: 'nearest' | 'bilinear';
  readonly alignCorners?: boolean;
}

/** The elements of an axis that one element of the resized axis is the weighted sum of. */
type Sources = readonly (readonly [from: number, weight: number])[];

/** Returns the sources of every element of a resized axis. */
function sources(length: number, axis: 0 | 1, options: Resizing): Sources[] {
  const along = (value: number | readonly [number, number] | undefined) =>
    typeof value === 'object' ? value[axis] : value;
  const [size, scale] = [along(options.size), along(options.scale)];
  const count = size ?? Math.floor(length * (scale ?? 1));
  const step = scale === undefined || count === length ? length / count : 1 / scale;
  return Array.from({ length: count }, (_, i): Sources => {
    if (options.mode !== 'bilinear') {
      // PyTorch computes positions in f32, where rounding can put them just below a whole number. For twice the size they
      // are exact.
      const at = count === 2 * length ? i / 2 : Math.fround(i * Math.fround(step));
      return [[Math.min(Math.floor(at), length - 1), 1]];
    }
    const corners = count > 1 ? (i * (length - 1)) / (count - 1) : 0;
    const at = options.alignCorners ? corners : Math.max(step * (i + 0.5) - 0.5, 0);
    const first = Math.min(Math.floor(at), length - 1);
    const weight = Math.min(at - first, 1);
    return [
      [first, 1 - weight],
      [Math.min(first + 1, length - 1), weight],
    ];
  });
}

/** Calls `visit` for every pixel (a, b) of the image that has a weight in the pixel (i, j) of the resized one. */
function pairs(
  height: number,
  width: number,
  options: Resizing,
  visit: (i: number, j: number, a: number, b: number, weight: number) => void,
): void {
  for (const [i, rows] of sources(height, 0, options).entries())
    for (const [j, columns] of sources(width, 1, options).entries())
      for (const [a, down] of rows) for (const [b, across] of columns) visit(i, j, a, b, down * across);
}

/** y[n, i, j, c] = Σ weight · x[n, a, b, c]. */
export function resize2d(x: Nd, options: Resizing): Nd {
  const [N, H, W, C] = dims4(x);
  const y = nd([N, sources(H, 0, options).length, sources(W, 1, options).length, C]);
  pairs(H, W, options, (i, j, a, b, weight) => {
    for (let n = 0; n < N; n++) for (let c = 0; c < C; c++) add4(y, n, i, j, c, weight * at4(x, n, a, b, c));
  });
  return y;
}

/** gx[n, a, b, c] = Σ weight · gy[n, i, j, c], for an image of shape `shape`. */
export function resize2dGradient(shape: readonly number[], options: Resizing, gy: Nd): Nd {
  const gx = nd(shape);
  const [N, H, W, C] = dims4(gx);
  pairs(H, W, options, (i, j, a, b, weight) => {
    for (let n = 0; n < N; n++) for (let c = 0; c < C; c++) add4(gx, n, a, b, c, weight * at4(gy, n, i, j, c));
  });
  return gx;
}
