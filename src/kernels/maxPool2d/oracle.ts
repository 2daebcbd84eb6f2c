import { add4, at4, dims4, type Nd, nd } from '../oracle.js';

export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pad: readonly [number, number, number, number];
  readonly ceilMode: boolean;
}

/**
 * Calls `visit` with every output index and the input pixel that wins its window, which is the first maximum in
 * row-major order, or the last NaN, as in PyTorch.
 */
function winners(x: Nd, w: Window, visit: (n: number, i: number, j: number, c: number, a: number, b: number) => void) {
  const [N, H, W, C] = dims4(x);
  const [, out, wide] = pooledShape(x, w);
  for (let n = 0; n < N; n++)
    for (let i = 0; i < out; i++)
      for (let j = 0; j < wide; j++)
        for (let c = 0; c < C; c++) {
          let best = Number.NEGATIVE_INFINITY;
          let [a, b] = [-1, -1];
          for (let u = 0; u < w.kernel[0]; u++)
            for (let v = 0; v < w.kernel[1]; v++) {
              const [s, t] = [i * w.stride[0] + u - w.pad[0], j * w.stride[1] + v - w.pad[1]];
              if (s < 0 || t < 0 || s >= H || t >= W) continue;
              const value = at4(x, n, s, t, c);
              if (a >= 0 && !(value > best || Number.isNaN(value))) continue;
              best = value;
              [a, b] = [s, t];
            }
          visit(n, i, j, c, a, b);
        }
}

/**
 * Returns the size of the pooled image. It counts the windows that begin before the image ends and, in floor mode, end
 * before its padding does.
 */
export function pooledShape(x: Nd, { kernel, stride, pad, ceilMode }: Window): [number, number, number, number] {
  const [N, H, W, C] = dims4(x);
  const along = (size: number, k: number, s: number, before: number, after: number) => {
    const end = size + before + after;
    const fits = (start: number) => (ceilMode ? start < size + before && start + k < end + s : start + k <= end);
    let count = 0;
    while (fits(count * s)) count++;
    return count;
  };
  return [
    ...([N, along(H, kernel[0], stride[0], pad[0], pad[2])] as const),
    ...([along(W, kernel[1], stride[1], pad[1], pad[3]), C] as const),
  ];
}

/** y[n, i, j, c] = max of x over the window (i, j). */
export function maxPool2d(x: Nd, w: Window): Nd {
  const y = nd(pooledShape(x, w));
  winners(x, w, (n, i, j, c, a, b) => add4(y, n, i, j, c, at4(x, n, a, b, c)));
  return y;
}

/** Adds gy of every window to its winner. */
export function maxPool2dGradient(x: Nd, w: Window, gy: Nd): Nd {
  const gx = nd(x.shape);
  winners(x, w, (n, i, j, c, a, b) => add4(gx, n, a, b, c, at4(gy, n, i, j, c)));
  return gx;
}
