import {
  type Cost,
  type EvaluationDocument,
  type EvaluationFacts,
  type EvaluationPartTimes,
  evaluationDocument,
  type ScoredPair,
} from '../evaluation/document.js';
import type { Ranking } from '../evaluation/extremes.js';
import { InceptionFigures } from '../evaluation/inception-figures.js';
import type { Metric } from '../evaluation/metric.js';
import type { PairPicture } from '../evaluation/page.js';
import { withFirstValues } from '../evaluation/score-cache.js';
import type { OnFinishing } from '../evaluation/scorer.js';
import { RATED_ONCE } from '../evaluation/ssd-scorer.js';
import { summarise } from '../evaluation/summary.js';
import { readEvaluationPart, readPartHead } from './evaluation-part.js';
import { newRanking } from './pair-pictures.js';
import { differentAdapters, nameOf, partsInOrder } from './parts.js';

export interface MergedEvaluation {
  readonly document: EvaluationDocument;
  readonly ranking: Ranking<PairPicture>;
}

/**
 * The evaluation of which these files are the parts, in any order. Its document is that of one run, but for the times and for `parts`,
 * which lists when and where each part was computed. Throws `UsageError` if a part is missing, doubled, damaged, or of different work.
 */
export function mergeEvaluation(paths: readonly string[], onFinishing?: OnFinishing): MergedEvaluation {
  const heads = partsInOrder(paths.map(readPartHead), 'evaluate');
  const scores: ScoredPair[] = [];
  const ranking = newRanking<PairPicture>();
  const times: EvaluationPartTimes[] = [];
  const adapters = new Set<string>();
  let figures: InceptionFigures | undefined;
  let first: { readonly facts: EvaluationFacts; readonly metrics: readonly Metric[] } | undefined;
  for (const [i, { path, shard }] of heads.entries()) {
    const part = readEvaluationPart(path);
    first ??= part;
    for (const score of part.scores) scores.push(score);
    for (const picture of part.pictures) ranking.add(picture, picture.value);
    if (part.set) figures ??= new InceptionFigures(part.set.hasReference);
    for (const row of part.set?.rows ?? []) figures?.add(row);
    for (const features of part.set?.reference ?? []) figures?.addReference(features);
    const { cost } = part.facts;
    times.push({ part: nameOf(shard), pairs: part.scores.length, ...part.times, ...(cost && { cost }) });
    if (part.adapter !== null) adapters.add(part.adapter);
    onFinishing?.('parts', i + 1, heads.length);
  }
  const { facts, metrics } = first as NonNullable<typeof first>;
  const cost = costOf(times.flatMap((t) => t.cost ?? []));
  const found = summarise(
    metrics,
    RATED_ONCE.reduce<readonly ScoredPair[]>(withFirstValues, scores),
    figures?.figures(onFinishing) ?? {},
  );
  const notes = [...facts.notes, ...(adapters.size > 1 ? [differentAdapters([...adapters])] : [])];
  const document = evaluationDocument({ ...facts, ...(cost && { cost }), notes }, found, {
    date: times.map(({ date }) => date).reduce((a, b) => (a > b ? a : b)),
    seconds: times.reduce((sum, { seconds }) => sum + seconds, 0),
    parts: times,
  });
  return { document, ranking };
}

/** The cost of all parts: the median of their milliseconds an image, and the adapters on which it was measured. */
function costOf(costs: readonly Cost[]): Cost | undefined {
  const [first] = costs;
  if (!first) return undefined;
  const times = costs.map(({ msPerImage }) => msPerImage).sort((a, b) => a - b);
  const middle = times.length / 2;
  return {
    ...first,
    msPerImage: ((times[Math.ceil(middle) - 1] as number) + (times[Math.floor(middle)] as number)) / 2,
    samples: costs.reduce((n, { samples }) => n + samples, 0),
    adapter: [...new Set(costs.map(({ adapter }) => adapter))].join(' and '),
  };
}
