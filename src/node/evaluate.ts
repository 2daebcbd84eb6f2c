import { Bootstrap, CONFIDENCE, RESAMPLES } from '../evaluation/bootstrap.js';
import type { ScoredPair } from '../evaluation/document.js';
import type { Ranking } from '../evaluation/extremes.js';
import { type MetricResult, type PairScores, SYSTEMS, type Values } from '../evaluation/metric.js';
import { type Protocol, protocolOf } from '../evaluation/protocol.js';
import type { EvaluatedPair, OnFinishing, Scorer, SetScores } from '../evaluation/scorer.js';
import { resultOf, shareBetter } from '../evaluation/summary.js';
import type { PairSource } from './pair-source.js';

/** The figures of an evaluation with the scores of every pair behind them. */
export interface Evaluation {
  readonly pairs: number;
  readonly identities: number;
  readonly metrics: readonly MetricResult[];
  /** The share of the pairs for which the generated image is better than the copied source, by the metrics' keys. */
  readonly better: Readonly<Record<string, number | null>>;
  readonly intervals: string;
  readonly scores: readonly ScoredPair[];
}

export interface EvaluationOptions {
  /** How images are prepared. Default: they are compared as they are. */
  readonly protocol?: Protocol;
  /** Keeps the best and the worst pairs. */
  readonly ranking?: Ranking;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onFinishing?: OnFinishing;
}

/** Batches that are scored at the same time, so that decoding, generating and the metrics do not wait for each other. */
const IN_FLIGHT = 4;

/** Computes the metrics of all scorers for all pairs of a source. The scorers are closed at the end, also after an error. */
export async function evaluate(
  source: PairSource,
  scorers: readonly Scorer[],
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  const { protocol = protocolOf(undefined, source.height, source.width), ranking, onProgress, onFinishing } = options;
  const scores: ScoredPair[] = [];
  const pending: Promise<ScoredPair[]>[] = [];
  const settle = async () => {
    scores.push(...((await pending.shift()) ?? []));
    onProgress?.(scores.length, source.count);
  };
  try {
    for await (const batch of source.batches()) {
      const scored = scoreBatch(scorers, batch.map(protocol.prepare), ranking);
      // The error is thrown when it is this batch's turn.
      scored.catch(() => {});
      pending.push(scored);
      if (pending.length >= IN_FLIGHT) await settle();
    }
    while (pending.length) await settle();
    const sets: SetScores = Object.assign({}, ...(await Promise.all(scorers.map((s) => s.finish(onFinishing)))));
    return summarise(scorers, scores, sets);
  } finally {
    await Promise.all(scorers.map((s) => s.close()));
  }
}

async function scoreBatch(
  scorers: readonly Scorer[],
  pairs: readonly EvaluatedPair[],
  ranking: Ranking | undefined,
): Promise<ScoredPair[]> {
  const all = await Promise.all(scorers.map((scorer) => scorer.score(pairs)));
  return pairs.map((pair, i) => {
    const found = all.map((list) => list[i] ?? {});
    const merged = (system: keyof PairScores): Values => Object.assign({}, ...found.map((f) => f[system]));
    const [generated, copy, real] = SYSTEMS.map(merged) as [Values, Values, Values];
    ranking?.add(pair, generated[ranking.metric.key]);
    const [a, b] = pair.names;
    const { identity } = pair;
    return { source: a, target: b, identity, generated, copy, ...(Object.keys(real).length && { real }) };
  });
}

function summarise(scorers: readonly Scorer[], scores: readonly ScoredPair[], sets: SetScores): Evaluation {
  const bootstrap = new Bootstrap(scores.map((s) => s.identity));
  const metrics = scorers.flatMap((s) => s.metrics).map((metric) => resultOf(metric, scores, sets, bootstrap));
  const better = metrics.filter((m) => m.level === 'pair').map((m) => [m.key, shareBetter(m, scores)] as const);
  const { groups: identities } = bootstrap;
  const intervals =
    identities > 1
      ? `Brackets are ${100 * CONFIDENCE} % percentile bootstrap intervals of ${RESAMPLES.toLocaleString('en')} resamples of the ` +
        `${identities.toLocaleString('en')} identities with all their pairs (seed 0).`
      : 'There are no intervals, because they need pairs of at least two identities.';
  return { pairs: scores.length, identities, metrics, better: Object.fromEntries(better), intervals, scores };
}
