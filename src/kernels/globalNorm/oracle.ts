import { add, type Nd, nd } from '../oracle.js';

/** Elements are added up in blocks of so many, and the blocks of a tensor are dealt out to at most so many sums. */
const BLOCK = 1024;
const MOST_PARTS = 256;

/** The sums of squares of the tensors, as many of each as the largest has blocks; block b enters sum b mod parts. */
export function sumOfSquares(xs: readonly Nd[]): Nd {
  const parts = Math.min(MOST_PARTS, Math.max(...xs.map((x) => Math.ceil(x.data.length / BLOCK))));
  const y = nd([xs.length * parts]);
  for (const [k, x] of xs.entries())
    for (const [i, v] of x.data.entries()) add(y, k * parts + (Math.floor(i / BLOCK) % parts), v * v);
  return y;
}

/** The norm of all values whose sums of squares these are, and what to multiply them by so that it is at most `maxNorm`. */
export function globalNorm(partial: Nd, maxNorm: number): { norm: Nd; scale: Nd } {
  const norm = Math.sqrt(partial.data.reduce((a, b) => a + b, 0));
  const scale = Number.isNaN(norm) ? norm : Math.min(1, maxNorm / norm);
  return { norm: nd([1], () => norm), scale: nd([1], () => scale) };
}
