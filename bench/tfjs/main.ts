import type { Engine } from '../../src/gpu/engine.js';
import { UsageError } from '../../src/gpu/errors.js';
import { VERSION } from '../../src/version.js';
import { Tfjs } from './backend.js';
import { compareLayers, type LayerReport, type LayerRow, layerText } from './compare.js';
import { chosen } from './layers.js';
import { compareNetwork, type NetworkReport, networkText } from './network.js';

export interface AgainstOptions {
  /** A whole training iteration instead of single layers. */
  network?: boolean;
  /** Only layers and passes that have all these words in their names. */
  filter?: string;
  /** Samples of each side; 5 when absent, 2 for the network. */
  samples?: number;
  /** Milliseconds that a sample lasts at least about; 400 on an adapter on the CPU and 50 on a GPU when absent. */
  sampleMs?: number;
  progress?(line: string): void;
}

/** What was measured, by which version of this library and when (ISO 8601). */
export type AgainstReport = { readonly library: string; readonly date: string } & (LayerReport | NetworkReport);

/**
 * Times our kernels against TensorFlow.js's WebGPU backend on the device of `engine`, in this process, in turn. Gives
 * the report as JSON can hold it, and as text. Throws `UsageError` when TensorFlow.js is not installed or nothing is
 * left to time.
 */
export async function againstTfjs(
  engine: Engine,
  options: AgainstOptions = {},
): Promise<{ report: AgainstReport; text: string }> {
  const { network = false, filter, progress } = options;
  const { samples = network ? 2 : 5, sampleMs = engine.software ? 400 : 50 } = options;
  if (!Number.isInteger(samples) || samples < 1)
    throw new UsageError(`the number of samples must be an integer of at least 1, got ${samples}`);
  const layers = network ? [] : chosen(filter);
  const head = { library: VERSION, date: new Date().toISOString() };
  const tfjs = await Tfjs.open(engine);
  try {
    if (network) {
      const sampled = (side: number, ms: number) => progress?.(`${side ? 'tfjs' : 'ours'}: ${ms.toFixed(0)} ms`);
      const model = { preset: 'authors', size: 'market' } as const;
      const report = await compareNetwork(engine, tfjs, { ...model, samples, sampleMs: 0, sampled });
      return { report: { ...head, ...report }, text: networkText(report) };
    }
    const line = (r: LayerRow) =>
      progress?.(`${r.layer}, ${r.pass}: ${r.ours.median.toFixed(2)} ms, tfjs ${r.tfjs.median.toFixed(2)} ms`);
    const report = await compareLayers(engine, tfjs, { chosen: layers, samples, sampleMs, progress: line });
    return { report: { ...head, ...report }, text: layerText(report) };
  } finally {
    tfjs.close();
  }
}
