import { parentPort, type Transferable } from 'node:worker_threads';
import type { PoolAnswer, PoolJob } from './worker-pool.js';

/** Makes this thread a worker of a `WorkerPool`, which answers each job with the result of `work`. `moved` lists what need not be copied. */
export function answerJobs<Job, Result>(
  work: (job: Job) => Result,
  moved: (result: Result) => Transferable[] = () => [],
): void {
  parentPort?.on('message', ({ id, job }: PoolJob<Job>) => {
    try {
      const result = work(job);
      parentPort?.postMessage({ id, result } satisfies PoolAnswer<Result>, moved(result));
    } catch (error) {
      parentPort?.postMessage({ id, error: (error as Error).message } satisfies PoolAnswer<Result>);
    }
  });
}
