import { add, type Nd, nd } from '../oracle.js';

/** The number of elements in a block. */
const BLOCK = 1024;
/** The largest number of partial sums of a tensor, among which its blocks are distributed in turn. */
const MOST_PARTS = 256;

/**
 * Returns partial sums of squares, of each tensor as many as the largest tensor has blocks, but at most 256. Block b of a
 * tensor enters its partial sum b mod parts.
 */
export function sumOfSquares(xs: readonly Nd[]): Nd {
  const parts = Math.min(MOST_PARTS, Math.max(...xs.map((x) => Math.ceil(x.data.length / BLOCK))));
  const y = nd([xs.length * parts]);
  for (const [k, x] of xs.entries())
    for (const [i, v] of x.data.entries()) add(y, k * parts + (Math.floor(i / BLOCK) % parts), v * v);
  return y;
}

/** Returns the norm of the values whose partial sums of squares are given, and the factor that limits it to `maxNorm`. */
export function globalNorm(partial: Nd, maxNorm: number): { norm: Nd; scale: Nd } {
  const norm = Math.sqrt(partial.data.reduce((a, b) => a + b, 0));
  const scale = Number.isNaN(norm) ? norm : Math.min(1, maxNorm / norm);
  return { norm: nd([1], () => norm), scale: nd([1], () => scale) };
}
