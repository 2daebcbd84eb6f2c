import { type Kind, NUMBERS } from '../gpu/arguments.js';
import { ShapeError } from '../gpu/errors.js';
import type { Op } from './op.js';

export type Shape = readonly number[];
export type DType = 'f32' | 'u32';
export type TensorData = Float32Array | Uint32Array;

/** Shape and element type. Images are NHWC. Every tensor is seen as `rows × channels`, where channels are the last dimension. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

let nextId = 0;

/** A value of the graph, which is one result of one node. It holds no data; a plan gives it storage. */
export class Tensor implements TensorType {
  readonly id = nextId++;
  constructor(
    readonly node: Node,
    /** The name of the node's result. */
    readonly result: string,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly name: string,
  ) {}

  get size(): number {
    return sizeOf(this.shape);
  }

  toString(): string {
    return `${this.name}[${this.shape.join('×')}]`;
  }
}

/** A tensor as an argument of a public function. */
export const TENSOR: Kind = ['a Tensor', (v) => v instanceof Tensor];
export const TENSORS: Kind = ['a list of Tensors', Array.isArray, TENSOR];
export const SHAPE = NUMBERS;

/** One application of an op. Nodes are numbered in the order they were made, which is the order in which a plan runs them. */
export class Node {
  readonly id = nextId++;
  /** The results by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  constructor(
    readonly op: Op,
    /** The arguments by name. An optional argument that was left out is absent. */
    readonly inputs: Readonly<Record<string, Tensor>>,
    readonly attrs: unknown,
    types: Readonly<Record<string, TensorType>>,
    name: string = op.name,
  ) {
    this.outputs = Object.fromEntries(
      Object.entries(types).map(([result, { shape, dtype }], i) => [
        result,
        new Tensor(this, result, shape, dtype, i === 0 ? name : `${name}.${result}`),
      ]),
    );
  }
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The number of rows, which is the product of all dimensions but the last. */
export function rowsOf(shape: Shape): number {
  return sizeOf(shape.slice(0, -1));
}

/** The number of channels, which is the last dimension. */
export function channelsOf(shape: Shape): number {
  return shape[shape.length - 1] ?? 1;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** The four dimensions of an NHWC argument. Throws a `ShapeError` that names the op and the argument for any other shape. */
export function nhwc(op: string, arg: string, type: TensorType): [number, number, number, number] {
  if (type.shape.length !== 4)
    throw new ShapeError(op, `${arg} must be [batch, height, width, channels], got ${formatShape(type.shape)}`);
  return type.shape as unknown as [number, number, number, number];
}

/** Throws a `ShapeError` unless `type` has exactly this shape. `why` says where the shape comes from. */
export function expectShape(op: string, arg: string, type: TensorType, shape: Shape, why: string): void {
  if (!sameShape(type.shape, shape))
    throw new ShapeError(op, `${arg} must be ${formatShape(shape)} (${why}), got ${formatShape(type.shape)}`);
}

export function checkShape(op: string, arg: string, shape: Shape): void {
  if (shape.length === 0 || shape.some((d) => !Number.isInteger(d) || d < 1))
    throw new ShapeError(op, `${arg} must be a list of positive integers, got ${formatShape(shape)}`);
}
