import { anyOf, checked, F32, type Kind, oneOf, STRING, U32 } from '../gpu/arguments.js';
import { ShapeError } from '../gpu/errors.js';
import { present } from '../present.js';
import { any, node, type Op } from './op.js';
import type { ParameterSet } from './parameters.js';
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
  | { source: 'input'; name: string; feed?: Feed }
  | { source: 'constant'; data: TensorData }
  | { source: 'parameter'; set: ParameterSet; name: string }
);

/** An op of its own kind, of which there is only this one. */
export const leaf: Op<LeafAttrs, Record<never, never>, { readonly value: typeof any }> = {
  ...{ name: 'leaf', kind: 'leaf', args: {}, results: { value: any } },
  infer: (_, { shape, dtype }) => ({ value: { shape, dtype } }),
};

export function makeLeaf(attrs: LeafAttrs, name: string): Tensor {
  checkShape(attrs.source, name, attrs.shape);
  // A copy, because the caller may change the array later.
  return present(node(leaf, {}, { ...attrs, shape: [...attrs.shape] }, name).outputs.value);
}

/** A value that is given to `plan.run({ name: data })`. Without a new value, a run uses the last one. Images are [N, H, W, C]. */
export function input(...args: [name: string, shape: Shape, dtype?: DType]): Tensor {
  const kinds = { name: STRING, shape: SHAPE, 'dtype?': oneOf('f32', 'u32') };
  const [name, shape, dtype = 'f32'] = checked('input', kinds, args);
  return makeLeaf({ source: 'input', name, shape, dtype }, name);
}

/** The source of a small input that the host computes for every run, such as a step count or a learning rate. */
export interface Feed {
  /** The value for the next run. It may throw, and then nothing runs. */
  value(): TensorData;
  /** Is called once a run has taken its value. */
  advance(): void;
}

export function fedInput(name: string, shape: Shape, dtype: DType, feed: Feed): Tensor {
  return makeLeaf({ source: 'input', name, shape, dtype, feed }, name);
}

/** Values may be infinite, unlike sizes. */
const NUMERALS: Kind = ['a list of numbers', (v) => Array.isArray(v) && [...v].every((x) => typeof x === 'number')];

/** A value that never changes, given as an array or a list of numbers in row-major order. The data are copied. */
export function constant(...args: [data: TensorData | readonly number[], shape: Shape, name?: string]): Tensor {
  const kinds = { data: anyOf(F32, U32, NUMERALS), shape: SHAPE, 'name?': STRING };
  const [data, shape, name = 'constant'] = checked('constant', kinds, args);
  const values = Array.isArray(data) ? Float32Array.from(data) : (data as TensorData).slice();
  if (values.length !== sizeOf(shape))
    throw new ShapeError('constant', `${name} has ${values.length} values for shape ${formatShape(shape)}`);
  return makeLeaf({ source: 'constant', shape, dtype: U32[1](values) ? 'u32' : 'f32', data: values }, name);
}
