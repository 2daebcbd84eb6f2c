import { PoseGanError } from '../gpu/errors.js';
import { shown } from './json-scan.js';

/** A server's response before its body is read. */
export interface HttpResponse {
  readonly status: number;
  readonly statusText: string;
  header(name: string): string | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Sends a request, follows redirects, and returns the response of the last server. The signal aborts all of it. */
export type Open = (url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<HttpResponse>;

/** How long a server may send nothing, and a timer that calls `expired` after that time unless it is cancelled. */
export interface Timeout {
  readonly milliseconds: number;
  readonly timer: (milliseconds: number, expired: () => void) => () => void;
}

const DEFAULT_TIMEOUT: Timeout = {
  milliseconds: 30_000,
  timer(milliseconds, expired) {
    const timer = setTimeout(expired, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * Opens with `fetch`, which in browsers does not show redirects to its caller. The browser follows them, only to http and
 * https, and lets a page reach a private address only if that address allows it (CORS, Private Network Access). Node has
 * an `Open` of its own that checks every address.
 */
const openWithFetch: Open = async (url, headers, signal) => {
  const response = await fetch(url, { headers, signal, credentials: 'omit' });
  return {
    status: response.status,
    statusText: response.statusText,
    header: (name) => response.headers.get(name),
    body: chunks(response.body),
  };
};

async function* chunks(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = stream?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (!next?.value) return;
    yield next.value;
  }
}

/** An address that may be shown, without user, password, query (which may contain signatures) and fragment. */
export function withoutSecrets(address: string): string {
  if (!URL.canParse(address)) return shown(address.replace(/\/\/[^/]*@/, '//'));
  const url = new URL(address);
  const query = url.search ? '?…' : '';
  url.username = url.password = url.search = url.hash = '';
  return `${url.href}${query}`;
}

/** Reads ranges of one file on a server, and no other bytes. */
export class RangeReader {
  /** The number of bytes read so far. */
  transferred = 0;
  /** The size of the file, once the server has given it. */
  total: number | undefined;
  #tag: string | undefined;
  readonly #open: Open;
  readonly #timeout: Timeout;

  constructor(
    readonly url: URL,
    /** The address in errors. */
    readonly name: string,
    { open = openWithFetch, timeout = DEFAULT_TIMEOUT }: { readonly open?: Open; readonly timeout?: Timeout } = {},
  ) {
    this.#open = open;
    this.#timeout = timeout;
  }

  /** The bytes [from, from + length). */
  async read(from: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const stop = new AbortController();
    const { milliseconds, timer } = this.#timeout;
    let cancel = () => {};
    const progress = () => {
      cancel();
      cancel = timer(milliseconds, () =>
        stop.abort(
          this.#error(`the server sent nothing for ${milliseconds / 1000} s. Check the network, or try again later.`),
        ),
      );
    };
    progress();
    try {
      // The ranges of a compressed response would be different.
      const headers = { Range: `bytes=${from}-${from + length - 1}`, 'Accept-Encoding': 'identity' };
      const answer = await orAborted(this.#open(this.url, headers, stop.signal), stop.signal);
      progress();
      this.#check(answer, from, length);
      return await this.#body(answer, length, stop.signal, progress);
    } catch (error) {
      const reason = stop.signal.aborted ? (stop.signal.reason as unknown) : error;
      if (reason instanceof PoseGanError) throw reason;
      throw this.#error(`it cannot be reached: ${causeOf(reason)}. Check the address and the network.`);
    } finally {
      cancel();
      // Without this, the rest of a response would still be received.
      stop.abort();
    }
  }

  /** Throws if the response is not exactly the requested range, before its bytes are read. */
  #check({ status, statusText, header }: HttpResponse, from: number, length: number): void {
    if (status === 416) throw this.#error(`it is shorter than ${from + length} bytes: it is cut short.`);
    if (status !== 200 && status !== 206)
      throw this.#error(`the server answers ${status} ${shown(statusText)}. Check the address.`);
    const encoding = header('content-encoding');
    if (encoding && encoding !== 'identity')
      throw this.#error(
        `the server sends it with the encoding ${shown(encoding)}, though asked not to. Download it and give the file.`,
      );
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header('content-range') ?? '');
    if (status === 200 || !range)
      throw this.#error(
        'the server ignores byte ranges and would send the whole file. Download it and give the file, ' +
          'or use a server that answers ranges (Hugging Face, S3 and most static hosts do).',
      );
    const [first, last] = [Number(range[1]), Number(range[2])];
    const total = range[3] === '*' ? undefined : Number(range[3]);
    if (total !== undefined && from + length > total)
      throw this.#error(`it has ${total} bytes, ${from + length} are needed: it is cut short.`);
    if (first !== from || last !== from + length - 1)
      throw this.#error(`asked for bytes ${from}-${from + length - 1}, the server sends ${first}-${last}.`);
    const size = header('content-length');
    if (size !== null && size !== String(length))
      throw this.#error(`asked for ${length} bytes, the server announces ${shown(size)}.`);
    const tag = header('etag') ?? undefined;
    if ((this.total ?? total) !== (total ?? this.total) || (this.#tag ?? tag) !== (tag ?? this.#tag))
      throw this.#error('the file changed while it was read. Try again.');
    this.total ??= total;
    this.#tag ??= tag;
  }

  async #body({ body }: HttpResponse, length: number, signal: AbortSignal, progress: () => void): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let got = 0;
    const iterator = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await orAborted(iterator.next(), signal);
        if (next.done) break;
        progress();
        got += next.value.length;
        if (got > length) throw this.#error(`asked for ${length} bytes, the server sends more.`);
        parts.push(next.value);
      }
    } catch (error) {
      if (error instanceof PoseGanError || signal.aborted) throw error;
      throw this.#error(`the connection broke after ${got} of ${length} bytes: ${causeOf(error)}. Try again.`);
    }
    if (got < length) throw this.#error(`asked for ${length} bytes, got ${got}: it is cut short. Try again.`);
    this.transferred += got;
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #error(what: string): PoseGanError {
    return new PoseGanError(`${this.name}: ${what}`);
  }
}

/** Resolves as the promise does, but rejects with the signal's reason if the signal aborts first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** The message of the innermost cause of a failure, because `fetch` itself only says that it failed. */
function causeOf(error: unknown): string {
  const { message, code, cause } = (error ?? {}) as { message?: string; code?: string; cause?: unknown };
  return cause ? causeOf(cause) : shown(message || code || String(error), 200).slice(1, -1);
}
