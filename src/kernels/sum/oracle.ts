import { add, at, dims4, type Nd, nd } from '../oracle.js';

type Over = 'all' | 'rows' | 'pixels' | 'channels';

/**
 * Returns the shape of the sum of an array of this shape, and a function from an element of the array to the element of
 * the sum that it enters.
 */
function target(shape: readonly number[], over: Over): { reduced: number[]; of: (index: number) => number } {
  const [channels = 0] = shape.slice(-1);
  if (over === 'all') return { reduced: [1], of: () => 0 };
  if (over === 'rows') return { reduced: [channels], of: (i) => i % channels };
  if (over === 'channels')
    return { reduced: shape.length > 1 ? shape.slice(0, -1) : [1], of: (i) => Math.floor(i / channels) };
  const [n, h, w, c] = dims4({ shape });
  return { reduced: [n, c], of: (i) => Math.floor(i / (h * w * c)) * c + (i % c) };
}

/** Returns Σ of x over some dimensions. */
export function sum(x: Nd, over: Over): Nd {
  const { reduced, of } = target(x.shape, over);
  const y = nd(reduced);
  for (const [i, v] of x.data.entries()) add(y, of(i), v);
  return y;
}

/** Repeats x over the dimensions that the sum of an array of this shape removes. */
export function broadcast(x: Nd, shape: readonly number[], over: Over): Nd {
  const { of } = target(shape, over);
  return nd(shape, (i) => at(x, of(i)));
}

/** Returns the number of terms of each sum. */
export function terms(shape: readonly number[], over: Over): number {
  const size = (s: readonly number[]) => s.reduce((a, b) => a * b, 1);
  return size(shape) / size(target(shape, over).reduced);
}

export function times(x: Nd, k: number): Nd {
  return nd(x.shape, (i) => k * at(x, i));
}
