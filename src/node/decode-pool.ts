import { availableParallelism } from 'node:os';
import type { DecodeJob } from './decode-worker.js';
import { WorkerPool } from './worker-pool.js';

/** Threads that read, decode and resize image files. They keep the process alive only while they have jobs. */
export class DecodePool {
  readonly #pool: WorkerPool<DecodeJob, Uint8Array>;

  /** `workers` is the number of threads. The default is one less than the number of cores, but at least 1 and at most 4. */
  constructor(workers = Math.max(1, Math.min(4, availableParallelism() - 1))) {
    this.#pool = new WorkerPool({
      file: 'decode-worker',
      task: 'decoding images',
      workers,
      closed: 'the loader is closed',
    });
  }

  /**
   * The pixels (H×W×3 bytes) of an image file, resized to the given size. Rejects with a `UsageError` that names a broken
   * file, or with a `PoseGanError` if the worker itself fails.
   */
  decode(path: string, height: number, width: number): Promise<Uint8Array> {
    return this.#pool.run({ path, height, width }, path);
  }

  /** Terminates the workers. Pending jobs are rejected. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
