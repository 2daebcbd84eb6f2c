import { add, add4, at, at4, dims4, type Nd, nd } from '../oracle.js';

/** Returns the four taps of T(q) on a grid `scale` times coarser, each as source column, source row and weight. */
function taps(affine: Nd, k: number, scale: number, col: number, row: number): [number, number, number][] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = affine.data.slice(6 * k, 6 * k + 6);
  // A pixel i of the coarse grid lies at s·i + o at full resolution, where o = (s − 1)/2.
  const o = (scale - 1) / 2;
  const [X, Y] = [scale * col + o, scale * row + o];
  const x = (a * X + b * Y + c - o) / scale;
  const y = (d * X + e * Y + f - o) / scale;
  const [l, t] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [x - l, y - t];
  return [
    [l, t, (1 - u) * (1 - v)],
    [l + 1, t, u * (1 - v)],
    [l, t + 1, (1 - u) * v],
    [l + 1, t + 1, u * v],
  ];
}

/** Calls `visit` for every element k of the warped images [N, P, H, W, C] and each of its taps. */
function forEachTap(
  x: Nd,
  affine: Nd,
  scale: number,
  visit: (k: number, n: number, i: number, j: number, c: number, weight: number) => void,
): void {
  const [N, H, W, C] = dims4(x);
  const [, P = 0] = affine.shape;
  for (let n = 0, k = 0; n < N; n++)
    for (let h = 0; h < P; h++)
      for (let row = 0; row < H; row++)
        for (let col = 0; col < W; col++) {
          const around = taps(affine, n * P + h, scale, col, row);
          for (let c = 0; c < C; c++, k++) for (const [l, t, weight] of around) visit(k, n, t, l, c, weight);
        }
}

export function warp(x: Nd, affine: Nd, scale: number): Nd {
  const [N, ...image] = dims4(x);
  const [, P = 0] = affine.shape;
  const y = nd([N, P, ...image]);
  forEachTap(x, affine, scale, (k, n, i, j, c, weight) => add(y, k, weight * at4(x, n, i, j, c)));
  return y;
}

export function warpBackward(x: Nd, affine: Nd, scale: number, gy: Nd): Nd {
  const gx = nd(x.shape);
  forEachTap(x, affine, scale, (k, n, i, j, c, weight) => add4(gx, n, i, j, c, weight * at(gy, k)));
  return gx;
}
