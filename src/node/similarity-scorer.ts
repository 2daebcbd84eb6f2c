import { availableParallelism } from 'node:os';
import type { PairScores } from '../evaluation/metric.js';
import type { EvaluatedPair, Scorer } from '../evaluation/scorer.js';
import { SIMILARITY } from '../evaluation/similarity.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { ScoreJob } from './score-worker.js';
import { WorkerPool } from './worker-pool.js';

export interface SimilarityOptions {
  /** The skeleton of the pairs' poses; without it there is no mask. */
  readonly skeleton?: Skeleton;
  /** The number of threads. The default is the number of cores, but at most 8: the main thread mostly waits. */
  readonly workers?: number;
}

/** Computes the metrics that need no network, in threads. */
export function similarityScorer({ skeleton, workers }: SimilarityOptions): Scorer {
  const pool = new WorkerPool<ScoreJob, PairScores[]>({
    file: 'score-worker',
    task: 'comparing images',
    workers: workers ?? Math.max(1, Math.min(8, availableParallelism())),
    closed: 'the evaluation was stopped',
    data: skeleton,
  });
  return {
    metrics: SIMILARITY,
    score: async (pairs) => {
      const each = pairs.map(({ source, target, generated, pose, names }: EvaluatedPair) =>
        pool.run([{ source, target, generated, ...(pose && { pose }) }], names.join(' → ')),
      );
      return (await Promise.all(each)).flat();
    },
    finish: async () => ({}),
    close: () => pool.close(),
  };
}
