// What the core takes from its platform besides ECMAScript and WebGPU, each with the part of it that the core uses. Node, Deno,
// browsers and their workers have all of it. `tsconfig.core.json` checks the core against this file instead of the DOM library or
// Node's types, so that a file of the core cannot use `document` or `process` unnoticed.

declare global {
  const performance: { now(): number };

  function setTimeout(callback: (...values: unknown[]) => void, milliseconds: number): Timeout;
  function clearTimeout(timeout: Timeout | undefined): void;
  /** A number in browsers, an object in Node. */
  interface Timeout {
    readonly __timeout: never;
  }

  class TextEncoder {
    encode(text: string): Uint8Array<ArrayBuffer>;
  }
  class TextDecoder {
    constructor(encoding?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
    decode(bytes?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
  }

  class URL {
    static canParse(address: string): boolean;
    constructor(address: string);
    readonly href: string;
    username: string;
    password: string;
    search: string;
    hash: string;
  }
  function fetch(
    url: URL,
    options: { headers: Readonly<Record<string, string>>; signal: AbortSignal; credentials: 'omit' },
  ): Promise<{
    readonly status: number;
    readonly statusText: string;
    readonly headers: { get(name: string): string | null };
    readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  }>;
  interface ReadableStream<T> {
    getReader(): { read(): Promise<{ readonly value?: T }> };
  }

  class AbortController {
    readonly signal: AbortSignal;
    abort(reason?: unknown): void;
  }
  interface AbortSignal {
    readonly aborted: boolean;
    readonly reason: unknown;
    addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
    removeEventListener(type: 'abort', listener: () => void): void;
  }

  // Names of the DOM library that the declarations of @webgpu/types mention.
  type BufferSource = ArrayBuffer | ArrayBufferView<ArrayBuffer>;
  type PredefinedColorSpace = 'srgb' | 'display-p3';
  type EventListenerOrEventListenerObject = (event: Event) => void;
  interface Event {}
  interface EventInit {}
  interface EventTarget {}
  interface EventListenerOptions {}
  interface AddEventListenerOptions extends EventListenerOptions {}
  interface DOMException extends Error {}
  interface HTMLImageElement {}
  interface ImageBitmap {}
  interface ImageData {}
  interface VideoFrame {}
}

export {};
