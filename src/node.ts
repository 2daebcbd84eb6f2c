import { describeAdapter, isSoftware } from './gpu/adapter-facts.js';
import { anyOf, checked, NATURAL, oneOf, STRING } from './gpu/arguments.js';
import { requestDevice } from './gpu/device.js';
import { Engine } from './gpu/engine.js';
import { AdapterError } from './gpu/errors.js';
import { type AdapterIdentity, adapterIdentity, TUNING, type Tuning } from './gpu/tuner.js';
import { INSTALL } from './node/chromium-package.js';
import { embeddedProblem, loadEmbedded, systemLoader } from './node/embedded.js';
import { loadTuning, readTuning } from './node/tuning-files.js';
import { throttledWait } from './node/wait.js';

export * from './index.js';
export { loadNet, saveNet } from './node/nets.js';
export { loadTuning, readTuning, saveTuning, tuningPath } from './node/tuning-files.js';

export interface OpenOptions {
  /** Part of an adapter's name (`swiftshader`, `llvmpipe`, `nvidia`) in any case. Default: the variable `POSE_GAN_ADAPTER`. */
  adapter?: string;
  /**
   * Which of the adapters of the best kind to take, from 0 on; after the last comes the first again. Processes that train together on one
   * machine so take one each. Default: the best. Throws `AdapterError` if several GPUs have the same name, by which alone they are told apart.
   */
  index?: number;
  /** A prefix of the label of every GPU object. */
  label?: string;
  /**
   * Measured choices of kernels: a `Tuning`, the path of a tuning file, or `false` for none. Default: the file that the variable
   * `POSE_GAN_TUNING` names, or else the choices stored for this adapter, if any.
   */
  tuning?: Tuning | string | false;
}

/** An adapter that Dawn can open on this machine. */
export interface AdapterDescription {
  name: string;
  description: string;
  backend: string;
  kind: 'gpu' | 'software' | 'embedded';
  identity: AdapterIdentity;
}

interface FoundAdapter extends AdapterDescription {
  adapter: GPUAdapter;
}

/** The results of `create`. They must not be garbage-collected before the objects made from them, or Dawn crashes. */
const instances: unknown[] = [];

/** Flags of Dawn. By default it rounds timestamps to 65 µs, which is too coarse for `plan.profile`. */
const FLAGS = ['disable-dawn-features=timestamp_quantization'];

type Create = (flags: string[]) => GPU;

async function dawn(): Promise<Create> {
  try {
    return ((await import('webgpu')) as unknown as { create: Create }).create;
  } catch (error) {
    throw new AdapterError(
      `the npm package webgpu (Dawn for Node), which Node needs to reach a GPU, cannot be loaded: ${(error as Error).message}. Fix: npm install webgpu@0.6.2`,
    );
  }
}

/** Runs `body` while the Vulkan loader sees only one driver. */
async function withDriver<T>(manifest: string | undefined, body: () => Promise<T>): Promise<T> {
  if (!manifest) return body();
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];
  const before = names.map((n) => process.env[n]);
  for (const n of names) process.env[n] = manifest;
  try {
    return await body();
  } finally {
    for (const [i, n] of names.entries()) {
      if (before[i] === undefined) delete process.env[n];
      else process.env[n] = before[i];
    }
  }
}

/** The adapters of one set of drivers. Dawn lists them in its error message about an impossible name. */
async function enumerate(create: Create, manifest?: string): Promise<FoundAdapter[]> {
  return withDriver(manifest, async () => {
    const probe = create(['adapter=\u0001']);
    instances.push(probe);
    const message = await probe.requestAdapter().then(
      () => '',
      (error: Error) => error.message,
    );
    const found: FoundAdapter[] = [];
    for (const [, backend = '', name = ''] of message.matchAll(/backend: '([^']*)', name: '([^\n]*)'/g)) {
      if (backend === 'null') continue;
      const gpu = create([...FLAGS, `backend=${backend}`, `adapter=${name}`]);
      instances.push(gpu);
      const adapter = await gpu.requestAdapter().catch(() => null);
      if (!adapter) continue;
      const kind = manifest ? 'embedded' : isSoftware(adapter.info) ? 'software' : 'gpu';
      const identity = adapterIdentity(adapter.info);
      found.push({ name, description: describeAdapter(adapter.info), backend, kind, identity, adapter });
    }
    return found;
  });
}

const ORDER = { gpu: 0, software: 1, embedded: 2 };

async function findAdapters(wanted: string | undefined, all: boolean): Promise<FoundAdapter[]> {
  const create = await dawn();
  const found = systemLoader() ? await enumerate(create) : [];
  const matches = (f: FoundAdapter) =>
    !wanted || `${f.name} ${f.description}`.toLowerCase().includes(wanted.toLowerCase());
  if ((all || !found.some(matches)) && !embeddedProblem()) found.push(...(await enumerate(create, loadEmbedded())));
  return found.filter((f) => all || matches(f)).sort((a, b) => ORDER[a.kind] - ORDER[b.kind]);
}

