import { add4, at, at4, dims4, type Nd, nd } from '../oracle.js';

export interface Settings {
  aggregate: 'max' | 'mean';
  identity: boolean;
  maskOn: 'source' | 'target';
  scale: number;
}

/** One source pixel of a candidate: its row, its column and its weight, mask included. */
type Tap = readonly [i: number, j: number, weight: number];

/** Returns the taps of every candidate at target pixel (row, col) of image n, those of the identity first. */
function candidates(affine: Nd, mask: Nd, n: number, row: number, col: number, s: Settings): Tap[][] {
  const [, H = 0, W = 0] = mask.shape;
  const [, P = 0] = affine.shape;
  const covers = (i: number, j: number, h: number) =>
    i >= 0 && j >= 0 && i < H && j < W && Math.floor(at(mask, (n * H + i) * W + j) / 2 ** h) % 2 === 1;
  const found: Tap[][] = s.identity ? [[[row, col, 1]]] : [];
  for (let h = 0; h < P; h++) {
    const m = (k: number) => at(affine, 6 * (n * P + h) + k);
    // A pixel i of the coarse grid lies at s·i + o at full resolution.
    const o = (s.scale - 1) / 2;
    const [X, Y] = [s.scale * col + o, s.scale * row + o];
    const x = (m(0) * X + m(1) * Y + m(2) - o) / s.scale;
    const y = (m(3) * X + m(4) * Y + m(5) - o) / s.scale;
    const taps: Tap[] = [];
    for (const i of [Math.floor(y), Math.floor(y) + 1])
      for (const j of [Math.floor(x), Math.floor(x) + 1]) {
        const kept = s.maskOn === 'source' ? covers(i, j, h) : covers(row, col, h);
        const weight = (1 - Math.abs(x - j)) * (1 - Math.abs(y - i));
        if (kept && weight) taps.push([i, j, weight]);
      }
    found.push(taps);
  }
  return found;
}

/** Calls `visit` for every pixel and channel with each candidate's taps and values. */
function forEachPixel(
  x: Nd,
  affine: Nd,
  mask: Nd,
  s: Settings,
  visit: (n: number, i: number, j: number, c: number, taps: readonly Tap[][], values: readonly number[]) => void,
): void {
  const [N, H, W, C] = dims4(x);
  for (let n = 0; n < N; n++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++) {
        const taps = candidates(affine, mask, n, i, j, s);
        for (let c = 0; c < C; c++) {
          const values = taps.map((t) => t.reduce((sum, [k, l, weight]) => sum + weight * at4(x, n, k, l, c), 0));
          visit(n, i, j, c, taps, values);
        }
      }
}

/** Returns the index of the first NaN, which PyTorch's `max` chooses, or of the first of the largest values. */
function largest(values: readonly number[]): number {
  const nan = values.findIndex(Number.isNaN);
  return nan >= 0 ? nan : values.indexOf(Math.max(...values));
}

/** Returns the aggregate and, for the maximum, the winners. That of channel c is byte c mod 4 of word c div 4. */
export function deform(x: Nd, affine: Nd, mask: Nd, s: Settings): { y: Nd; winner: Nd } {
  const y = nd(x.shape);
  const [N, H, W, C] = dims4(x);
  const winner = nd([N, H, W, Math.ceil(C / 4)]);
  forEachPixel(x, affine, mask, s, (n, i, j, c, _, values) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    add4(y, n, i, j, c, s.aggregate === 'max' ? Math.max(...values) : mean);
    add4(winner, n, i, j, Math.floor(c / 4), largest(values) * 256 ** (c % 4));
  });
  return { y, winner };
}

export function deformBackward(x: Nd, affine: Nd, mask: Nd, s: Settings, gy: Nd): Nd {
  const gx = nd(x.shape);
  forEachPixel(x, affine, mask, s, (n, i, j, c, taps, values) => {
    const g = at4(gy, n, i, j, c);
    const best = largest(values);
    for (const [h, candidate] of taps.entries()) {
      const share = s.aggregate === 'max' ? Number(h === best) : 1 / taps.length;
      for (const [k, l, weight] of candidate) add4(gx, n, k, l, c, g * share * weight);
    }
  });
  return gx;
}
