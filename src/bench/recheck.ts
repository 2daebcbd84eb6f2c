import type { Op } from '../autograd/op.js';
import type { TensorData } from '../autograd/tensor.js';
import { resultsOf } from './accuracy.js';
import { type Candidate, runAgain, runOn } from './cases.js';
import { changedBits } from './check-case.js';
import { type Differences, differences } from './differences.js';

/**
 * The run that gave wrong results: the `first`; the one `again` after the timing, over overwritten results; or the one on
 * `other` arguments that follows, for which nothing else in memory is changed.
 */
type When = 'first' | 'again' | 'other';

/** Results of the author's kernel that differ from ours or, if `changing`, from those of its first run. */
export interface TimedFailure extends Differences {
  readonly kind: 'wrong' | 'changing';
  readonly result: string;
  readonly when: When;
}

type Results = Readonly<Record<string, TensorData>>;

/** The results of kernels that were timed together, compared with those of one of ours. */
export interface Rechecked {
  /** NMSE of every candidate; `null` if not finite, `undefined` for the kernel that the others are compared with. */
  readonly errors: readonly (number | null | undefined)[];
  readonly wrong: TimedFailure | undefined;
}

export interface RecheckOptions {
  readonly tolerance: number;
  readonly allowNondeterminism: boolean;
}

/**
 * Runs kernels once more after they were timed, and compares them with `plain`, which may be one of them: over overwritten
 * results, which shows a kernel that does not compute them again, and then on `other` arguments, which shows one that returns
 * results it has kept. `first` are the first results of the author's kernel, which is the first candidate.
 */
export async function recheck(
  running: readonly Candidate[],
  plain: Candidate,
  op: Op,
  { first, other }: { readonly first: Results; readonly other: Readonly<Record<string, TensorData>> },
  { tolerance, allowNondeterminism }: RecheckOptions,
): Promise<Rechecked> {
  for (const r of new Set([plain, ...running])) await runAgain(r);
  const want = await resultsOf(plain.plan, op);
  const errors: (number | null | undefined)[] = [];
  let again = want;
  for (const [i, candidate] of running.entries()) {
    const got = candidate === plain ? want : await resultsOf(candidate.plan, op);
    if (i === 0) again = got;
    errors.push(candidate === plain ? undefined : worstError(got, want, tolerance));
  }
  const mine = running[0] as Candidate;
  for (const { plan } of [plain, mine]) runOn(plan, other);
  const wrong =
    firstWrong('first', first, want, tolerance) ??
    firstWrong('again', again, want, tolerance) ??
    firstWrong('other', await resultsOf(mine.plan, op), await resultsOf(plain.plan, op), tolerance) ??
    (allowNondeterminism ? undefined : firstChanging(first, again));
  return { errors, wrong };
}

/** The largest NMSE of several results, or `null` if it is not finite. */
function worstError(got: Results, want: Results, tolerance: number): number | null {
  const errors = Object.entries(want).map(([name, w]) => differences(got[name] ?? [], w, tolerance).nmse);
  const worst = Math.max(0, ...errors);
  return Number.isFinite(worst) ? worst : null;
}

/** The first results that differ from ours. */
function firstWrong(when: When, got: Results, want: Results, tolerance: number): TimedFailure | undefined {
  for (const [result, w] of Object.entries(want)) {
    const { found } = differences(got[result] ?? [], w, tolerance);
    if (found) return { ...found, kind: 'wrong', result, when };
  }
  return undefined;
}

/** The first results whose bits differ from those of the first run. */
function firstChanging(first: Results, again: Results): TimedFailure | undefined {
  for (const [result, before] of Object.entries(first)) {
    const after = again[result] as TensorData;
    const [index, ...more] = changedBits(before, after);
    if (index === undefined) continue;
    const [got, expected] = [after[index] as number, before[index] as number];
    const count = { differing: 1 + more.length, total: after.length, maxError: null, nmse: null };
    return { ...count, index, got, expected, kind: 'changing', result, when: 'again' };
  }
  return undefined;
}
