import { terms } from '../kernels/rooms.js';
import { nmse } from './check-case.js';

/** How results differ from what they should be. */
export interface Differences {
  /** Of the first element that differs. */
  readonly index: number;
  /** `null` where it is not finite or was never written. */
  readonly got: number | null;
  readonly expected: number;
  readonly differing: number;
  readonly total: number;
  readonly maxError: number | null;
  readonly nmse: number | null;
}

/** How much further than √tolerance of the root mean square a single element may be off: where errors are no noise. */
const OUTLIER = 10;

/**
 * Where results differ. Integers must be equal. Of others the NMSE must be within the tolerance, and no single
 * element may hide
 * among many right ones.
 */
export function differences(
  got: ArrayLike<number>,
  want: Float32Array | Float64Array | Uint32Array,
  tolerance: number,
): { nmse: number; bad: number[]; found?: Differences } {
  const error = nmse(got, want);
  let squares = 0;
  for (const v of want) squares += v * v;
  // With NMSE over the tolerance, some element is off by more than this without the factor.
  const factor = got instanceof Uint32Array ? 0 : error <= tolerance ? OUTLIER : 1;
  const slack = factor * Math.sqrt((tolerance * squares) / want.length);
  const apart = (i: number) => Math.abs((got[i] as number) - (want[i] as number));
  const bad: number[] = [];
  let most = 0;
  for (let i = 0; i < want.length; i++) {
    if (apart(i) <= slack) continue;
    bad.push(i);
    most = Math.max(most, apart(i));
  }
  const index = bad[0];
  if (index === undefined) return { nmse: error, bad };
  const finite = (v: number | undefined) => (Number.isFinite(v) ? (v as number) : null);
  const found: Differences = {
    ...{ index, got: finite(got[index]), expected: want[index] as number },
    ...{ differing: bad.length, total: want.length, maxError: finite(most), nmse: finite(error) },
  };
  return { nmse: error, bad, found };
}

/** Index letters of dimensions, as the heads of the shaders have them. */
const INDICES: Readonly<Record<string, string>> = { H: 'i', W: 'j', Ho: 'i', Wo: 'j', KH: 'u', KW: 'v' };

/** Letters of a result's dimensions: those of the op's own, else those of the argument whose gradient it is. */
export function lettersOf(op: string, output: string): string[] {
  const layout = terms.get(op)?.layout ?? {};
  const word = layout[output] ?? layout[output.replace(/^g_/, '')] ?? layout[output.replace('_', '')] ?? '';
  const dimensions = word.split(' ').filter((w) => w !== '…');
  return dimensions.map((w) => INDICES[w] ?? w.toLowerCase());
}

/** Index by dimension, named by the dimensions' letters. */
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
