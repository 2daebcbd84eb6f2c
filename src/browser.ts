import { loadTuning } from './browser-tuning.js';
import { environment } from './environment.js';
import { anyOf, checked, type Kind, oneOf, STRING } from './gpu/arguments.js';
import { requestDevice } from './gpu/device.js';
import { DEVICE, Engine } from './gpu/engine.js';
import { AdapterError, UsageError } from './gpu/errors.js';
import { type AdapterIdentity, TUNING, type Tuning } from './gpu/tuner.js';

export { loadTuning, saveTuning } from './browser-tuning.js';
export * from './index.js';

export interface OpenOptions {
  /** A device that the page owns. It is used with its features and limits, and never destroyed. */
  device?: GPUDevice;
  /** An adapter of the page, or the kind of adapter to request. Default: `high-performance`. */
  adapter?: GPUAdapter | 'high-performance' | 'low-power' | 'software';
  /** A prefix of the label of every GPU object. */
  label?: string;
  /** Measured choices of kernels, or `false` for none. Default: the choices stored in IndexedDB for this adapter, if any. */
  tuning?: Tuning | false;
}

const ADAPTER: Kind = ['a GPUAdapter', (v) => typeof (v as GPUAdapter)?.requestDevice === 'function'];

/**
 * Opens a device in a page, a Web Worker or Deno, or wraps one that the caller owns. Without an adapter it throws an
 * `AdapterError` that says what to switch on, or what to import instead. A tuning of another adapter or library version is a
 * `UsageError`.
 */
export async function open(...args: [options?: OpenOptions]): Promise<Engine> {
  const kinds = {
    'device?': DEVICE,
    'adapter?': anyOf(oneOf('high-performance', 'low-power', 'software'), ADAPTER),
    'label?': STRING,
    'tuning?': anyOf(TUNING, oneOf(false)),
  };
  const [options = {}] = checked('open', { 'options?': kinds }, args);
  const { label } = options;
  let { device } = options;
  let adapterInfo: GPUAdapterInfo | undefined;
  if (!device) {
    const adapter = await adapterOf(options.adapter ?? 'high-performance');
    adapterInfo = adapter.info;
    device = await requestDevice(adapter, label).catch((error: Error) => {
      throw new AdapterError(`the WebGPU adapter gives no device: ${error.message}. ${environment().advice}`);
    });
  }
  const engine = new Engine(device, { label, adapterInfo });
  engine.tuning = await tuningFor(options.tuning, engine.adapter);
  return engine;
}

async function adapterOf(wanted: Exclude<OpenOptions['adapter'], undefined>): Promise<GPUAdapter> {
  if (typeof wanted === 'object') return wanted;
  // Only browsers have each of these globals; in Node, Deno and workers of servers some are absent.
  const gpu = typeof navigator === 'undefined' ? undefined : (navigator as { gpu?: GPU }).gpu;
  if (!gpu && typeof isSecureContext !== 'undefined' && !isSecureContext)
    throw new AdapterError(
      `WebGPU is only available to secure pages, and ${location.origin} is not secure. Serve this page over https:, or from localhost.`,
    );
  const { name, advice } = environment();
  if (!gpu) throw new AdapterError(`${name} has no WebGPU, or it is switched off. ${advice}`);
  const options: GPURequestAdapterOptions =
    wanted === 'software' ? { forceFallbackAdapter: true } : { powerPreference: wanted };
  const adapter = await gpu.requestAdapter(options).catch((error: Error) => {
    throw new AdapterError(`${name} refuses a ${wanted} adapter for WebGPU: ${error.message}. ${advice}`);
  });
  if (!adapter) throw new AdapterError(`${name} has WebGPU but no ${wanted} adapter for it. ${advice}`);
  return adapter;
}

async function tuningFor(wanted: OpenOptions['tuning'], adapter: AdapterIdentity): Promise<Tuning | undefined> {
  if (wanted) return wanted.expect(adapter);
  if (wanted === false) return undefined;
  return loadTuning(adapter).then(
    (stored) => stored.tuning,
    (error) => {
      // IndexedDB may be absent, blocked, or may not answer. Kernels are then chosen by rule.
      if (error instanceof UsageError) return undefined;
      throw error;
    },
  );
}
