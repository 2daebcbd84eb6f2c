import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import type { DecodeAnswer, DecodeJob } from './decode-worker.js';

interface Waiting {
  readonly path: string;
  resolve(data: Uint8Array): void;
  reject(error: Error): void;
}

interface Member {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/** The built worker: beside this file in the package; in `dist` when this runs from the sources, as tests do. */
function workerFile(): string {
  for (const place of ['./decode-worker.js', '../../dist/decode-worker.js']) {
    const path = fileURLToPath(new URL(place, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new PoseGanError('dist/decode-worker.js, which decodes images, is not there: run npm run build');
}

/** Threads that read, decode and fit image files. They keep the process alive only while something is asked of them. */
export class DecodePool {
  readonly #members: Member[];
  #next = 0;
  #closed = false;

  /** `workers` threads: by default one less than there are cores, one at least and four at most. */
  constructor(workers = Math.max(1, Math.min(4, availableParallelism() - 1))) {
    if (!Number.isInteger(workers) || workers < 1 || workers > 64)
      throw new UsageError(`1 to 64 decoding workers are possible, got ${workers}`);
    const file = workerFile();
    this.#members = Array.from({ length: workers }, () => this.#start(file));
  }

  #start(file: string): Member {
    const worker = new Worker(file);
    const member: Member = { worker, waiting: new Map() };
    worker.unref();
    worker.on('message', (answer: DecodeAnswer) => {
      // While a worker is ended it must stay referenced, or the process could end before `close` does.
      if (this.#closed) return;
      const waiting = member.waiting.get(answer.id);
      member.waiting.delete(answer.id);
      if (!member.waiting.size) worker.unref();
      if ('error' in answer) waiting?.reject(new UsageError(answer.error));
      else waiting?.resolve(answer.data);
    });
    worker.on('error', (error) => this.#lose(member, error.message));
    worker.on('exit', (code) => this.#lose(member, `it ended with code ${code}`));
    return member;
  }

  #lose(member: Member, reason: string): void {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
    for (const { path, reject } of member.waiting.values())
      reject(
        this.#closed
          ? closed()
          : new PoseGanError(`an image decoding worker failed before ${path} was read: ${reason}`),
      );
    member.waiting.clear();
  }

  /**
   * The pixels (H×W×3 bytes) of an image file, resized when it has another size. Rejects with a `UsageError` that names
   * a broken file, and with a `PoseGanError` when the worker itself fails.
   */
  decode(path: string, height: number, width: number): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(closed());
    const [first, ...others] = this.#members;
    if (!first) return Promise.reject(new PoseGanError('no image decoding worker is left'));
    const member = others.reduce((best, m) => (m.waiting.size < best.waiting.size ? m : best), first);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      member.waiting.set(id, { path, resolve, reject });
      member.worker.ref();
      member.worker.postMessage({ id, path, height, width } satisfies DecodeJob);
    });
  }

  /** Ends the workers; what is still asked for is rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const members = [...this.#members];
    for (const m of members) this.#lose(m, '');
    await Promise.all(members.map((m) => m.worker.terminate()));
  }
}

function closed(): PoseGanError {
  return new PoseGanError('the loader is closed');
}
