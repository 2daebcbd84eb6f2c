import { present } from '../present.js';
import { checked, F32, type Kind, listOf, mapOf, OBJECT, unshared } from './arguments.js';
import { ENGINE, type Engine, GPU_BUFFER } from './engine.js';
import type { Outcomes } from './error-scopes.js';
import { LimitError, ShapeError, UsageError } from './errors.js';

/** Alignment in elements of everything that is bound by a byte range: the 256 bytes that every WebGPU device allows. */
export const ALIGN = 64;

export function align(elements: number): number {
  return Math.ceil(elements / ALIGN) * ALIGN;
}

/** What the storage needs of a `ParameterSet`: tensors by name. */
interface Stored {
  readonly name: string;
  readonly names: readonly string[];
  get(name: string): { readonly shape: readonly number[]; readonly size: number };
  /** Initial values by name. */
  initial(name: string): Float32Array;
  /** Called when the first storage is made. After that, names and shapes must not change. */
  close(): void;
}

const STORED: Kind = ['a ParameterSet', (v) => typeof (v as Stored | undefined)?.initial === 'function'];

/** How the parameters of a set are laid out in slabs, each small enough for one binding. */
export interface SlabLayout {
  /** Number of elements in each slab. */
  readonly slabs: readonly number[];
  /** Slab of each parameter, and its offset there in elements. */
  readonly at: ReadonlyMap<string, { readonly slab: number; readonly offset: number }>;
}

/** Lays out parameters in order, and begins a new slab if the current one would exceed `maxBytes`. */
export function layOut(set: Stored, maxBytes: number): SlabLayout {
  const slabs: number[] = [];
  const at = new Map<string, { slab: number; offset: number }>();
  for (const name of set.names) {
    const t = set.get(name);
    const size = align(t.size);
    if (4 * size > maxBytes)
      throw new LimitError(`parameter ${t}`, 'maxStorageBufferBindingSize', 4 * size, maxBytes, 'Use a smaller width.');
    const last = slabs[slabs.length - 1];
    if (last === undefined || 4 * (last + size) > maxBytes) slabs.push(0);
    const slab = slabs.length - 1;
    at.set(name, { slab, offset: present(slabs[slab]) });
    slabs[slab] = present(slabs[slab]) + size;
  }
  return { slabs, at };
}

/** The storage of a parameter set on one engine. */
export class ParameterStorage {
  private constructor(
    private readonly engine: Engine,
    private readonly set: Stored,
    readonly layout: SlabLayout,
    readonly buffers: readonly GPUBuffer[],
  ) {}

  /** The storage of a `ParameterSet` on `engine`. The first call makes it and fills it with initial values. */
  static of(...args: [engine: Engine, set: Stored, outcomes?: Outcomes]): ParameterStorage {
    const kinds = { engine: ENGINE, set: STORED, 'outcomes?': listOf(OBJECT) };
    const [engine, set, outcomes = []] = checked('ParameterStorage.of', kinds, args);
    const found = engine.resident.get(set);
    if (found instanceof ParameterStorage) return found;
    set.close();
    const limits = engine.device.limits;
    const layout = layOut(set, Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize));
    const usage = GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_DST | GPU_BUFFER.COPY_SRC;
    const buffers = layout.slabs.map((n, i) => engine.buffer(`parameters/${set.name}#${i}`, 4 * n, usage, outcomes));
    const storage = new ParameterStorage(engine, set, layout, buffers);
    for (const name of set.names) storage.#upload(name, set.initial(name), outcomes);
    engine.resident.set(set, storage);
    Promise.all(outcomes).catch(() => storage.destroy());
    return storage;
  }

  /** Frees the storage. Plans that use it stop working, and the next plan that uses the set starts from its initial values. */
  destroy(): void {
    if (this.engine.resident.get(this.set) === this) this.engine.resident.delete(this.set);
    for (const b of this.buffers) b.destroy();
  }

  get names(): readonly string[] {
    return this.set.names;
  }

  get bytes(): number {
    return this.layout.slabs.reduce((n, s) => n + 4 * s, 0);
  }

  #upload(name: string, values: Float32Array, outcomes?: Outcomes): void {
    const { slab, offset } = present(this.layout.at.get(name));
    this.engine.write(present(this.buffers[slab]), 4 * offset, unshared(values), outcomes);
  }

  /** Reads all parameters by name, in device layout. */
  async read(): Promise<Map<string, Float32Array>> {
    const slabs = await Promise.all(this.buffers.map((b) => this.engine.readBuffer(b)));
    return new Map(
      this.set.names.map((name) => {
        const t = this.set.get(name);
        const { slab, offset } = present(this.layout.at.get(name));
        return [name, new Float32Array(present(slabs[slab]), 4 * offset, t.size).slice()];
      }),
    );
  }

  /** Throws `UsageError` or `ShapeError` unless every name exists and every length fits. */
  check(...args: [values: ReadonlyMap<string, Float32Array>]): void {
    const [values] = checked('ParameterStorage.write', { values: mapOf(F32) }, args);
    for (const [name, v] of values) {
      if (!this.set.names.includes(name))
        throw new UsageError(`no parameter ${name} in set ${this.set.name}; it has ${this.set.names.join(', ')}`);
      const t = this.set.get(name);
      if (v.length !== t.size)
        throw new ShapeError(
          'parameter',
          `${name} has shape [${t.shape.join(', ')}] (${t.size} values), got ${v.length}`,
        );
    }
  }

  /** Replaces parameters by name, but writes nothing unless all of them fit. */
  write(...args: [values: ReadonlyMap<string, Float32Array>]): void {
    this.check(...args);
    const [values] = args;
    for (const [name, v] of values) this.#upload(name, v);
  }
}
