import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import type { DecodeJob, DecodeResult } from './decode-worker.js';

interface PendingJob {
  readonly path: string;
  resolve(data: Uint8Array): void;
  reject(error: Error): void;
}

interface PoolWorker {
  readonly worker: Worker;
  readonly pending: Map<number, PendingJob>;
}

/** The built worker, which is beside this file in the package, or in `dist` when the sources run directly, as in tests. */
function workerFile(): string {
  for (const candidate of ['./decode-worker.js', '../../dist/decode-worker.js']) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new PoseGanError('dist/decode-worker.js, which decodes images, does not exist: run npm run build');
}

/** Threads that read, decode and resize image files. They keep the process alive only while they have jobs. */
export class DecodePool {
  readonly #workers: PoolWorker[];
  #next = 0;
  #closed = false;

  /** `workers` is the number of threads. The default is one less than the number of cores, but at least 1 and at most 4. */
  constructor(workers = Math.max(1, Math.min(4, availableParallelism() - 1))) {
    if (!Number.isInteger(workers) || workers < 1 || workers > 64)
      throw new UsageError(`the number of decoding workers must be 1 to 64, got ${workers}`);
    const file = workerFile();
    this.#workers = Array.from({ length: workers }, () => this.#start(file));
  }

  #start(file: string): PoolWorker {
    const worker = new Worker(file);
    const poolWorker: PoolWorker = { worker, pending: new Map() };
    worker.unref();
    worker.on('message', (answer: DecodeResult) => {
      // A worker that is being terminated stays referenced, since otherwise the process could end before `close`.
      if (this.#closed) return;
      const pending = poolWorker.pending.get(answer.id);
      poolWorker.pending.delete(answer.id);
      if (!poolWorker.pending.size) worker.unref();
      if ('error' in answer) pending?.reject(new UsageError(answer.error));
      else pending?.resolve(answer.data);
    });
    worker.on('error', (error) => this.#lose(poolWorker, error.message));
    worker.on('exit', (code) => this.#lose(poolWorker, `it ended with code ${code}`));
    return poolWorker;
  }

  #lose(poolWorker: PoolWorker, reason: string): void {
    const at = this.#workers.indexOf(poolWorker);
    if (at >= 0) this.#workers.splice(at, 1);
    for (const { path, reject } of poolWorker.pending.values())
      reject(
        this.#closed
          ? closed()
          : new PoseGanError(`an image decoding worker failed before ${path} was read: ${reason}`),
      );
    poolWorker.pending.clear();
  }

  /**
   * The pixels (H×W×3 bytes) of an image file, resized to the given size. Rejects with a `UsageError` that names a broken
   * file, or with a `PoseGanError` if the worker itself fails.
   */
  decode(path: string, height: number, width: number): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(closed());
    const [first, ...others] = this.#workers;
    if (!first) return Promise.reject(new PoseGanError('no image decoding worker is left'));
    const poolWorker = others.reduce((best, w) => (w.pending.size < best.pending.size ? w : best), first);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      poolWorker.pending.set(id, { path, resolve, reject });
      poolWorker.worker.ref();
      poolWorker.worker.postMessage({ id, path, height, width } satisfies DecodeJob);
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

function closed(): PoseGanError {
  return new PoseGanError('the loader is closed');
}
