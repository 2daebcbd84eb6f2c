import { calls } from './page.js';

/** Lets a test call the page's functions by name, here and in a Web Worker of the page. */
const worker = () => new Worker(new URL('worker.js', import.meta.url), { type: 'module' });

function inWorker(name: string, args: readonly unknown[]): Promise<unknown> {
  const at = worker();
  return new Promise((resolve, reject) => {
    at.onmessage = ({ data }: MessageEvent<{ result?: unknown; error?: string }>) =>
      data.error === undefined ? resolve(data.result) : reject(new Error(data.error));
    at.onerror = (event) => reject(new Error(event.message));
    at.postMessage({ name, args });
  }).finally(() => at.terminate());
}

Object.assign(globalThis, { calls, inWorker, loadChecks: () => import('./checks.js') });
