import type { Evaluation, ScoredPair } from '../evaluation/document.js';
import type { Ranking } from '../evaluation/extremes.js';
import { type PairScores, SYSTEMS, type Values } from '../evaluation/metric.js';
import { type Protocol, protocolOf } from '../evaluation/protocol.js';
import type { EvaluatedPair, OnFinishing, Scorer, SetPart, SetScores } from '../evaluation/scorer.js';
import { summarise } from '../evaluation/summary.js';
import { batchNumbers, type PairSource, pairsIn } from './pair-source.js';

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
  try {
    const scores = await scorePairs(source, scorers, batchNumbers(source), options);
    const sets: SetScores = Object.assign(
      {},
      ...(await Promise.all(scorers.map((s) => s.finish(options.onFinishing)))),
    );
    const metrics = scorers.flatMap((s) => s.metrics);
    return summarise(metrics, scores, sets);
  } finally {
    await Promise.all(scorers.map((s) => s.close()));
  }
}

/** The scores of one part of an evaluation, and what it has for the metrics of level `set`. */
export interface EvaluatedPart {
  readonly scores: readonly ScoredPair[];
  readonly set?: SetPart;
}

/**
 * Scores the batches with the given numbers alone, for an evaluation that several programs compute. The scorers must have been made for a
 * part (`ScorerContext.isPart`). They are closed at the end, also after an error.
 */
export async function evaluatePart(
  source: PairSource,
  scorers: readonly Scorer[],
  numbers: readonly number[],
  options: EvaluationOptions = {},
): Promise<EvaluatedPart> {
  try {
    const scores = await scorePairs(source, scorers, numbers, options);
    const [set] = (await Promise.all(scorers.map((s) => s.rows?.(options.onFinishing)))).filter(
      (rows) => rows !== undefined,
    );
    return { scores, ...(set && { set }) };
  } finally {
    await Promise.all(scorers.map((s) => s.close()));
  }
}

async function scorePairs(
  source: PairSource,
  scorers: readonly Scorer[],
  numbers: readonly number[],
  options: EvaluationOptions,
): Promise<ScoredPair[]> {
  const { protocol = protocolOf(undefined, source.height, source.width), ranking, onProgress } = options;
  const total = pairsIn(source, numbers);
  const scores: ScoredPair[] = [];
  const pending: { pairs: readonly EvaluatedPair[]; scored: Promise<ScoredPair[]> }[] = [];
  const settle = async () => {
    const next = pending.shift();
    for (const [i, score] of ((await next?.scored) ?? []).entries()) {
      scores.push(score);
      // Of pairs with equal values the first is kept, so the order must be that of the pairs.
      ranking?.add(next?.pairs[i] as EvaluatedPair, score.generated[ranking.metric.key]);
    }
    onProgress?.(scores.length, total);
  };
  for await (const batch of source.batches(numbers)) {
    const pairs = batch.map(protocol.prepare);
    const scored = scoreBatch(scorers, pairs);
    // The error is thrown when it is this batch's turn.
    scored.catch(() => {});
    pending.push({ pairs, scored });
    if (pending.length >= IN_FLIGHT) await settle();
  }
  while (pending.length) await settle();
  return scores;
}

async function scoreBatch(scorers: readonly Scorer[], pairs: readonly EvaluatedPair[]): Promise<ScoredPair[]> {
  const all = await Promise.all(scorers.map((scorer) => scorer.score(pairs)));
  return pairs.map(({ names, identity }, i) => {
    const found = all.map((list) => list[i] ?? {});
    const merged = (system: keyof PairScores): Values => Object.assign({}, ...found.map((f) => f[system]));
    const [generated, copy, real] = SYSTEMS.map(merged) as [Values, Values, Values];
    const [a, b] = names;
    return { source: a, target: b, identity, generated, copy, ...(Object.keys(real).length && { real }) };
  });
}
