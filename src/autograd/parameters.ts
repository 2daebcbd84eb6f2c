import {
  anyOf,
  checked,
  F32,
  FUNCTION,
  type Kind,
  listOf,
  mapOf,
  OBJECT,
  STRING,
  shown,
  unshared,
} from '../gpu/arguments.js';
import { ENGINE, type Engine, GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { LimitError, ShapeError, UsageError } from '../gpu/errors.js';
import { present } from '../present.js';
import { makeLeaf } from './leaves.js';
import { formatShape, SHAPE, type Shape, sameShape, sizeOf, type Tensor } from './tensor.js';

/** Initial values of a parameter: a function of the element's index in device layout and of the parameter, or an array. */
export type Initializer = ((index: number, parameter: ParameterInfo) => number) | Float32Array;

/** What a function that fills a parameter may depend on. */
export interface ParameterInfo {
  /** The name of the parameter's set. */
  readonly set: string;
  readonly name: string;
  readonly shape: Shape;
}

/**
 * A named group of parameters that are trained, saved and loaded together. On a device they lie side by side in few large
 * buffers, so that an optimiser updates them all in one dispatch. The same set may appear in many plans; all of them share its
 * storage. Once a plan or an optimiser uses it, it takes no new parameters.
 */
export class ParameterSet {
  readonly #entries = new Map<string, { tensor: Tensor; init: Initializer }>();
  #closed = false;

  readonly name: string;

  constructor(...args: [name: string]) {
    [this.name] = checked('new ParameterSet', { name: STRING }, args);
  }

  /**
   * The parameter of this name in device layout (`conv2d`: [kernel height, kernel width, in, out]). The first call makes it; later
   * ones return it and do not look at `init`, so that a function that builds a net shares its parameters when it is called again.
   * Throws `ShapeError` if there is one of this name and another shape, `UsageError` for a new name once a plan uses the set.
   */
  parameter(...args: [name: string, shape: Shape, init: Initializer]): Tensor {
    const kinds = { name: STRING, shape: SHAPE, init: anyOf(FUNCTION, F32) };
    const [name, shape, init] = checked('ParameterSet.parameter', kinds, args);
    const found = this.#entries.get(name)?.tensor;
    if (found && !sameShape(found.shape, shape))
      throw new ShapeError(
        'parameter',
        `${name} of set ${this.name} has shape ${formatShape(found.shape)}, but is asked for with ${formatShape(shape)}; give one of the two another name`,
      );
    if (found) return found;
    if (this.#closed)
      throw new UsageError(
        `parameter ${name}: set ${this.name} is already in use by a plan; add parameters before compiling`,
      );
    if (typeof init !== 'function' && init.length !== sizeOf(shape))
      throw new ShapeError('parameter', `${name} has ${init.length} initial values for shape ${formatShape(shape)}`);
    const tensor = makeLeaf({ source: 'parameter', set: this, name, shape, dtype: 'f32' }, name);
    this.#entries.set(name, { tensor, init });
    return tensor;
  }

  /** No parameter can be added from here on. */
  close(): void {
    this.#closed = true;
  }

  get tensors(): Tensor[] {
    return [...this.#entries.values()].map((e) => e.tensor);
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Number of scalar parameters. */
  get count(): number {
    return this.tensors.reduce((n, t) => n + t.size, 0);
  }

  /** The parameter of this name. Throws `UsageError` if there is none. */
  get(name: string): Tensor {
    return this.#entry(name).tensor;
  }

  /** The values of every parameter on this engine, by name, in device layout; the initial ones if no plan has used the set there. */
  read(...args: [engine: Engine]): Promise<Map<string, Float32Array>> {
    const [engine] = checked('ParameterSet.read', { engine: ENGINE }, args);
    return ParameterStorage.of(engine, this).read();
  }

  /** Replaces the values of parameters on this engine, by name, in device layout; nothing is written unless all of them fit. */
  write(...args: [engine: Engine, values: ReadonlyMap<string, Float32Array>]): void {
    const [engine, values] = checked('ParameterSet.write', { engine: ENGINE, values: mapOf(F32) }, args);
    ParameterStorage.of(engine, this).write(values);
  }

  /** The initial values of one parameter. */
  initial(name: string): Float32Array {
    const { tensor, init } = this.#entry(name);
    if (typeof init !== 'function') return init;
    const values = new Float32Array(tensor.size);
    const parameter = { set: this.name, name, shape: tensor.shape };
    for (let i = 0; i < values.length; i++) {
      const value: unknown = init(i, parameter);
      if (!Number.isFinite(value))
        throw new UsageError(`parameter ${name}: its initial value ${i} must be a finite number, got ${shown(value)}`);
      values[i] = value as number;
    }
    return values;
  }

  #entry(name: string) {
    const entry = this.#entries.get(name);
    if (!entry)
      throw new UsageError(`no parameter ${name} in set ${this.name}; it has ${this.names.join(', ') || 'none'}`);
    return entry;
  }
}

export const PARAMETERS: Kind = ['a ParameterSet', (v) => v instanceof ParameterSet];

/** Element alignment of everything that is bound by a byte range: WebGPU's guaranteed 256 bytes. */
export const ALIGN = 64;

export function align(elements: number): number {
  return Math.ceil(elements / ALIGN) * ALIGN;
}

/** How the parameters of a set are laid out in slabs, each small enough to be bound at once. */
export interface SlabLayout {
  /** Elements of each slab. */
  readonly slabs: readonly number[];
  /** By parameter name. */
  readonly at: ReadonlyMap<string, { readonly slab: number; readonly offset: number }>;
}

/** Lays parameters side by side in order, opening a new slab when one would exceed `maxBytes`. */
export function layOut(set: ParameterSet, maxBytes: number): SlabLayout {
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
    private readonly set: ParameterSet,
    readonly layout: SlabLayout,
    readonly buffers: readonly GPUBuffer[],
  ) {}

  /** The storage of `set` on `engine`, made and filled with initial values at the first call. */
  static of(...args: [engine: Engine, set: ParameterSet, outcomes?: Outcomes]): ParameterStorage {
    const kinds = { engine: ENGINE, set: PARAMETERS, 'outcomes?': listOf(OBJECT) };
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

  /** Frees the storage; the next plan that uses the set starts from its initial values. Plans that use it now stop working. */
  destroy(): void {
    if (this.engine.resident.get(this.set) === this) this.engine.resident.delete(this.set);
    for (const b of this.buffers) b.destroy();
  }

  get names(): string[] {
    return this.set.names;
  }

  get bytes(): number {
    return this.layout.slabs.reduce((n, s) => n + 4 * s, 0);
  }

  #upload(name: string, values: Float32Array, outcomes?: Outcomes): void {
    const { slab, offset } = present(this.layout.at.get(name));
    this.engine.write(present(this.buffers[slab]), 4 * offset, unshared(values), outcomes);
  }

  /** Reads every parameter back, by name, in device layout. */
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

  /** Throws unless every name exists and every length fits. */
  check(...args: [values: ReadonlyMap<string, Float32Array>]): void {
    const [values] = checked('ParameterStorage.write', { values: mapOf(F32) }, args);
    for (const [name, v] of values) {
      if (!this.set.names.includes(name))
        throw new UsageError(`no parameter ${name} in set ${this.set.name}; it has ${this.set.names.join(', ')}`);
      const t = this.set.get(name);
      if (v.length !== t.size)
        throw new ShapeError(
          'parameter',
          `${name} has shape ${formatShape(t.shape)} (${t.size} values), got ${v.length}`,
        );
    }
  }

  /** Replaces parameters by name; nothing is written unless all of them fit. */
  write(...args: [values: ReadonlyMap<string, Float32Array>]): void {
    this.check(...args);
    const [values] = args;
    for (const [name, v] of values) this.#upload(name, v);
  }
}
