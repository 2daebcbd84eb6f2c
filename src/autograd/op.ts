import { OBJECT, shown } from '../gpu/arguments.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import type { Arg, Call, Kernels } from './kernel.js';
import { expectOp, expectTypes } from './op-checks.js';
import type { ParameterSet } from './parameters.js';
import { type DType, Node, Tensor, type TensorType } from './tensor.js';

/** What an argument or a result of an op may be. */
export interface ValueSpec {
  /** The element type. Without it, the value may have either type. */
  readonly dtype?: DType;
  /** All kernels of the op accept any distance between its rows, so that a concatenation or slice needs no copy. */
  readonly strided?: boolean;
  /** Kernels read each of its rows many times, so that it pays to copy it to rows that are aligned to 16 bytes. */
  readonly aligned?: boolean;
  /** An optional argument may be left out. An optional result may be missing, which depends on the attributes. */
  readonly optional?: boolean;
}

/** Arguments or results by name. The variables in the op's shaders have the same names. */
export type Specs = Readonly<Record<string, ValueSpec>>;

export const any = {} as const;
export const f32 = { dtype: 'f32' } as const;
export const u32 = { dtype: 'u32' } as const;
export const strided = { dtype: 'f32', strided: true } as const;
export const aligned = { dtype: 'f32', strided: true, aligned: true } as const;
export const optional = { dtype: 'f32', optional: true } as const;

type OptionalNames<S> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];

/** A `T` for every name in `S`. Those of optional arguments or results may be absent. */
export type Values<S, T> = { readonly [K in Exclude<keyof S, OptionalNames<S>>]: T } & {
  readonly [K in OptionalNames<S>]?: T;
};

/** A call of an op with these attributes, arguments and results, as the op's kernels see it. */
export type CallOf<A, X extends Specs, Y extends Specs> = Call<A, Values<X & Y, Arg>>;

/** The gradients of an op's results. Where the op has several results, some of them may have none. */
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
  /** Which arguments need a gradient. A gradient for any other argument is ignored. */
  readonly needs: Readonly<Record<keyof X, boolean>>;
}

/**
 * An op: its arguments and results, its shape rule, its gradient written in other ops, and where its kernels are. `defineOp` makes
 * one, and types all of it by the names in `args` and `results`.
 */
export interface Op<A = unknown, X extends Specs = Specs, Y extends Specs = Specs> {
  readonly name: string;
  readonly args: X;
  readonly results: Y;
  /** The types of the results. Throws a `ShapeError` that names the op, the argument, and both shapes. */
  infer(inputs: Values<X, TensorType>, attrs: A): Values<Y, TensorType>;
  /** The gradients of the arguments, given those of the results. An op without this function cannot be differentiated. */
  gradient?(
    inputs: Values<X, Tensor>,
    gradients: ResultGradients<Y>,
    node: Backward<A, X, Y>,
  ): { readonly [K in keyof X]?: Tensor };
  /** Loads the kernels when a graph with the op is first compiled. Leaves and views have none. */
  kernels?(): Promise<{ readonly kernels: Kernels<CallOf<A, X, Y>> }>;
  /** The floating-point operations of a call, and the bytes that every implementation must move. The benchmark needs them. */
  cost?(call: CallOf<A, X, Y>): Cost;
  /**
   * The result on which kernels can do elementwise work of later ops before they store it. Every kernel stores each element of it
   * once, by a statement `y[index] = value;`, and never reads it.
   */
  readonly epilogue?: string & keyof Y;
  /** Whether kernels contain that statement many times, so that work that is put there is also compiled many times. */
  readonly unrolled?: boolean;
  /**
   * On ops that only give a value another shape, the argument and the result, which have the same elements in the same order. If both
   * can be stored without gaps, they share their memory, and no kernel runs.
   */
  readonly reshapes?: readonly [argument: string & keyof X, result: string & keyof Y];
  /** What an elementwise op does to each element, so that the kernel that computes the operand can do it too. */
  readonly pointwise?: Pointwise<A>;
  /**
   * Marks the ops that the compiler treats in its own way: leaves, views, parameter updates, and the call at the end of a plan that
   * reads all that is kept.
   */
  readonly kind?: 'leaf' | 'view' | 'update' | 'keep';
  /** On views, says which value is which range of which other value. No kernel runs, unless a part cannot lie in that range. */
  view?(inputs: Values<X, TensorType>, outputs: Values<Y, TensorType>, attrs: A): readonly NamedRange[];
  /** On updates, says whose parameters are updated, and which parameter sets hold the optimiser's state. */
  update?(attrs: A): Update;
}

