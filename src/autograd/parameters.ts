import { anyOf, checked, F32, FUNCTION, type Kind, mapOf, STRING, shown } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import { ParameterStorage } from '../gpu/parameter-storage.js';
import { makeLeaf } from './leaves.js';
import { formatShape, SHAPE, type Shape, sameShape, sizeOf, type Tensor } from './tensor.js';

/** Initial values of a parameter: a function of each element's index, or an array, which is copied. Both are in device layout. */
export type Initializer = InitialValue | Float32Array;
/** The name of a parameter. Half of a surrogate pair cannot be saved, since it is no Unicode text. */
const NAME: Kind = ['a string of Unicode text', (v) => typeof v === 'string' && !/\p{Surrogate}/u.test(v)];
export type InitialValue = (index: number, parameter: ParameterInfo) => number;

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
   * Throws `ShapeError` if there is one of this name and another shape, `UsageError` for a new name once a plan uses the set, or if
   * an initial value is NaN or infinite. A function is called, and its values checked, when a device first needs them.
   */
  parameter(...args: [name: string, shape: Shape, init: Initializer]): Tensor {
    const kinds = { name: NAME, shape: SHAPE, init: anyOf(FUNCTION, F32) };
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
    if (typeof init !== 'function') {
      if (init.length !== sizeOf(shape))
        throw new ShapeError('parameter', `${name} has ${init.length} initial values for shape ${formatShape(shape)}`);
      for (const [i, value] of init.entries()) expectFinite(name, i, value);
    }
    const tensor = makeLeaf({ source: 'parameter', set: this, name, shape, dtype: 'f32' }, name);
    this.#entries.set(name, { tensor, init: typeof init === 'function' ? init : Float32Array.from(init) });
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

  /**
   * Replaces the values of parameters on this engine, by name, in device layout; nothing is written unless all of them fit. It is the
   * inverse of `read` for all values that a device can have computed, so NaN and infinities are written as well.
   */
  write(...args: [engine: Engine, values: ReadonlyMap<string, Float32Array>]): void {
    const [engine, values] = checked('ParameterSet.write', { engine: ENGINE, values: mapOf(F32) }, args);
    ParameterStorage.of(engine, this).write(values);
  }

  /** A copy of the initial values of one parameter. */
  initial(name: string): Float32Array {
    const { tensor, init } = this.#entry(name);
    if (typeof init !== 'function') return init.slice();
    const values = new Float32Array(tensor.size);
    const parameter = { set: this.name, name, shape: tensor.shape };
    for (let i = 0; i < values.length; i++) {
      const value: unknown = init(i, parameter);
      expectFinite(name, i, value);
      values[i] = value;
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

function expectFinite(name: string, i: number, value: unknown): asserts value is number {
  if (typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
    throw new UsageError(
      `parameter ${name}: its initial value ${i} must be a finite number as f32, got ${shown(value)}`,
    );
}

export const PARAMETERS: Kind = ['a ParameterSet', (v) => v instanceof ParameterSet];
