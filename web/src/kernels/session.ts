import type { Call, Calls, Failed, Reply, Request } from './protocol.js';

/** What the worker could not do. */
export class Failure extends Error {
  constructor(readonly failed: Failed) {
    super(failed.message);
  }
}

/** A call that was given up because the worker was stopped. */
export class Stopped extends Error {
  constructor() {
    super('stopped');
  }
}

interface Pending {
  readonly onEvent: (event: Calls[Call]['event']) => void;
  readonly done: (answer: Calls[Call]['answer']) => void;
  readonly failed: (reason: Error) => void;
}

/**
 * The page's end of the worker. `stop` ends it at once, whatever it is doing, a kernel without end included; the next call
 * starts another.
 */
export class Session {
  #worker: Worker | undefined;
  /** Requests while the worker loads its modules. */
  #unsent: Request[] | undefined;
  #next = 0;
  readonly #pending = new Map<number, Pending>();

  /** Rejects with `Failure`, or with `Stopped`. */
  call<K extends Call>(
    call: K,
    ask: Calls[K]['ask'],
    onEvent: (event: Calls[K]['event']) => void = () => {},
  ): Promise<Calls[K]['answer']> {
    const id = this.#next++;
    return new Promise<Calls[K]['answer']>((done, failed) => {
      this.#pending.set(id, { onEvent, done, failed } as Pending);
      this.#send({ id, call, ask } as Request);
    });
  }

  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#rejectAll(new Stopped());
  }

  #send(request: Request): void {
    const worker = this.#running();
    if (this.#unsent) this.#unsent.push(request);
    else worker.postMessage(request);
  }

  #running(): Worker {
    if (this.#worker) return this.#worker;
    this.#unsent = [];
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'kernels' });
    worker.addEventListener('message', (e: MessageEvent<Reply>) => this.#settle(e.data));
    worker.addEventListener('error', (e) => {
      e.preventDefault();
      worker.terminate();
      this.#worker = undefined;
      const message = e.message || 'its script could not be loaded';
      this.#rejectAll(new Failure({ name: 'Error', message: `the worker failed: ${message}` }));
    });
    this.#worker = worker;
    return worker;
  }

  #settle(reply: Reply): void {
    if (reply.kind === 'ready') {
      for (const request of this.#unsent ?? []) this.#worker?.postMessage(request);
      this.#unsent = undefined;
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    if (reply.kind === 'event') {
      pending.onEvent(reply.event);
      return;
    }
    this.#pending.delete(reply.id);
    if (reply.kind === 'done') pending.done(reply.answer);
    else {
      pending.failed(new Failure(reply.error));
      // A lost or busy device is of no more use; the next call opens another.
      if (/DeviceLost|KernelTimeout|AdapterError/.test(reply.error.name)) this.stop();
    }
  }

  #rejectAll(reason: Error): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const p of all) p.failed(reason);
  }
}
