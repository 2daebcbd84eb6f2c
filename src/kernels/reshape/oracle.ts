import { at, type Nd, nd } from '../oracle.js';

/** The same elements in the same order under another shape, in which −1 stands for the size that makes up for the others. */
export function reshape(x: Nd, shape: readonly number[]): Nd {
  const known = shape.filter((d) => d !== -1).reduce((a, b) => a * b, 1);
  return nd(
    shape.map((d) => (d === -1 ? x.data.length / known : d)),
    (i) => at(x, i),
  );
}
