import {
  type EvaluationDocument,
  type EvaluationFacts,
  evaluationDocument,
  timesSince,
} from '../evaluation/document.js';
import type { Ranking } from '../evaluation/extremes.js';
import type { Protocol } from '../evaluation/protocol.js';
import type { EvaluatedPair } from '../evaluation/scorer.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { digestOf, filesDigest } from '../node/digest.js';
import { evaluate as evaluatePairs, evaluatePart } from '../node/evaluate.js';
import { type EvaluationPart, MOST_PAIRS, writeEvaluationPart } from '../node/evaluation-part.js';
import { pairPicture } from '../node/pair-pictures.js';
import { batchNumbers, pairsIn } from '../node/pair-source.js';
import { nameOf, newPart, type Shard, type Work } from '../node/parts.js';
import type { ReferenceFolder } from '../node/reference.js';
import type { Scorers } from '../node/scorers.js';
import type { EvaluationInput } from './evaluation-input.js';
import { progress } from './progress.js';
import { rangeOf } from './shard.js';

/** An evaluation that was checked before a device is opened. */
export interface Prepared {
  readonly input: EvaluationInput;
  readonly scorers: Scorers;
  readonly protocol: Protocol;
  readonly ranking: Ranking<EvaluatedPair>;
  readonly reference?: ReferenceFolder | undefined;
}

/** Shows a bar for each kind of work that comes after the pairs. */
export function finishingBars() {
  const bars = new Map<string, ReturnType<typeof progress>>();
  return {
    update: (what: string, done: number, total: number) => {
      if (!bars.has(what)) for (const bar of bars.values()) bar.end();
      const bar = bars.get(what) ?? progress(what, total);
      bars.set(what, bar);
      bar.update(done);
    },
    end: () => {
      for (const bar of bars.values()) bar.end();
    },
  };
}

/** What runs while bars show the progress of the pairs and of what comes after them. */
async function shown<T>(
  count: number,
  body: (options: {
    onProgress: (done: number) => void;
    onFinishing: ReturnType<typeof finishingBars>['update'];
  }) => Promise<T>,
): Promise<T> {
  const bar = progress('evaluating', count, { unit: 'pairs' });
  const finishing = finishingBars();
  try {
    return await body({ onProgress: (done) => bar.update(done), onFinishing: finishing.update });
  } finally {
    bar.end();
    finishing.end();
  }
}

const factsOf = ({ input, scorers, protocol }: Prepared): Omit<EvaluationFacts, 'cost'> => ({
  ...{ title: input.title, source: input.facts, notes: input.notes, missing: scorers.missing },
  ...{ size: [protocol.height, protocol.width], protocol: protocol.title },
});

/** Evaluates all pairs. */
export async function evaluateAll(prepared: Prepared, engine: Engine | undefined): Promise<EvaluationDocument> {
  const { input, scorers, protocol, ranking } = prepared;
  const { source, cost } = await input.open(engine);
  const started = performance.now();
  const list = await scorers.open(engine);
  const found = await shown(source.count, (options) => evaluatePairs(source, list, { ...options, protocol, ranking }));
  return evaluationDocument({ ...factsOf(prepared), ...(cost && { cost }) }, found, timesSince(started));
}

/** The numbers of the batches of a part. Throws `UsageError` if they have too many pairs for one file. */
export function batchesOf({ input }: Prepared, shard: Shard): readonly number[] {
  const source = { count: input.pairs.length, batch: input.batch };
  const numbers = rangeOf(batchNumbers(source), shard);
  if (pairsIn(source, numbers) <= MOST_PAIRS) return numbers;
  const most = Math.max(1, Math.floor(MOST_PAIRS / input.batch)) * input.batch;
  throw new UsageError(
    `part ${nameOf(shard)} would have ${pairsIn(source, numbers).toLocaleString('en')} pairs, but a part can have at most ` +
      `${MOST_PAIRS.toLocaleString('en')}; give --shard i/n with an n of ${Math.ceil(source.count / most)} or more`,
  );
}

/** Evaluates one part of the pairs and writes it to a file. Resolves to the number of its pairs. */
export async function writePart(
  prepared: Prepared,
  engine: Engine | undefined,
  shard: Shard,
  { file, work }: { readonly file: string; readonly work: Work },
): Promise<number> {
  const { input, scorers, protocol, ranking } = prepared;
  const numbers = batchesOf(prepared, shard);
  const { source, cost } = await input.open(engine);
  const started = performance.now();
  const list = await scorers.open(engine);
  const metrics = list.flatMap((scorer) => scorer.metrics);
  const { scores, set } = await shown(pairsIn(source, numbers), (options) =>
    evaluatePart(source, list, numbers, { ...options, protocol, ranking }),
  );
  const part: EvaluationPart = {
    facts: { ...factsOf(prepared), ...(cost && { cost }) },
    times: timesSince(started),
    adapter: engine?.adapterName ?? null,
    ...{ metrics, scores, pictures: ranking.kept.map(pairPicture) },
    ...(set && { set }),
  };
  const keys = metrics.map(({ key }) => key).join();
  const all = { ...work, metrics: keys, conventions: digestOf(JSON.stringify(metrics)) };
  writeEvaluationPart(file, newPart('evaluate', shard, all), part);
  return scores.length;
}

/** Everything on which the figures depend besides the adapter. It reads all files, with a bar. */
export function workOf({ input, protocol, reference }: Prepared): Work {
  const bar = progress('reading the reference', reference?.paths.length ?? 0, { unit: 'images' });
  try {
    const compared = reference ? filesDigest(reference.paths, (done) => bar.update(done)) : null;
    return {
      ...input.work(),
      ...{ 'compared images': protocol.title, reference: compared },
    };
  } finally {
    bar.end();
  }
}
