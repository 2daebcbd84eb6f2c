import { anyOf, checked, F32, FUNCTION, type Kind, oneOf, STRING, shown, U32 } from '../gpu/arguments.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import { any, apply, defineOp } from './op.js';
import {
  checkShape,
  type DType,
  formatShape,
  SHAPE,
  type Shape,
  sizeOf,
  type Tensor,
  type TensorData,
} from './tensor.js';

/** Where the values of a leaf come from. */
export type LeafAttrs = { shape: Shape; dtype: DType } & (
  | { source: 'input'; name: string; feed?: () => TensorData }
  | { source: 'constant'; data: TensorData }
  | { source: 'parameter'; set: ParameterSet; name: string }
);

export const leaf = defineOp({
  name: 'leaf',
  kind: 'leaf',
  args: {},
  results: { value: any },
  infer: (_, { shape, dtype }: LeafAttrs) => ({ value: { shape, dtype } }),
});

function makeLeaf(attrs: LeafAttrs, name: string): Tensor {
  checkShape(attrs.source, name, attrs.shape);
  return apply(leaf, {}, attrs, name).value;
}

/** A value given at every `plan.run({ name: data })`; it keeps the last one given. Images are [N, H, W, C]. */
export function input(...args: [name: string, shape: Shape, dtype?: DType]): Tensor {
  const kinds = { name: STRING, shape: SHAPE, 'dtype?': oneOf('f32', 'u32') };
  const [name, shape, dtype = 'f32'] = checked('input', kinds, args);
  return makeLeaf({ source: 'input', name, shape, dtype }, name);
}

/** A small value that `feed` computes on the host once per run: a step count, a learning rate. */
export function fedInput(name: string, shape: Shape, dtype: DType, feed: () => TensorData): Tensor {
  return makeLeaf({ source: 'input', name, shape, dtype, feed }, name);
}

/** Unlike sizes, values may be infinite. */
const NUMERALS: Kind = ['a list of numbers', (v) => Array.isArray(v) && [...v].every((x) => typeof x === 'number')];

/** A fixed value. */
export function constant(...args: [data: TensorData | readonly number[], shape: Shape, name?: string]): Tensor {
  const kinds = { data: anyOf(F32, U32, NUMERALS), shape: SHAPE, 'name?': STRING };
  const [data, shape, name = 'constant'] = checked('constant', kinds, args);
  const values = Array.isArray(data) ? Float32Array.from(data) : (data as TensorData);
  if (values.length !== sizeOf(shape))
    throw new ShapeError('constant', `${name} has ${values.length} values for shape ${formatShape(shape)}`);
  return makeLeaf({ source: 'constant', shape, dtype: U32[1](values) ? 'u32' : 'f32', data: values }, name);
}

/** Fills a new parameter: `(index) => value`, or an array in device layout. */
export type Initializer = ((index: number) => number) | Float32Array;

/**
 * A named group of parameters that are trained, saved and loaded together. On a device they lie side by side in few large
 * buffers, so that an optimiser updates them all in one dispatch. The same set may appear in many plans; all of them share its
 * storage. It is closed by the first plan that uses it.
 */
export class ParameterSet {
  readonly #entries = new Map<string, { tensor: Tensor; init: Initializer }>();
  #closed = false;

  readonly name: string;

  constructor(...args: [name: string]) {
    [this.name] = checked('new ParameterSet', { name: STRING }, args);
  }

  /** Adds a parameter in device layout (`conv2d`: [kernel height, kernel width, in, out]). */
  add(...args: [name: string, shape: Shape, init: Initializer]): Tensor {
    const kinds = { name: STRING, shape: SHAPE, init: anyOf(FUNCTION, F32) };
    const [name, shape, init] = checked('ParameterSet.add', kinds, args);
    if (this.#closed)
      throw new UsageError(
        `parameter ${name}: set ${this.name} is already in use by a plan; add parameters before compiling`,
      );
    if (this.#entries.has(name))
      throw new UsageError(`parameter ${name}: set ${this.name} has one of this name already`);
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

  get(name: string): Tensor {
    return this.#entry(name).tensor;
  }

  /** The initial values of one parameter. */
  initial(name: string): Float32Array {
    const { tensor, init } = this.#entry(name);
    if (typeof init !== 'function') return init;
    const values = new Float32Array(tensor.size);
    for (let i = 0; i < values.length; i++) {
      const value: unknown = init(i);
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
