import { shown } from '../gpu/arguments.js';
import { ShapeError } from '../gpu/errors.js';
import type { Arg, Call, Kernels } from './kernel.js';
import type { ParameterSet } from './parameters.js';
import { type DType, Node, Tensor, type TensorType } from './tensor.js';

/** What an argument or a result of an op may be. */
export interface ValueSpec {
  /** Element type; either one when absent. */
  readonly dtype?: DType;
  /** All kernels take any distance between its rows, so that a concatenation or slice needs no copy. */
  readonly strided?: boolean;
  /** Kernels read each of its rows many times: it is worth copying to rows that begin at whole vec4s. */
  readonly aligned?: boolean;
  /** An argument may be left out; a result may be missing for some attributes. */
  readonly optional?: boolean;
}

/** Arguments or results by name; the names are also those of the variables in the op's shaders. */
export type Specs = Readonly<Record<string, ValueSpec>>;

export const any = {} as const;
export const f32 = { dtype: 'f32' } as const;
export const u32 = { dtype: 'u32' } as const;
export const strided = { dtype: 'f32', strided: true } as const;
export const aligned = { dtype: 'f32', strided: true, aligned: true } as const;
export const optional = { dtype: 'f32', optional: true } as const;

type OptionalNames<S> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];

/** A `T` for every name of `S`; those that are optional may be absent. */
export type Values<S, T> = { readonly [K in Exclude<keyof S, OptionalNames<S>>]: T } & {
  readonly [K in OptionalNames<S>]?: T;
};

/** A call of an op with these attributes, arguments and results, as its kernels know it. */
export type CallOf<A, X extends Specs, Y extends Specs> = Call<A, Values<X & Y, Arg>>;

/** The gradients of an op's results. An op with one result is only asked where there is one; of several, some may be absent. */
type ResultGradients<Y> = {
  readonly [K in keyof Y]: string extends keyof Y
    ? Tensor | undefined
    : [Exclude<keyof Y, K>] extends [never]
      ? Tensor
      : Tensor | undefined;
};

/** What a gradient rule knows besides the op's arguments and the gradients of its results. */
interface Backward<A, X extends Specs, Y extends Specs> {
  readonly attrs: A;
  readonly outputs: Values<Y, Tensor>;
  /** Which arguments need a gradient; what is made for others is not used. */
  readonly needs: Readonly<Record<keyof X, boolean>>;
}

/**
 * An op: its arguments and results, its shape rule, its gradient written in ops, and where its kernels are. Make one with
 * `defineOp`, which types all of it by the names in `args` and `results`.
 */
export interface Op<A = unknown, X extends Specs = Specs, Y extends Specs = Specs> {
  readonly name: string;
  readonly args: X;
  readonly results: Y;
  /** Shapes of the results. Throws `ShapeError` naming the op, the argument and both shapes. */
  infer(inputs: Values<X, TensorType>, attrs: A): Values<Y, TensorType>;
  /** Gradients of the arguments, given those of the results. Absent on ops that cannot be differentiated. */
  gradient?(
    inputs: Values<X, Tensor>,
    gradients: ResultGradients<Y>,
    node: Backward<A, X, Y>,
  ): { readonly [K in keyof X]?: Tensor };
  /** Loads the kernels, once a graph with the op is compiled. Absent on leaves and views, which none runs. */
  kernels?(): Promise<{ readonly kernels: Kernels<CallOf<A, X, Y>> }>;
  /** Floating-point operations and bytes that any implementation must move; for the benchmark. */
  cost?(call: CallOf<A, X, Y>): Cost;
  /**
   * The result on which later elementwise work can be done before it is stored: every kernel stores each element of it once, by
   * a statement `y[index] = value;`, and reads it nowhere.
   */
  readonly epilogue?: string & keyof Y;
  /** Whether kernels write that statement out many times, so that what is put there is compiled as often. */
  readonly unrolled?: boolean;
  /**
   * On ops that only give a value another shape: the argument and the result, which have the same elements in the same order. Where
   * they lie without gaps, both are the same memory, and no kernel runs.
   */
  readonly reshapes?: readonly [argument: string & keyof X, result: string & keyof Y];
  /** On ops that take every element by itself: what they do to it, so that the kernel that makes the element can do it too. */
  readonly pointwise?: Pointwise<A>;
  /**
   * Set on ops that the compiler treats by itself: leaves, views, parameter updates, and what stands at the end of a plan for all
   * that is kept.
   */
  readonly kind?: 'leaf' | 'view' | 'update' | 'keep';
  /** For views: which value is which range of which other one. No kernel runs, unless a part cannot lie there. */
  view?(inputs: Values<X, TensorType>, outputs: Values<Y, TensorType>, attrs: A): readonly NamedRange[];
  /** For updates: whose parameters are updated, and their state by kernel argument name. */
  update?(attrs: A): Update;
}

