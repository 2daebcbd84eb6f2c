import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll } from 'vitest';
import { globals } from 'webgpu';
import type { Engine } from '../src/gpu/engine.js';
import { type OpenOptions, open } from '../src/node.js';

/**
 * One device of a process for many tests. Compiling a kernel on a software adapter takes longer than running it, and
 * pipelines belong to a device. So tests that need no device of their own use this one, which compiles every kernel
 * once.
 */

let engine: Promise<Engine> | undefined;

/** The engine that the tests of a process share. */
export function sharedEngine(): Promise<Engine> {
  engine ??= asked.run('shared', () => open({ tuning: false }));
  return engine;
}

/**
 * Call this at the top of a test file. Until its tests are done, every `open` in this process returns a new engine on
 * the shared device, both in tests and in commands that they run. Destroying such a device frees what was made on it
 * and leaves the shared one alone.
 */
export function shareDevice(): void {
  beforeAll(() => void sharing++);
  afterAll(() => void sharing--);
}

/** Opens an engine on a device that nothing else uses, so that it can be lost. */
export const openAlone = (options?: OpenOptions): Promise<Engine> => asked.run('alone', () => open(options));

/**
 * The device that the current call of `open` wants, if it says so: the shared one itself, or one that nobody shares.
 */
const asked = new AsyncLocalStorage<'shared' | 'alone'>();
/** The number of test files that have asked for sharing and are not done. */
let sharing = 0;

/** The shared devices, by adapter, features and limits. */
const devices = new Map<string, Promise<GPUDevice>>();

const adapterClass = (globals as unknown as { GPUAdapter: { prototype: GPUAdapter } }).GPUAdapter.prototype;
const { requestDevice } = adapterClass;
adapterClass.requestDevice = async function (descriptor) {
  const wanted = asked.getStore() ?? (sharing ? 'lent' : 'alone');
  if (wanted === 'alone') return requestDevice.call(this, descriptor);
  const { vendor, architecture, device, description } = this.info;
  const key = JSON.stringify([vendor, architecture, device, description, descriptor]);
  let shared = devices.get(key);
  shared ??= requestDevice.call(this, descriptor).then(withPipelineCache);
  devices.set(key, shared);
  return wanted === 'shared' ? shared : lent(await shared);
};

/** Makes a device compile every kernel only once. A pipeline that the device refuses is not cached. */
function withPipelineCache(device: GPUDevice): GPUDevice {
  const codes = new WeakMap<GPUShaderModule, string>();
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();
  const createShaderModule = device.createShaderModule.bind(device);
  const createPipeline = device.createComputePipelineAsync.bind(device);
  device.createShaderModule = (descriptor) => {
    const made = createShaderModule(descriptor);
    codes.set(made, descriptor.code);
    return made;
  };
  device.createComputePipelineAsync = (descriptor) => {
    const { module, ...rest } = descriptor.compute;
    const key = JSON.stringify([descriptor.label, descriptor.layout, rest, codes.get(module)]);
    const found = pipelines.get(key) ?? createPipeline(descriptor);
    pipelines.set(key, found);
    found.catch(() => pipelines.delete(key));
    return found;
  };
  return device;
}

/**
 * Wraps the shared device for one user. The wrapper can be destroyed with all buffers, textures and query sets that
 * were made on it, and then refuses every call.
 */
function lent(device: GPUDevice): GPUDevice {
  const made = new Set<{ destroy(): void }>();
  let ended = false;
  let lose: (info: GPUDeviceLostInfo) => void = () => {};
  const living = (name: string) => {
    if (ended) throw new Error(`${name} of a device that was destroyed`);
  };
  const keep =
    <A extends unknown[], T extends { destroy(): void }>(make: (...args: A) => T) =>
    (...args: A): T => {
      living(make.name);
      const thing = make.apply(device, args);
      made.add(thing);
      return thing;
    };
  const own: Partial<GPUDevice> = {
    lost: new Promise((resolve) => {
      lose = resolve;
    }),
    createBuffer: keep(device.createBuffer),
    createTexture: keep(device.createTexture),
    createQuerySet: keep(device.createQuerySet),
    destroy: () => {
      ended = true;
      for (const thing of made) thing.destroy();
      made.clear();
      lose({ reason: 'destroyed', message: 'a lent device was given back' } as GPUDeviceLostInfo);
      return undefined;
    },
  };
  return new Proxy(device, {
    get(_, name) {
      if (name in own) return own[name as keyof GPUDevice];
      const value = Reflect.get(device, name, device);
      if (typeof value !== 'function') return value;
      living(String(name));
      return value.bind(device);
    },
  });
}
