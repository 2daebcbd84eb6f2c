import { add4, at, at4, dims4, type Nd, nd } from '../oracle.js';

/**
 * Finds the nearest window position of every pixel: its distance and its row-major index in the window. A distance that
 * is NaN counts as the smallest, and the first of several wins, as in PyTorch's `min`.
 */
export function nearest(generated: Nd, reference: Nd, window: number): { y: Nd; winner: Nd } {
  const [N, H, W, C] = dims4(generated);
  const y = nd([N, H, W]);
  const winner = nd([N, H, W]);
  const r = (window - 1) / 2;
  for (let n = 0, p = 0; n < N; n++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++, p++) {
        let best = Number.POSITIVE_INFINITY;
        for (let k = Math.max(0, i - r); k <= Math.min(H - 1, i + r); k++)
          for (let l = Math.max(0, j - r); l <= Math.min(W - 1, j + r); l++) {
            let distance = 0;
            for (let c = 0; c < C; c++) distance += Math.abs(at4(generated, n, i, j, c) - at4(reference, n, k, l, c));
            const first = k === Math.max(0, i - r) && l === Math.max(0, j - r);
            if (first || (!Number.isNaN(best) && !(distance >= best))) {
              best = distance;
              winner.data[p] = (k - i + r) * window + (l - j + r);
            }
          }
        y.data[p] = best;
      }
  return { y, winner };
}

/** Returns the gradient of Σ gy · distance for `generated`. */
export function nearestBackward(generated: Nd, reference: Nd, window: number, gy: Nd): Nd {
  const [N, H, W, C] = dims4(generated);
  const { winner } = nearest(generated, reference, window);
  const r = (window - 1) / 2;
  const g = nd(generated.shape);
  for (let n = 0, p = 0; n < N; n++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++, p++) {
        const k = at(winner, p);
        const [row, col] = [i + Math.floor(k / window) - r, j + (k % window) - r];
        for (let c = 0; c < C; c++) {
          const difference = at4(generated, n, i, j, c) - at4(reference, n, row, col, c);
          add4(g, n, i, j, c, at(gy, p) * (Math.sign(difference) || 0));
        }
      }
  return g;
}