export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

/** An elementwise op as WGSL: y[i] = f(a[i], b[i], …). */
export interface Pointwise<A = unknown> {
  /** Arguments whose element it takes; in `body` they are f32. */
  readonly operands: readonly string[];
  /** Body of a WGSL function that returns the element of the result. */
  readonly body: string;
  /** Constants of the body by name. */
  numbers?(attrs: A): Readonly<Record<string, PointwiseNumber>>;
  /** Where the body takes a random `word`: element i has word i % 4 of the four that `words` makes for quad = i / 4. */
  readonly random?: {
    /** The argument that holds the generator's state, u32 [4]. */
    readonly state: string;
    /** WGSL expression in `quad`, `state` (vec4u) and the numbers; the functions that it calls come with the op's kernels. */
    readonly words: string;
  };
}

export interface PointwiseNumber {
  readonly type: 'f32' | 'u32';
  readonly value: number;
}

/** `part` is rows [row, row + n) and channels [channel, channel + c) of `whole`, for a part of n rows and c channels; both default to 0. */
export interface NamedRange {
  /** Names of an argument and a result. */
  readonly part: string;
  readonly whole: string;
  readonly row?: number;
  readonly channel?: number;
}

/** What an update op (Adam) tells the compiler: whose parameters, and its per-parameter state by kernel argument name. */
export interface Update {
  readonly set: ParameterSet;
  readonly state: Readonly<Record<string, ParameterSet>>;
}

/** Types an op by the names of its arguments and results. */
/* @__NO_SIDE_EFFECTS__ */ export function defineOp<A, const X extends Specs, const Y extends Specs>(
  op: Op<A, X, Y>,
): Op<A, X, Y> {
  return op;
}

/** Whether a call or node is one of this op, so that its attributes are the op's. */
export function isOf<A, X extends Specs, Y extends Specs>(
  op: Op<A, X, Y>,
  node: { readonly op: unknown; readonly attrs: unknown },
): node is { readonly op: Op<A, X, Y>; readonly attrs: A } {
  return node.op === op;
}

/** Records one application of an op after checking its arguments; gives the results by name. */
export function apply<A, X extends Specs, Y extends Specs>(
  op: Op<A, X, Y>,
  inputs: { readonly [K in keyof Values<X, Tensor>]: Values<X, Tensor>[K] | undefined },
  attrs: A,
  name?: string,
): Values<Y, Tensor> {
  const given: Readonly<Record<string, Tensor | undefined>> = inputs;
  const checked: Record<string, Tensor> = {};
  for (const [argument, spec] of Object.entries(op.args)) {
    const x: unknown = given[argument];
    if (x === undefined && spec.optional) continue;
    if (!(x instanceof Tensor)) throw new ShapeError(op.name, `${argument} must be a Tensor, got ${shown(x)}`);
    if (spec.dtype !== undefined && x.dtype !== spec.dtype)
      throw new ShapeError(op.name, `${argument} must be ${spec.dtype}, got ${x.dtype}`);
    checked[argument] = x;
  }
  return node(op, checked, attrs, name).outputs as unknown as Values<Y, Tensor>;
}

/** `apply` without its checks: an update has a gradient for each parameter among its inputs besides the arguments. */
export function node<A, X extends Specs, Y extends Specs>(
  op: Op<A, X, Y>,
  inputs: Readonly<Record<string, Tensor>>,
  attrs: A,
  name?: string,
): Node {
  const types = op.infer(inputs as unknown as Values<X, TensorType>, attrs);
  return new Node(op as unknown as Op, inputs, attrs, types as unknown as Readonly<Record<string, TensorType>>, name);
}