/** The best system adapter by Dawn's ranking, which is a GPU if there is one. This is quicker than listing all adapters. */
async function systemAdapter(): Promise<FoundAdapter | undefined> {
  if (!systemLoader()) return undefined;
  const gpu = (await dawn())(FLAGS);
  instances.push(gpu);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter) return undefined;
  const kind = isSoftware(adapter.info) ? 'software' : 'gpu';
  const description = describeAdapter(adapter.info);
  return { name: description, description, backend: 'system', kind, identity: adapterIdentity(adapter.info), adapter };
}

/** Every adapter on this machine, in the order in which `open` prefers them. */
export async function adapters(
  ...args: []
): Promise<(AdapterDescription & { limits: Record<string, number>; features: string[] })[]> {
  checked('adapters', {}, args);
  const found = await findAdapters(undefined, true);
  return found.map(({ adapter, ...description }) => ({
    ...description,
    limits: Object.fromEntries(
      limitNames(adapter).map((n) => [n, adapter.limits[n as keyof GPUSupportedLimits] as number]),
    ),
    features: [...adapter.features].sort(),
  }));
}

function limitNames(adapter: GPUAdapter): string[] {
  const names = new Set<string>();
  for (
    let o: object | null = adapter.limits;
    o && o !== Object.prototype;
    o = Object.getPrototypeOf(o) as object | null
  )
    for (const n of Object.getOwnPropertyNames(o)) if (/^(max|min)/.test(n)) names.add(n);
  return [...names].sort();
}

/**
 * Opens a device in Node: on the adapter that the caller names, else on a real GPU, else on a software adapter of the system,
 * else on the embedded one. Without an adapter it throws an `AdapterError` that says how to get one. A given tuning of another
 * adapter or library version is a `UsageError`.
 */
export async function open(...args: [options?: OpenOptions]): Promise<Engine> {
  const kinds = {
    'adapter?': STRING,
    'index?': NATURAL,
    'label?': STRING,
    'tuning?': anyOf(TUNING, STRING, oneOf(false)),
  };
  const [options = {}] = checked('open', { 'options?': kinds }, args);
  const wanted = options.adapter || process.env.POSE_GAN_ADAPTER || undefined;
  const { index } = options;
  const quick = wanted || index !== undefined ? undefined : await systemAdapter();
  const best = quick ?? atIndex(await findAdapters(wanted, false), index ?? 0);
  if (!best) throw await noAdapter(wanted);
  const { adapter } = best;
  const tuning = tuningFor(options.tuning, best.identity);
  const device = await requestDevice(adapter, options.label);
  const software = best.kind !== 'gpu';
  const wait = throttledWait(software);
  return new Engine(device, { label: options.label, adapterInfo: adapter.info, software, wait, tuning });
}

/** The adapter at an index among those of the best kind, which are the first of a sorted list. */
function atIndex(found: readonly FoundAdapter[], index: number): FoundAdapter | undefined {
  const best = found.filter(({ kind }) => kind === found[0]?.kind);
  const twin = best.find(({ name }, i) => best.findIndex((other) => other.name === name) < i);
  if (twin?.kind === 'gpu' && index > 0)
    throw new AdapterError(
      `this machine has several GPUs named "${twin.name}", and WebGPU for Node chooses by name alone: ` +
        'start each process so that it sees only its own GPU, as docs/scale.md shows.',
    );
  return best[index % best.length];
}

function tuningFor(wanted: OpenOptions['tuning'], adapter: AdapterIdentity): Tuning | undefined {
  if (wanted === false) return undefined;
  if (wanted === undefined) return loadTuning(adapter).tuning;
  return typeof wanted === 'string' ? readTuning(wanted, adapter) : wanted.expect(adapter);
}

async function noAdapter(wanted: string | undefined): Promise<AdapterError> {
  const all = await findAdapters(undefined, true);
  if (wanted && all.length)
    return new AdapterError(
      `no adapter matches "${wanted}"; this machine has ${all.map((f) => `"${f.name}"`).join(', ')}. ` +
        'Give part of a name with --adapter or POSE_GAN_ADAPTER, or leave it out.',
    );
  return new AdapterError(
    `no WebGPU adapter was found${wanted ? ` for "${wanted}"` : ''}: there is no GPU driver and no software adapter of the system, and ${embeddedProblem() ?? 'the embedded one did not start'}. ` +
      `Fix: install your GPU’s Vulkan driver, or mesa-vulkan-drivers 23 or later, or run ${INSTALL} (Linux x64). pose-gan doctor shows details.`,
  );
}
