import { loadTuning } from './browser-tuning.js';
import { anyOf, checked, type Kind, oneOf, STRING } from './gpu/arguments.js';
import { requestDevice } from './gpu/device.js';
import { DEVICE, Engine } from './gpu/engine.js';
import { AdapterError, UsageError } from './gpu/errors.js';
import { type AdapterIdentity, TUNING, type Tuning } from './gpu/tuner.js';
import { place } from './place.js';

export { loadTuning, saveTuning } from './browser-tuning.js';
export * from './index.js';

export interface OpenOptions {
  /** A device that the page owns and keeps: it is used with the features and limits that it has, and never destroyed. */
  device?: GPUDevice;
  /** An adapter that the page has asked for, or which to ask for; `high-performance` when absent. */
  adapter?: GPUAdapter | 'high-performance' | 'low-power' | 'software';
  /** Label put before every GPU object's own. */
  label?: string;
  /** Measured choices of kernels, or `false` for none. When absent, those kept in IndexedDB for this adapter, if any. */
  tuning?: Tuning | false;
}

const ADAPTER: Kind = ['a GPUAdapter', (v) => typeof (v as GPUAdapter)?.requestDevice === 'function'];

/**
 * Opens a device in a page, a Web Worker or Deno, or wraps one that the caller owns. Throws `AdapterError` that says what to
 * switch on or to import instead when there is no adapter, `UsageError` for a tuning of another adapter or library version.
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
      throw new AdapterError(`the WebGPU adapter gives no device: ${error.message}. ${place().advice}`);
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
      `WebGPU is kept from pages that are not secure, and ${location.origin} is not. Serve this page over https:, or from localhost.`,
    );
  const { name, advice } = place();
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
      // IndexedDB may be absent, blocked or silent; the rule chooses then.
      if (error instanceof UsageError) return undefined;
      throw error;
    },
  );
}
