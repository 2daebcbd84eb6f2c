import { input } from '../../src/autograd/leaves.js';
import { loadTuning, open, saveTuning, Tuning } from '../../src/browser.js';
import { compile } from '../../src/compiler/compile.js';
import type { Engine } from '../../src/gpu/engine.js';
import { conv2d } from '../../src/kernels/conv2d/conv2d.js';
import { sum } from '../../src/kernels/sum/sum.js';
import { sharedEngine } from './shared.js';
import { generateSmall, trainSmall } from './work.js';

/**
 * The tests call these functions in a page or in a worker of it. They do without the rooms, and their arguments and
 * results are plain values.
 */

const fetched = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());

/** Returns Σ y for y = x ∗ w, where x [1, 5, 5, 4] and w [3, 3, 4, 4] are all ones: 9 · 36 · 4 = 1296. */
async function sumOfConvolution(engine: Engine): Promise<number> {
  const y = sum(conv2d(input('x', [1, 5, 5, 4]), input('w', [3, 3, 4, 4])));
  const plan = await compile(engine, { y });
  plan.run({ x: new Float32Array(100).fill(1), w: new Float32Array(144).fill(1) });
  return plan.scalar('y').finally(() => plan.destroy());
}

async function withEngine<T>(body: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await open();
  try {
    return await body(engine);
  } finally {
    engine.device.destroy();
  }
}

export const calls = {
  adapter: () =>
    withEngine(async (e) => ({ name: e.adapterName, software: e.software, features: [...e.device.features].sort() })),

  openError: () =>
    open().then(
      () => 'it opened',
      (error: Error) => `${error.name}: ${error.message}`,
    ),

  convolution: () => withEngine(sumOfConvolution),

  train: async (iterations: number) => (await trainSmall(await sharedEngine(), iterations)).losses,

  generate: async (checkpoint: string) => [...(await generateSmall(await sharedEngine(), await fetched(checkpoint)))],

  /** Does the same with a device of the page, which has only the guaranteed limits and no features. */
  ownDevice: async () => {
    const device = (await (await navigator.gpu.requestAdapter())?.requestDevice()) as GPUDevice;
    let uncaptured = 0;
    device.onuncapturederror = () => uncaptured++;
    const handler = device.onuncapturederror;
    const engine = await open({ device, tuning: false });
    const y = await sumOfConvolution(engine);
    const lost = await Promise.race([device.lost.then(() => true), Promise.resolve(false)]);
    const buffer = device.createBuffer({ size: 4, usage: 0x8 });
    device.queue.writeBuffer(buffer, 0, new Uint32Array(1));
    await device.queue.onSubmittedWorkDone();
    const same = engine.device === device && device.onuncapturederror === handler;
    return { y, lost, same, uncaptured, features: [...device.features] };
  },

  /** Stores a choice of kernels for this adapter. */
  saveTuning: () =>
    withEngine(async ({ adapter }) => {
      const tuning = new Tuning(adapter);
      tuning.set('conv2d somewhere', { variant: 'scalar', rule: 'registers', times: { scalar: 1, registers: 2 } });
      await saveTuning(tuning);
    }),

  /** Returns what is stored for this adapter and for another, and what `open` uses of it. */
  loadTuning: () =>
    withEngine(async ({ adapter, tuning }) => {
      const other = await loadTuning({ ...adapter, device: 'another' });
      const none = await open({ tuning: false });
      none.device.destroy();
      const refused = await open({ tuning: new Tuning({ ...adapter, device: 'another' }) }).catch(String);
      return { variant: tuning?.get('conv2d somewhere')?.variant, other, none: none.tuning === undefined, refused };
    }),
};

export type Calls = typeof calls;
