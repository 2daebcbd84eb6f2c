import { Calls as Rpc, WorkerFailure } from '../rpc.js';
import type { Calls, Notice } from './protocol.js';

/** The error of a call whose worker was stopped. */
export class Stopped extends Error {
  constructor() {
    super('stopped');
  }
}

interface Running {
  readonly worker: Worker;
  readonly calls: Rpc<Calls, Notice>;
  /** Resolves when the worker has loaded its modules. It does not receive messages that are sent before. */
  readonly ready: Promise<void>;
  /** Aborts the running calls. */
  readonly stopped: AbortController;
}

/**
 * The page's connection to its worker. `stop` ends the worker at once, and the next call starts another. It cannot stop the
 * GPU: an endless kernel runs on until the system ends it.
 */
export class Session {
  #running: Running | undefined;

  /** Rejects with `WorkerFailure`, or with `Stopped`. */
  async call<K extends keyof Calls & string>(
    call: K,
    params: Calls[K]['params'],
    onEvent: (event: Calls[K]['event']) => void = () => {},
  ): Promise<Calls[K]['result']> {
    const { calls, ready, stopped } = this.#start();
    const { signal } = stopped;
    const report = (event: Calls[K]['event']) => {
      if (!signal.aborted) onEvent(event);
    };
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Stopped()));
    });
    try {
      return await Promise.race([ready.then(() => calls.call(call, params, report)), aborted]);
    } catch (error) {
      // A lost or busy device or a failed worker cannot be used again, so the next call starts another worker.
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
    const calls = new Rpc<Calls, Notice>(worker, () => loaded());
    this.#running = { worker, calls, ready, stopped: new AbortController() };
    return this.#running;
  }
}
