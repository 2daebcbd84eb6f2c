import type { ParameterSet } from '../autograd/parameters.js';
import { largestLiveSet, lifetimesOf } from './allocate.js';
import { type BufferSpec, isPooled, type PlacedCall } from './kernel-call.js';

/** The device memory of a plan, in bytes. */
export interface MemoryReport {
  /** All that is allocated while the plan runs. */
  readonly peak: number;
  readonly weights: number;
  readonly gradients: number;
  /** Intermediates and temporaries, which share buffers. */
  readonly activations: number;
  /** The largest set of intermediates that are alive at once, which is a lower bound of `activations`. */
  readonly largestLiveSet: number;
  readonly inputs: number;
  /** The textures that some kernels read their arguments from. */
  readonly textures: number;
  /** Every parameter set that the plan uses, optimiser state included. */
  readonly parameterSets: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Returns the buffers that calls use, each once: first those that values share in turn, then those that outlive a run.
 */
export function buffersOf(calls: readonly PlacedCall[]): readonly BufferSpec[] {
  const views = calls.flatMap((call) => Object.values(call.buffers));
  const all = [...new Set(views.map((view) => view.buffer ?? view.allocation))];
  return [...all.filter(isPooled), ...all.filter((buffer) => !isPooled(buffer))];
}

/**
 * Reports the memory of a plan.
 * @param made The bytes of all buffers that the plan has made for itself, uniform buffers included.
 */
export function memoryReport(
  calls: readonly PlacedCall[],
  made: number,
  textures: readonly GPUTexture[],
  bytesOfSet: (set: ParameterSet) => number,
): MemoryReport {
  const buffers = buffersOf(calls);
  const bytesOf = (...kinds: BufferSpec['kind'][]) =>
    4 * sum(buffers.filter((b) => kinds.includes(b.kind)).map((b) => b.elements));
  const sets = [...new Set(buffers.flatMap((b) => (b.kind === 'parameter' && b.slab ? [b.slab.set] : [])))];
  const parameterSets = sets.map((set) => ({ name: set.name, bytes: bytesOfSet(set) }));
  const weights = sum(parameterSets.map((p) => p.bytes));
  const texels = 16 * sum(textures.map((t) => t.width * t.height));
  return {
    peak: made + texels + weights,
    weights,
    gradients: bytesOf('gradient'),
    activations: bytesOf('pool', 'scratch'),
    largestLiveSet: 4 * largestLiveSet(lifetimesOf(calls), calls.length),
    inputs: bytesOf('input', 'constant'),
    textures: texels,
    parameterSets,
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
