/** Calls from a page to its worker: for each name the request, what is reported meanwhile, and the answer. */
export type CallTable = Record<string, { ask: unknown; event: unknown; answer: unknown }>;

/** An error as it crosses from the worker. */
export interface Failed {
  readonly name: string;
  readonly message: string;
}

interface Request {
  readonly id: number;
  readonly call: string;
  readonly ask: unknown;
}

type Reply =
  | { readonly id: number; readonly kind: 'event'; readonly event: unknown }
  | { readonly id: number; readonly kind: 'done'; readonly answer: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly error: Failed }
  | { readonly kind: 'news'; readonly news: unknown };

/** What the worker could not do. `name` is that of the error there. */
export class WorkerFailure extends Error {
  override readonly name: string;
  constructor({ name, message }: Failed) {
    super(message);
    this.name = name;
  }
}

interface Pending {
  readonly onEvent: (event: unknown) => void;
  readonly done: (answer: unknown) => void;
  readonly failed: (reason: Error) => void;
}

/** The page's end. */
export class Calls<T extends CallTable, News = never> {
  readonly #pending = new Map<number, Pending>();
  #next = 0;

  /** `onNews` is called with what the worker says unasked. */
  constructor(
    private readonly worker: Worker,
    onNews: (news: News) => void = () => {},
  ) {
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      if (data.kind === 'news') onNews(data.news as News);
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
    ask: T[K]['ask'],
    onEvent: (event: T[K]['event']) => void = () => {},
  ): Promise<T[K]['answer']> {
    const id = this.#next++;
    return new Promise((done, failed) => {
      this.#pending.set(id, { onEvent, done, failed });
      this.worker.postMessage({ id, call, ask } satisfies Request);
    });
  }

  #settle(reply: Exclude<Reply, { kind: 'news' }>): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    if (reply.kind === 'event') {
      pending.onEvent(reply.event);
      return;
    }
    this.#pending.delete(reply.id);
    if (reply.kind === 'done') pending.done(reply.answer);
    else pending.failed(new WorkerFailure(reply.error));
  }
}

export type Handlers<T extends CallTable> = {
  readonly [K in keyof T]: (ask: T[K]['ask'], report: (event: T[K]['event']) => void) => Promise<T[K]['answer']>;
};

const send = (reply: Reply) => postMessage(reply);

/** The worker's end. Returns what tells the page something unasked. */
export function serve<T extends CallTable, News = never>(handlers: Handlers<T>): (news: News) => void {
  const handle = async ({ id, call, ask }: Request) => {
    try {
      const handler = handlers[call];
      if (!handler) throw new Error(`the worker does not know ${call}`);
      send({ id, kind: 'done', answer: await handler(ask, (event) => send({ id, kind: 'event', event })) });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
      send({ id, kind: 'failed', error: { name, message } });
    }
  };
  addEventListener('message', ({ data }: MessageEvent<Request>) => void handle(data));
  return (news) => send({ kind: 'news', news });
}
