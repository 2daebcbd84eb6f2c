import { terms } from '../kernels/rooms.js';
import { nmse } from './check-case.js';

/** How results differ from the expected ones. */
export interface Differences {
  /** Index of the first element that differs; `got` and `expected` are its values. */
  readonly index: number;
  /** `null` if it is not finite or was never written. */
  readonly got: number | null;
  readonly expected: number;
  readonly differing: number;
  readonly total: number;
  readonly maxError: number | null;
  readonly nmse: number | null;
}

/** A single element counts as wrong if its error is more than this many times √tolerance · (root mean square of the results). */
const OUTLIER = 10;

/**
 * Where results differ. Integers must be equal. For other numbers the NMSE must be within the tolerance, and so must every
 * element by itself (see `OUTLIER`), because a single wrong one hardly changes the NMSE of many.
 */
export function differences(
  got: ArrayLike<number>,
  want: Float32Array | Float64Array | Uint32Array,
  tolerance: number,
): { nmse: number; bad: number[]; found?: Differences } {
  const error = nmse(got, want);
  let squares = 0;
  for (const v of want) squares += v * v;
  // If the NMSE exceeds the tolerance, the error of at least one element exceeds the slack without the factor.
  const factor = got instanceof Uint32Array ? 0 : error <= tolerance ? OUTLIER : 1;
  const slack = factor * Math.sqrt((tolerance * squares) / want.length);
  const errorAt = (i: number) => Math.abs((got[i] as number) - (want[i] as number));
  const bad: number[] = [];
  let maxError = 0;
  for (let i = 0; i < want.length; i++) {
    if (errorAt(i) <= slack) continue;
    bad.push(i);
    maxError = Math.max(maxError, errorAt(i));
  }
  const index = bad[0];
  if (index === undefined) return { nmse: error, bad };
  const finite = (v: number | undefined) => (Number.isFinite(v) ? (v as number) : null);
  const found: Differences = {
    ...{ index, got: finite(got[index]), expected: want[index] as number },
    ...{ differing: bad.length, total: want.length, maxError: finite(maxError), nmse: finite(error) },
  };
  return { nmse: error, bad, found };
}

/** Index letters of dimensions, as in the comments at the heads of the shaders. */
const INDICES: Readonly<Record<string, string>> = { H: 'i', W: 'j', Ho: 'i', Wo: 'j', KH: 'u', KW: 'v' };

/** Index letters of a result's dimensions; a gradient has those of its argument. */
export function lettersOf(op: string, output: string): string[] {
  const layout = terms.get(op)?.layout ?? {};
  const word = layout[output] ?? layout[output.replace(/^g_/, '')] ?? layout[output.replace('_', '')] ?? '';
  const dimensions = word.split(' ').filter((w) => w !== '…');
  return dimensions.map((w) => INDICES[w] ?? w.toLowerCase());
}

/** Splits an index into one index per dimension, named by the dimensions' letters. */
export function coordinates(
  index: number,
  shape: readonly number[],
  letters: readonly string[],
): Record<string, number> {
  const found: [string, number][] = [];
  let rest = index;
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d] as number;
    const letter = letters[letters.length - shape.length + d] ?? '';
    const usable = /^[a-z]/.test(letter) && !found.some(([l]) => l === letter);
    found.unshift([usable ? letter : `dim${d}`, rest % size]);
    rest = Math.floor(rest / size);
  }
  return Object.fromEntries(found);
}
