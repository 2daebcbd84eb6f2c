import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Transferable, Worker } from 'node:worker_threads';
import { PoseGanError, UsageError } from '../gpu/errors.js';

/** What a pool sends to a worker. */
export interface PoolJob<Job> {
  readonly id: number;
  readonly job: Job;
}

/** What a worker answers: a result, or the message of an error that the user can mend. */
export type PoolAnswer<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: string };

interface PendingJob<Result> {
  /** What the job is about, for errors. */
  readonly about: string;
  resolve(result: Result): void;
  reject(error: Error): void;
}

interface PoolWorker<Result> {
  readonly worker: Worker;
  readonly pending: Map<number, PendingJob<Result>>;
}

export interface WorkerPoolOptions {
  /** The name of the built file without `.js`. */
  readonly file: string;
  /** What the workers do, as in `image decoding`. */
  readonly task: string;
  readonly workers: number;
  /** The error of jobs after the pool was closed. */
  readonly closed: string;
  /** A value that every worker gets when it starts. */
  readonly data?: unknown;
}

/** The built worker, which is beside this file in the package, or in `dist` when the sources run directly, as in tests. */
export function workerFile({ file, task }: Pick<WorkerPoolOptions, 'file' | 'task'>): string {
  for (const candidate of [`./${file}.js`, `../../dist/${file}.js`]) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new PoseGanError(`dist/${file}.js, which does the ${task}, does not exist: run npm run build`);
}

/** Threads that do jobs. Each job goes to the thread with the fewest. They keep the process alive only while they have jobs. */
export class WorkerPool<Job, Result> {
  readonly #options: WorkerPoolOptions;
  readonly #workers: PoolWorker<Result>[];
  #next = 0;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    const { workers, task } = options;
    if (!Number.isInteger(workers) || workers < 1 || workers > 64)
      throw new UsageError(`the number of workers for ${task} must be 1 to 64, got ${workers}`);
    this.#options = options;
    const file = workerFile(options);
    this.#workers = Array.from({ length: workers }, () => this.#start(file));
  }

  #start(file: string): PoolWorker<Result> {
    const worker = new Worker(file, { workerData: this.#options.data });
    const poolWorker: PoolWorker<Result> = { worker, pending: new Map() };
    worker.unref();
    worker.on('message', (answer: PoolAnswer<Result>) => {
      // A worker that is being terminated stays referenced, since otherwise the process could end before `close`.
      if (this.#closed) return;
      const pending = poolWorker.pending.get(answer.id);
      poolWorker.pending.delete(answer.id);
      if (!poolWorker.pending.size) worker.unref();
      if ('error' in answer) pending?.reject(new UsageError(answer.error));
      else pending?.resolve(answer.result);
    });
    worker.on('error', (error) => this.#lose(poolWorker, error.message));
    worker.on('exit', (code) => this.#lose(poolWorker, `it ended with code ${code}`));
    return poolWorker;
  }

  #lose(poolWorker: PoolWorker<Result>, reason: string): void {
    const at = this.#workers.indexOf(poolWorker);
    if (at >= 0) this.#workers.splice(at, 1);
    for (const { about, reject } of poolWorker.pending.values())
      reject(
        this.#closed
          ? new PoseGanError(this.#options.closed)
          : new PoseGanError(`a worker for ${this.#options.task} failed before ${about} was done: ${reason}`),
      );
    poolWorker.pending.clear();
  }

  /** Does a job. Rejects with the worker's `UsageError`, or with a `PoseGanError` if the worker itself fails. */
  run(job: Job, about: string, transfer: readonly Transferable[] = []): Promise<Result> {
    const { closed, task } = this.#options;
    if (this.#closed) return Promise.reject(new PoseGanError(closed));
    const [first, ...others] = this.#workers;
    if (!first) return Promise.reject(new PoseGanError(`no worker for ${task} is left`));
    const poolWorker = others.reduce((best, w) => (w.pending.size < best.pending.size ? w : best), first);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      poolWorker.pending.set(id, { about, resolve, reject });
      poolWorker.worker.ref();
      poolWorker.worker.postMessage({ id, job } satisfies PoolJob<Job>, transfer);
    });
  }

  /** Terminates the workers. Pending jobs are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#workers];
    for (const w of workers) this.#lose(w, '');
    await Promise.all(workers.map((w) => w.worker.terminate()));
  }
}
