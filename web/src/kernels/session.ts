import { Calls as Rpc, WorkerFailure } from '../rpc.js';
import type { Calls, News } from './protocol.js';

/** A call that was given up because the worker was stopped. */
export class Stopped extends Error {
  constructor() {
    super('stopped');
  }
}

interface Running {
  readonly worker: Worker;
  readonly calls: Rpc<Calls, News>;
  /** When the worker has loaded its modules: what is sent to it before is lost. */
  readonly ready: Promise<void>;
  /** What a stop rejects. */
  readonly stopped: AbortController;
}

/**
 * The page's end of the worker. `stop` ends it at once, whatever it is doing; the next call starts another. What the GPU
 * was given it still has: a kernel without end runs on until the system ends it.
 */
export class Session {
  #running: Running | undefined;

  /** Rejects with `WorkerFailure`, or with `Stopped`. */
  async call<K extends keyof Calls & string>(
    call: K,
    ask: Calls[K]['ask'],
    onEvent: (event: Calls[K]['event']) => void = () => {},
  ): Promise<Calls[K]['answer']> {
    const { calls, ready, stopped } = this.#start();
    const { signal } = stopped;
    const report = (event: Calls[K]['event']) => {
      if (!signal.aborted) onEvent(event);
    };
    const given = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Stopped()));
    });
    try {
      return await Promise.race([ready.then(() => calls.call(call, ask, report)), given]);
    } catch (error) {
      // A lost or busy device, or a worker that failed, is of no more use; the next call opens another.
      const { name } = error as Error;
      if (error instanceof WorkerFailure && /^(DeviceLost|KernelTimeout|Adapter|)Error$/.test(name)) this.stop();
      throw error;
    }
  }

  stop(): void {
    this.#running?.worker.terminate();
    this.#running?.stopped.abort();
    this.#running = undefined;
  }

  #start(): Running {
    if (this.#running) return this.#running;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'kernels' });
    let loaded = () => {};
    const ready = new Promise<void>((resolve, reject) => {
      loaded = resolve;
      worker.addEventListener('error', (e) => {
        reject(new WorkerFailure({ name: 'Error', message: e.message || 'the worker’s script does not load' }));
      });
    });
    const calls = new Rpc<Calls, News>(worker, () => loaded());
    this.#running = { worker, calls, ready, stopped: new AbortController() };
    return this.#running;
  }
}
