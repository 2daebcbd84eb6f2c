import { at, type Nd, nd } from '../oracle.js';

/** The same elements in the same order under another shape. */
export function reshape(x: Nd, shape: readonly number[]): Nd {
  return nd(shape, (i) => at(x, i));
}
