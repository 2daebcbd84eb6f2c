import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadTuning, open, UsageError } from '../src/browser.js';
import type { Engine } from '../src/gpu/engine.js';
import { AdapterError } from '../src/gpu/errors.js';
import { open as openInNode } from '../src/node.js';

const ENTRIES = ['index', 'model', 'browser', 'node'];
const built = (entry: string) => JSON.stringify(new URL(`../dist/${entry}.js`, import.meta.url).href);

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function refusal(adapter?: 'low-power' | 'software'): Promise<string> {
  const error = await open({ adapter }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(AdapterError);
  return (error as Error).message;
}

describe('open() of the browser entry where there is no adapter', () => {
  const gpu = (requestAdapter: () => Promise<null>) => ({ requestAdapter });
  const none = gpu(() => Promise.resolve(null));
  const broken = gpu(() => Promise.reject(new Error('the driver is gone')));
  const cases: readonly (readonly [what: string, globals: Record<string, unknown>, message: RegExp])[] = [
    [
      'Node without a navigator',
      { navigator: undefined },
      /^this runtime has no WebGPU.*in Node, import open from webgpu-pose-gan\/node/,
    ],
    [
      'Node with one',
      { navigator: { userAgent: 'Node.js/22' } },
      /^Node\.js has no WebGPU.*Node: import open from webgpu-pose-gan\/node/,
    ],
    [
      'a page simulated in Node',
      { navigator: { userAgent: 'jsdom/26.0' } },
      /^this runtime has no WebGPU.*in Node, import/,
    ],
    ['Bun', { navigator: { userAgent: 'Bun/1.4.5' } }, /^Bun has no WebGPU.*from webgpu-pose-gan\/node/],
    [
      'Deno without WebGPU',
      { navigator: { userAgent: 'Deno/1.30.0' } },
      /^Deno has no WebGPU.*Deno: update it.*webgpu-pose-gan\/node/,
    ],
    [
      'Deno without an adapter',
      { navigator: { userAgent: 'Deno/2.9.6', gpu: none } },
      /^Deno has WebGPU but no high-performance adapter for it\. Deno: update it and install the GPU’s driver/,
    ],
    [
      'a worker of a server',
      { navigator: { userAgent: 'Cloudflare-Workers' } },
      /^this runtime has no WebGPU.*Use a recent Chrome/,
    ],
    [
      'a page that is not secure',
      { navigator: { userAgent: 'Chrome/143' }, isSecureContext: false, location: { origin: 'http://far' } },
      /only available to secure pages, and http:\/\/far is not secure/,
    ],
    [
      'Safari with a broken driver',
      { navigator: { userAgent: 'Version/18 Safari/605', gpu: broken }, isSecureContext: true },
      /^this browser refuses a high-performance adapter for WebGPU: the driver is gone\. Safari: update/,
    ],
  ];
  for (const [what, globals, message] of cases)
    test(`${what}: an AdapterError says what to do`, async () => {
      for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
      const text = await refusal();
      expect(text).toMatch(message);
    });

  test('the error names the kind of adapter that was asked for', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Firefox/140', gpu: none });
    expect(await refusal('software')).toMatch(/no software adapter for it\. Firefox: /);
    expect(await refusal('low-power')).toMatch(/no low-power adapter/);
  });

  test('the built entry gives the same errors in a worker of Node and in Node itself', async () => {
    const code = `import(${built('browser')}).then(({ open }) => open()).catch((e) => e.name + ': ' + e.message)`;
    const worker = new Worker(`${code}.then((m) => require('node:worker_threads').parentPort.postMessage(m))`, {
      eval: true,
    });
    const inWorker = await new Promise<string>((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    );
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', `${code}.then(console.log)`]);
    expect(inWorker).toMatch(
      /^AdapterError: (Node\.js|this runtime) has no WebGPU.*import open from webgpu-pose-gan\/node/,
    );
    expect(stdout.trim()).toBe(inWorker);
  });
});

describe('open() on a device of the host, whatever IndexedDB does', () => {
  let host: Engine;
  beforeAll(async () => {
    host = await openInNode({ tuning: false });
  });
  afterAll(() => host.device.destroy());

  const answers: Readonly<Record<string, (request: { onerror?(): void; onblocked?(): void; error?: Error }) => void>> =
    {
      'that is refused': (request) => {
        request.error = new Error('the user forbids it');
        request.onerror?.();
      },
      'that another page changes': (request) => request.onblocked?.(),
      'that never answers': () => void vi.advanceTimersByTime(5000),
    };
  for (const [what, answer] of Object.entries(answers))
    test(`a database ${what} is no failure`, async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      vi.stubGlobal('indexedDB', {
        open: () => {
          const request = {};
          queueMicrotask(() => answer(request));
          return request;
        },
      });
      await expect(loadTuning(host.adapter)).rejects.toThrow(UsageError);
      const engine = await open({ device: host.device });
      expect(engine.tuning).toBeUndefined();
      expect(engine.device).toBe(host.device);
    });

  test('a missing database, or one that may not be accessed, is no failure', async () => {
    vi.stubGlobal('indexedDB', undefined);
    expect((await open({ device: host.device })).tuning).toBeUndefined();
    const open_ = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    };
    vi.stubGlobal('indexedDB', { open: open_ });
    expect((await open({ device: host.device })).tuning).toBeUndefined();
  });
});

test('importing an entry adds no global and no listener, prints nothing, and lets the process end', async () => {
  const script = `
    import { deepEqual } from 'node:assert/strict';
    const state = () => ({
      globals: Object.getOwnPropertyNames(globalThis).sort(),
      listeners: process.eventNames().map((event) => [event, process.listenerCount(event)]),
      env: { ...process.env },
    });
    const before = state();
    for (const entry of [${ENTRIES.map(built)}]) {
      const { length } = Object.keys(await import(entry));
      if (length < 5) throw new Error(entry + ' exports ' + length + ' names');
    }
    deepEqual(state(), before);
  `;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  expect([stdout, stderr]).toEqual(['', '']);
});
