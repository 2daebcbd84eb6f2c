import type { Engine } from '../../src/gpu/engine.js';
import { UsageError } from '../../src/gpu/errors.js';
import { VERSION } from '../../src/version.js';
import { Tfjs } from './backend.js';
import { compareLayers, type LayerReport, type LayerRow, layerText } from './compare.js';
import { chosen } from './layers.js';
import { compareNetwork, type NetworkReport, networkText } from './network.js';

export interface AgainstOptions {
  /** Whether to time a whole training iteration instead of single layers. */
  network?: boolean;
  /** Words that select layers and passes, as in `pose-gan bench`. */
  filter?: string;
  /** Number of samples of each library. Default: 5, or 2 for the network. */
  samples?: number;
  /** Approximate minimum length of a sample in milliseconds. Default: 400 on an adapter on the CPU, 50 on a GPU. */
  sampleMs?: number;
  progress?(line: string): void;
}

/** The measurements, with the version of this library and the date (ISO 8601). */
export type AgainstReport = { readonly library: string; readonly date: string } & (LayerReport | NetworkReport);

/**
 * Times our kernels and those of TensorFlow.js's WebGPU backend in turn, in this process and on the device of `engine`.
 * Returns the report as a value for JSON and as text. Throws `UsageError` if TensorFlow.js is not installed or the filter
 * selects nothing.
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
