import { UsageError } from '../gpu/errors.js';
import { Bootstrap } from './bootstrap.js';
import type { EvaluationDocument, OlderEvaluation, ScoredPair } from './document.js';
import type { Estimate } from './metric.js';
import { meanOf } from './summary.js';

/** The difference of one metric between two evaluations of the same pairs. */
interface ComparedMetric {
  readonly key: string;
  readonly title: string;
  readonly better: 'higher' | 'lower';
  readonly digits: number;
  readonly now: number | null;
  readonly before: number | null;
  /** The mean of (now − before) over the pairs with its interval; for a metric of all images the plain difference. */
  readonly difference: Estimate | null;
  /** What the difference says: the interval excludes 0, or it does not, or there is none. */
  readonly verdict: 'better' | 'worse' | 'undecided' | 'no interval' | 'not comparable';
  readonly reason?: string;
}

export interface EvaluationComparison {
  readonly other: { readonly file: string; readonly title: string; readonly date: string };
  readonly metrics: readonly ComparedMetric[];
}

type Names = Pick<ScoredPair, 'source' | 'target'>;

const nameOf = ({ source, target }: Names) => `${source} → ${target}`;

/**
 * Throws `UsageError` unless an older evaluation is one of images of this size and of these pairs, in any order. It needs no scores,
 * so that it can be called before long work.
 */
export function expectSamePairs(
  now: { readonly size: readonly [height: number, width: number]; readonly pairs: readonly Names[] },
  before: OlderEvaluation,
  file: string,
): void {
  if (now.size.join() !== before.size.join())
    throw new UsageError(
      `${file} compares images of ${before.size.join('×')}, this evaluation images of ${now.size.join('×')} (height×width), so their scores cannot be compared`,
    );
  const older = new Set(before.scores.map(nameOf));
  const names = new Set(now.pairs.map(nameOf));
  const onlyNow = [...names].filter((name) => !older.has(name));
  const onlyBefore = [...older].filter((name) => !names.has(name));
  const repeated = older.size !== before.scores.length || names.size !== now.pairs.length;
  if (!onlyNow.length && !onlyBefore.length && !repeated) return;
  const example = onlyNow[0] ?? onlyBefore[0];
  throw new UsageError(
    `${file} is an evaluation of other pairs: it has ${before.scores.length}, this one ${now.pairs.length}, and ` +
      `${names.size - onlyNow.length} are in both${example ? `; ${example} is in ${onlyNow.length ? 'this one' : file} alone` : ''}. ` +
      'Fix: evaluate both on the same pairs, with the same --limit and --seed',
  );
}

/**
 * Compares an evaluation with an older one of the same pairs, which may be in another order. The differences are paired: each pair
 * is its own control, so that hard pairs do not widen the interval. Throws `UsageError` if size or pairs differ.
 */
export function compareEvaluations(
  now: EvaluationDocument,
  before: OlderEvaluation,
  file: string,
): EvaluationComparison {
  expectSamePairs({ size: now.size, pairs: now.scores }, before, file);
  const older = new Map(before.scores.map((pair) => [nameOf(pair), pair]));
  const bootstrap = new Bootstrap(now.scores.map((pair) => pair.identity));
  const metrics = now.metrics.map((metric): ComparedMetric => {
    const { key, title, better, digits } = metric;
    const old = before.metrics.find((m) => m.key === key);
    const common = { key, title, better, digits, now: metric.generated?.value ?? null, before: old?.value ?? null };
    const refuse = (reason: string): ComparedMetric => ({
      ...common,
      difference: null,
      verdict: 'not comparable',
      reason,
    });
    if (!old) return refuse(`${file} has no such metric`);
    if (old.convention !== metric.convention) return refuse(`${file} computed it in another way: ${old.convention}`);
    if (common.now === null || common.before === null) return refuse('one of the two has no figure');
    if (metric.level === 'set') {
      const count = metric.generated?.count ?? 0;
      return { ...common, difference: { value: common.now - common.before, count }, verdict: 'no interval' };
    }
    const differences = now.scores.map((pair) => {
      const [a, b] = [pair.generated[key] ?? null, older.get(nameOf(pair))?.generated[key] ?? null];
      return a === null || b === null ? null : a - b;
    });
    const difference = meanOf(differences, bootstrap);
    return { ...common, difference, verdict: verdictOf(difference, better) };
  });
  return { other: { file, title: before.title, date: before.date }, metrics };
}

function verdictOf(difference: Estimate | null, better: 'higher' | 'lower'): ComparedMetric['verdict'] {
  if (!difference?.interval) return 'no interval';
  const [low, high] = difference.interval;
  if (low <= 0 && high >= 0) return 'undecided';
  return low > 0 === (better === 'higher') ? 'better' : 'worse';
}
