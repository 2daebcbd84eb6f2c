import { add4, at4, type Nd, nd } from '../oracle.js';

/** The four taps of T(q) on a grid `scale` times coarser: source column, source row, weight. */
function taps(affine: Nd, k: number, scale: number, col: number, row: number): [number, number, number][] {
  const [a, b, c, d, e, f] = affine.data.slice(6 * k, 6 * k + 6) as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // A pixel i of the coarse grid lies at s·i + o at full resolution, o = (s − 1)/2.
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
  const [N, H, W, C] = x.shape as [number, number, number, number];
  const P = affine.shape[1] as number;
  for (let n = 0, k = 0; n < N; n++)
    for (let h = 0; h < P; h++)
      for (let row = 0; row < H; row++)
        for (let col = 0; col < W; col++) {
          const around = taps(affine, n * P + h, scale, col, row);
          for (let c = 0; c < C; c++, k++) for (const [l, t, weight] of around) visit(k, n, t, l, c, weight);
        }
}

export function warp(x: Nd, affine: Nd, scale: number): Nd {
  const [N, ...image] = x.shape as [number, number, number, number];
  const y = nd([N, affine.shape[1] as number, ...image]);
  forEachTap(x, affine, scale, (k, n, i, j, c, weight) => {
    y.data[k] = (y.data[k] as number) + weight * at4(x, n, i, j, c);
  });
  return y;
}

export function warpBackward(x: Nd, affine: Nd, scale: number, gy: Nd): Nd {
  const gx = nd(x.shape);
  forEachTap(x, affine, scale, (k, n, i, j, c, weight) => add4(gx, n, i, j, c, weight * (gy.data[k] as number)));
  return gx;
}