export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

/** An elementwise op y[i] = f(a[i], b[i], …) as WGSL. */
export interface Pointwise<A = unknown> {
  /** The arguments whose elements it takes. In `body` they are numbers of type f32. */
  readonly operands: readonly string[];
  /** The body of a WGSL function that returns an element of the result. */
  readonly body: string;
  /** The constants in the body, by name. */
  numbers?(attrs: A): Readonly<Record<string, PointwiseNumber>>;
  /** Where the body needs a random `word`: element i gets word i % 4 of the four words that `words` makes for quad = i / 4. */
  readonly random?: {
    /** The argument that holds the generator's state, u32 [4]. */
    readonly state: string;
    /** A WGSL expression in `quad`, `state` (vec4u) and the numbers. The functions that it calls come with the op's kernels. */
    readonly words: string;
  };
}

export interface PointwiseNumber {
  readonly type: 'f32' | 'u32';
  readonly value: number;
}

/** `part` is rows [row, row + n) and channels [channel, channel + c) of `whole`, for a part of n rows and c channels; both default to 0. */
export interface NamedRange {
  /** The names of an argument and a result. */
  readonly part: string;
  readonly whole: string;
  readonly row?: number;
  readonly channel?: number;
}

/** What an update tells the compiler: the set that it updates, and the sets of its state by the names of the kernel's arguments. */
export interface Update {
  readonly set: ParameterSet;
  readonly state: Readonly<Record<string, ParameterSet>>;
}

/** Returns the op, typed by the names of its arguments and results. Throws `UsageError` if a part of it is missing or wrong. */
/* @__NO_SIDE_EFFECTS__ */ export function defineOp<A, const X extends Specs, const Y extends Specs>(
  op: Op<A, X, Y>,
): Op<A, X, Y> {
  expectOp('defineOp', op as unknown as Op);
  return op;
}

/** Whether a call or a node applies this op, which tells the type of its attributes. */
export function isOf<A, X extends Specs, Y extends Specs>(
  op: Op<A, X, Y>,
  node: { readonly op: unknown; readonly attrs: unknown },
): node is { readonly op: Op<A, X, Y>; readonly attrs: A } {
  return node.op === op;
}

/**
 * Checks the arguments of an op, records one application of it, and returns the results by name. Throws `UsageError` if the op
 * itself is wrong, and `ShapeError` if an argument or a result is.
 */
export function apply<A, X extends Specs, Y extends Specs>(
  op: Op<A, X, Y>,
  inputs: { readonly [K in keyof Values<X, Tensor>]: Values<X, Tensor>[K] | undefined },
  attrs: A,
  name?: string,
): Values<Y, Tensor> {
  expectOp('apply', op as unknown as Op);
  if (!OBJECT[1](inputs))
    throw new UsageError(`${op.name}: inputs must be an object of Tensors by name, got ${shown(inputs)}`);
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
  for (const [argument, x] of Object.entries(given))
    if (x !== undefined && !Object.hasOwn(op.args, argument))
      throw new ShapeError(op.name, `there is no argument ${argument}; known are ${Object.keys(op.args).join(', ')}`);
  return node(op, checked, attrs, name).outputs as unknown as Values<Y, Tensor>;
}

/** `apply` without its checks. An update needs it, since its inputs are the op's arguments and a gradient for each parameter. */
export function node<A, X extends Specs, Y extends Specs>(
  op: Op<A, X, Y>,
  inputs: Readonly<Record<string, Tensor>>,
  attrs: A,
  name?: string,
): Node {
  const any = op as unknown as Op;
  const types: Readonly<Record<string, TensorType>> = any.infer(inputs, attrs);
  expectTypes(any, inputs, types, attrs);
  return new Node(any, inputs, attrs, types, name);
}
