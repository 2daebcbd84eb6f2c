import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page, Worker } from 'playwright-core';
import { expect } from 'vitest';
import type { Report } from '../../web/src/train/protocol.js';
import type { App } from './app.js';

/** The drawn people of the smallest run, as the command line would write them. */
export const PEOPLE = {
  trainIdentities: 3,
  testIdentities: 1,
  imagesPerIdentity: 8,
  height: 64,
  width: 32,
  seed: 0,
  place: 'studio',
} as const;

/** The devices that a thread has opened and, if it is the worker, its reports. */
interface Heard {
  reports: Report[];
  devices: GPUDevice[];
}

/** Opens a Train page with the smallest run set up, and records the reports of its worker. */
export async function trainPage(app: App, options: { sampleEvery?: number; snapshotEvery?: number } = {}) {
  const { page, complaints } = await app.page('train', {}, (p) => p.addInitScript(keepDevices));
  const heard = await listen(page);
  await setUp(page, options);
  return { page, complaints, heard };
}

/** Records the devices that the thread opens, in the page or in a worker. */
function keepDevices(): void {
  const here = globalThis as unknown as Heard;
  here.devices = [];
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await request.apply(this, args);
    here.devices.push(device);
    return device;
  };
}

async function listen(page: Page) {
  await page.locator('#start').waitFor();
  await expect.poll(() => page.workers().length).toBe(1);
  const [worker] = page.workers();
  if (!worker) throw new Error('the page has no worker');
  await worker.evaluate(keepDevices);
  await worker.evaluate(() => {
    const here = globalThis as unknown as Heard & { postMessage: (message: Report) => void };
    const send = here.postMessage.bind(globalThis);
    here.reports = [];
    here.postMessage = (message) => {
      here.reports.push(message);
      send(message);
    };
  });
  return {
    rows: () =>
      worker.evaluate(() => (globalThis as unknown as Heard).reports.flatMap((r) => (r.type === 'row' ? [r.row] : []))),
    /** Returns the numbers of devices that the worker and the page have opened. */
    opened: async () => {
      const count = () => (globalThis as unknown as Heard).devices.length;
      return { worker: await worker.evaluate(count), page: await page.evaluate(count) };
    },
    loseDevice: () => worker.evaluate(() => (globalThis as unknown as Heard).devices.at(-1)?.destroy()),
    hold: () => hold(worker),
  };
}

/** Blocks the worker's thread when it next submits work. It then waits for an answer that only `release` gives. */
async function hold(worker: Worker): Promise<{ release: () => Promise<void> }> {
  let arrived = (_: ServerResponse) => {};
  const asked = new Promise<ServerResponse>((resolve) => {
    arrived = resolve;
  });
  const server = createServer((_, response) => arrived(response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  await worker.evaluate(
    (url) => {
      const { submit } = GPUQueue.prototype;
      GPUQueue.prototype.submit = function (...args) {
        GPUQueue.prototype.submit = submit;
        const request = new XMLHttpRequest();
        request.open('GET', url, false);
        request.send();
        return submit.apply(this, args);
      };
    },
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  );
  const response = await asked;
  return {
    release: async () => {
      response.writeHead(200, { 'access-control-allow-origin': '*', connection: 'close' }).end();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function setUp(page: Page, { sampleEvery = 10, snapshotEvery = 100 }) {
  const fill = (label: string, value: number) => page.getByLabel(label, { exact: true }).fill(String(value));
  await page.getByLabel('Channels').selectOption({ label: '1/16' });
  await fill('People', PEOPLE.trainIdentities);
  await fill('Batch', 2);
  await fill('Sample every', sampleEvery);
  await fill('Snapshot every', snapshotEvery);
}

/** Drops a file or folder of this machine on the page, as a user would. */
export async function drop(page: Page, path: string) {
  const browser = await page.context().newCDPSession(page);
  const at = { x: 640, y: 300, data: { items: [], files: [path], dragOperationsMask: 1 } };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await browser.send('Input.dispatchDragEvent', { type, ...at });
}

/** Returns one of the numbers below the buttons. */
export const figure = (page: Page, name: string) => page.locator(`.figures dt:text-is("${name}") + dd`).innerText();
export const iteration = (page: Page) => figure(page, 'Iteration').then(Number);
export const until = (body: () => Promise<unknown>, timeout = 100_000) => expect.poll(body, { timeout, interval: 250 });
