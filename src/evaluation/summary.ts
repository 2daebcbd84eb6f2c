import { Bootstrap, CONFIDENCE, RESAMPLES } from './bootstrap.js';
import type { Evaluation, ScoredPair } from './document.js';
import type { Estimate, Metric, MetricResult, PairScores, System } from './metric.js';
import { SYSTEMS } from './metric.js';
import type { SetScores } from './scorer.js';

/** The values of one metric for all pairs, in order; `null` where there is none. */
export const valuesOf = (scores: readonly PairScores[], system: System, key: string): (number | null)[] =>
  scores.map((s) => s[system]?.[key] ?? null);

/** The mean of values with its interval, or `null` if there is no value. */
export function meanOf(values: readonly (number | null)[], bootstrap: Bootstrap): Estimate | null {
  const known = values.filter((v) => v !== null);
  if (!known.length) return null;
  const interval = bootstrap.interval(values);
  return { value: known.reduce((a, b) => a + b, 0) / known.length, count: known.length, ...(interval && { interval }) };
}

/** The figures of one metric from the values of all pairs, or from those of the set. */
export function resultOf(
  metric: Metric,
  scores: readonly PairScores[],
  sets: SetScores,
  bootstrap: Bootstrap,
): MetricResult {
  const found = (system: System): Estimate | null => {
    if (metric.level === 'set') return sets[metric.key]?.[system] ?? null;
    const mean = meanOf(valuesOf(scores, system, metric.key), bootstrap);
    if (mean || system !== 'real' || metric.ofItself === undefined) return mean;
    // A metric that is undefined for all pairs, such as one of masks without poses, is so for the real images too.
    const defined = valuesOf(scores, 'generated', metric.key).some((v) => v !== null);
    return defined ? { value: metric.ofItself, count: scores.length } : null;
  };
  const [generated, copy, real] = SYSTEMS.map(found) as [Estimate | null, Estimate | null, Estimate | null];
  const missing = sets[metric.key]?.missing;
  return { ...metric, generated, copy, real, ...(missing !== undefined && { missing }) };
}

/** The share of the pairs with both values for which the generated image is better than the copy, or `null` without any. */
export function shareBetter(metric: Metric, scores: readonly PairScores[]): number | null {
  const [generated, copy] = [valuesOf(scores, 'generated', metric.key), valuesOf(scores, 'copy', metric.key)];
  const sign = metric.better === 'higher' ? 1 : -1;
  const differences = generated.flatMap((g, i) => {
    const c = copy[i] ?? null;
    return g === null || c === null ? [] : [sign * (g - c)];
  });
  return differences.length ? differences.filter((d) => d > 0).length / differences.length : null;
}

/** The figures of some metrics from the scores of all pairs and from what the metrics of level `set` have found. */
export function summarise(listed: readonly Metric[], scores: readonly ScoredPair[], sets: SetScores): Evaluation {
  const bootstrap = new Bootstrap(scores.map((s) => s.identity));
  const metrics = listed.map((metric) => resultOf(metric, scores, sets, bootstrap));
  const better = metrics.filter((m) => m.level === 'pair').map((m) => [m.key, shareBetter(m, scores)] as const);
  const { groups: identities } = bootstrap;
  const intervals =
    identities > 1
      ? `Brackets are ${100 * CONFIDENCE} % percentile bootstrap intervals of ${RESAMPLES.toLocaleString('en')} resamples of the ` +
        `${identities.toLocaleString('en')} identities with all their pairs (seed 0).`
      : 'There are no intervals, because they need pairs of at least two identities.';
  return { pairs: scores.length, identities, metrics, better: Object.fromEntries(better), intervals, scores };
}
