/** The calls from a page to its worker by name, with the types of their parameters, of progress events, and of their results. */
export type CallTable = Record<string, { params: unknown; event: unknown; result: unknown }>;

/** An error in a form that a worker can send. */
export interface SentError {
  readonly name: string;
  readonly message: string;
}

interface Request {
  readonly id: number;
  readonly call: string;
  readonly params: unknown;
}

type Reply =
  | { readonly id: number; readonly kind: 'event'; readonly event: unknown }
  | { readonly id: number; readonly kind: 'done'; readonly result: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly error: SentError }
  | { readonly kind: 'notice'; readonly notice: unknown };

/** An error in the worker, with its name and message. */
export class WorkerFailure extends Error {
  override readonly name: string;
  constructor({ name, message }: SentError) {
    super(message);
    this.name = name;
  }
}

interface Pending {
  readonly onEvent: (event: unknown) => void;
  readonly done: (result: unknown) => void;
  readonly failed: (reason: Error) => void;
}

/** The page's side: sends calls to a worker. */
export class Calls<T extends CallTable, Notice = never> {
  readonly #pending = new Map<number, Pending>();
  #next = 0;

  /** Calls `onNotice` with every message that the worker sends outside of calls. */
  constructor(
    private readonly worker: Worker,
    onNotice: (notice: Notice) => void = () => {},
  ) {
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      if (data.kind === 'notice') onNotice(data.notice as Notice);
      else this.#settle(data);
    });
    worker.addEventListener('error', (e) => {
      e.preventDefault();
      const reason = new WorkerFailure({ name: 'Error', message: e.message || 'the worker’s script does not load' });
      for (const { failed } of this.#pending.values()) failed(reason);
      this.#pending.clear();
    });
  }

  /** Rejects with `WorkerFailure`. */
  call<K extends keyof T & string>(
    call: K,
    params: T[K]['params'],
    onEvent: (event: T[K]['event']) => void = () => {},
  ): Promise<T[K]['result']> {
    const id = this.#next++;
    return new Promise((done, failed) => {
      this.#pending.set(id, { onEvent, done, failed });
      this.worker.postMessage({ id, call, params } satisfies Request);
    });
  }

  #settle(reply: Exclude<Reply, { kind: 'notice' }>): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    if (reply.kind === 'event') {
      pending.onEvent(reply.event);
      return;
    }
    this.#pending.delete(reply.id);
    if (reply.kind === 'done') pending.done(reply.result);
    else pending.failed(new WorkerFailure(reply.error));
  }
}

export type Handlers<T extends CallTable> = {
  readonly [K in keyof T]: (params: T[K]['params'], report: (event: T[K]['event']) => void) => Promise<T[K]['result']>;
};

const send = (reply: Reply) => postMessage(reply);

/** The worker's side: answers calls. Returns a function that sends the page a message outside of calls. */
export function serve<T extends CallTable, Notice = never>(handlers: Handlers<T>): (notice: Notice) => void {
  const handle = async ({ id, call, params }: Request) => {
    try {
      const handler = handlers[call];
      if (!handler) throw new Error(`the worker does not know ${call}`);
      send({ id, kind: 'done', result: await handler(params, (event) => send({ id, kind: 'event', event })) });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
      send({ id, kind: 'failed', error: { name, message } });
    }
  };
  addEventListener('message', ({ data }: MessageEvent<Request>) => void handle(data));
  return (notice) => send({ kind: 'notice', notice });
}
