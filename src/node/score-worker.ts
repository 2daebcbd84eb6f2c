import { workerData } from 'node:worker_threads';
import type { PairScores } from '../evaluation/metric.js';
import { type PairPictures, similarity } from '../evaluation/similarity.js';
import type { Skeleton } from '../pose/skeleton.js';
import { answerJobs } from './worker-jobs.js';

/** A job from the pool: some pairs. The result is the scores of each. */
export type ScoreJob = readonly PairPictures[];

const skeleton = workerData as Skeleton | undefined;
answerJobs<ScoreJob, PairScores[]>((pairs) => pairs.map((pair) => similarity(pair, skeleton)));
