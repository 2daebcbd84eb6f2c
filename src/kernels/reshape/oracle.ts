import { at, type Nd, nd } from '../oracle.js';

/**
 * Returns the same elements in the same order with another shape, in which −1 stands for the size that follows from the
 * others.
 */
export function reshape(x: Nd, shape: readonly number[]): Nd {
  const known = shape.filter((d) => d !== -1).reduce((a, b) => a * b, 1);
  return nd(
    shape.map((d) => (d === -1 ? x.data.length / known : d)),
    (i) => at(x, i),
  );
}
