import { loadTuning } from './browser-tuning.js';
import { requestDevice } from './gpu/device.js';
import { Engine } from './gpu/engine.js';
import { AdapterError, UsageError } from './gpu/errors.js';
import type { AdapterIdentity, Tuning } from './gpu/tuner.js';

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

/**
 * Opens a device in a page or a Web Worker, or wraps one that the page owns. Throws `AdapterError` that says what to switch on
 * in this browser when there is no adapter, `UsageError` for a tuning of another adapter or library version.
 */
export async function open(options: OpenOptions = {}): Promise<Engine> {
  const { label } = options;
  let { device } = options;
  let adapterInfo: GPUAdapterInfo | undefined;
  if (!device) {
    const adapter = await adapterOf(options.adapter ?? 'high-performance');
    adapterInfo = adapter.info;
    device = await requestDevice(adapter, label).catch((error: Error) => {
      throw new AdapterError(`the WebGPU adapter gives no device: ${error.message}. ${advice()}`);
    });
  }
  const engine = new Engine(device, { label, adapterInfo });
  engine.tuning = await tuningFor(options.tuning, engine.adapter);
  return engine;
}

async function adapterOf(wanted: Exclude<OpenOptions['adapter'], undefined>): Promise<GPUAdapter> {
  if (typeof wanted === 'object') return wanted;
  const { gpu } = navigator as { gpu?: GPU };
  if (!gpu && !isSecureContext)
    throw new AdapterError(
      `WebGPU is kept from pages that are not secure, and ${location.origin} is not. Serve this page over https:, or from localhost.`,
    );
  if (!gpu) throw new AdapterError(`this browser has no WebGPU, or it is switched off. ${advice()}`);
  const adapter = await gpu.requestAdapter(
    wanted === 'software' ? { forceFallbackAdapter: true } : { powerPreference: wanted },
  );
  if (!adapter) throw new AdapterError(`this browser has WebGPU but no ${wanted} adapter for it. ${advice()}`);
  return adapter;
}

/** What to switch on for WebGPU in this browser. */
function advice(): string {
  const { userAgent } = navigator;
  if (/Firefox\//.test(userAgent))
    return 'Firefox: update it, set dom.webgpu.enabled to true in about:config, restart; about:support shows what it found.';
  if (/Chrom(e|ium)\//.test(userAgent))
    return (
      'Chromium, Chrome, Edge: update it (113 or later), switch graphics acceleration on in chrome://settings/system, and on Linux ' +
      'start it with --enable-unsafe-webgpu --enable-features=Vulkan; without a GPU, with --enable-unsafe-webgpu ' +
      '--use-webgpu-adapter=swiftshader. chrome://gpu shows what it found.'
    );
  if (/Safari\//.test(userAgent))
    return 'Safari: update to version 26 or later, or switch WebGPU on under Settings, Feature Flags.';
  return 'Use a recent Chrome, Edge, Firefox or Safari.';
}

async function tuningFor(wanted: OpenOptions['tuning'], adapter: AdapterIdentity): Promise<Tuning | undefined> {
  if (wanted) return wanted.expect(adapter);
  if (wanted === false) return undefined;
  return loadTuning(adapter).then(
    (stored) => stored.tuning,
    (error) => {
      // A page may have no IndexedDB; the rule chooses then.
      if (error instanceof UsageError) return undefined;
      throw error;
    },
  );
}
