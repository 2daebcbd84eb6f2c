import { calls } from './page.js';

/** Answers each message with the result of the page's function of that name in this worker. */
addEventListener('message', async ({ data }: MessageEvent<{ name: keyof typeof calls; args: unknown[] }>) => {
  try {
    const call = calls[data.name] as (...args: unknown[]) => unknown;
    postMessage({ result: await call(...data.args) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
});
