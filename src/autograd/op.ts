import { shown } from '../gpu/arguments.js';
import { ShapeError } from '../gpu/errors.js';
import type { Shader } from '../gpu/shader.js';
import { Node, type Shape, Tensor, type TensorType } from './tensor.js';

/**
 * An op: the names of its arguments and results (which are also the names of the variables in its shaders), its shape rule,
 * its gradient written in ops, and the kernels that compute it.
 */
export interface Op<A = unknown> {
  readonly name: string;
  /** Argument names; a name ending in `?` may be left out. */
  readonly args: readonly string[];
  readonly results: readonly string[];
  /** Arguments and results whose kernels all take a channel stride, so that a concatenation or slice needs no copy. */
  readonly strided?: readonly string[];
  /** Those of them whose rows are worth copying to where vec4 loads are aligned, as each is read many times. */
  readonly aligned?: readonly string[];
  /** Shapes of the results. Throws `ShapeError` naming the op, the argument and both shapes. */
  infer(inputs: readonly (TensorType | undefined)[], attrs: A): TensorType[];
  /**
   * Gradients of the arguments given those of the results, in the order of `args`; `undefined` where nothing flows. `needs`
   * tells which arguments need one. Absent on ops that cannot be differentiated.
   */
  gradient?(node: Node, gradients: readonly (Tensor | undefined)[], needs: readonly boolean[]): (Tensor | undefined)[];
  /** Kernels, the preferred first. Empty for leaves and views, and for `onDemand` ones until a graph with the op is compiled. */
  readonly variants: readonly Variant<A>[];
  /** Floating-point operations and bytes that any implementation must move; for the benchmark. */
  cost?(call: Call<A>): { flops: number; bytes: number };
  /**
   * The result on which later elementwise work can be done before it is stored: every kernel stores each element of it once, by
   * a statement `y[index] = value;`, and reads it nowhere.
   */
  readonly epilogue?: string;
  /** Whether kernels write that statement out many times, so that what is put there is compiled as often. */
  readonly unrolled?: boolean;
  /** On ops that take every element by itself: what they do to it, so that the kernel that makes the element can do it too. */
  readonly pointwise?: Pointwise<A>;
  /**
   * Set on ops that the compiler treats by itself: leaves, views, parameter updates, and what stands at the end of a plan for all
   * that is kept.
   */
  readonly kind?: 'leaf' | 'view' | 'update' | 'keep';
  /** For views: which value is which range of which other one. No kernel runs, unless a part cannot lie there. */
  view?(inputs: Named<TensorType>, outputs: Named<TensorType>, attrs: A): readonly NamedRange[];
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
    /** WGSL expression in `quad`, `state` (vec4u) and the numbers. */
    readonly words: string;
    /** Functions that it calls; asked for when the op's kernels are loaded. */
    functions(): string;
  };
}

export interface PointwiseNumber {
  readonly type: 'f32' | 'u32';
  readonly value: number;
}

type Named<T> = Readonly<Record<string, T>>;

/** `part` is the rows from `row` on and the channels from `channel` on of `whole`, as many as it has; both default to 0. */
export interface NamedRange {
  /** Names of an argument and a result. */
  readonly part: string;
  readonly whole: string;
  readonly row?: number;
  readonly channel?: number;
}

/** One way to compute an op. */
export interface Variant<A = unknown> {
  readonly name: string;
  /** A reason why this variant cannot run the call, or nothing when it can. */
  rejects?(call: Call<A>): string | undefined | false;
  /** Whether it can run the call but suits this device worse than a later variant that does not avoid it. */
  avoid?(call: Call<A>): boolean;
  launch(call: Call<A>): Launch;
}

/** An argument as a kernel sees it: element (row r, channel c) is at `offset + r * stride + c`. */
export interface Arg extends TensorType {
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly channels: number;
}

/** What a variant knows when it is chosen and launched. */
export interface Call<A = unknown> {
  readonly attrs: A;
  /** Arguments and results by name; a left-out argument is absent. */
  readonly arg: Readonly<Record<string, Arg>>;
  readonly device: DeviceTraits;
}

export interface DeviceTraits {
  readonly limits: GPUSupportedLimits;
  readonly features: ReadonlySet<string>;
  /** Runs on the CPU: barriers and workgroup memory are dear, registers cheap. */
  readonly software: boolean;
  /** Lanes of a subgroup, where the device has the feature and only one size; 0 otherwise. */
  readonly subgroupSize: number;
}

/** Dispatches that together compute one node, in order, with scratch buffers that live only between them. */
export interface Launch {
  readonly dispatches: readonly Dispatch[];
  /** Scratch buffers by name: number of 4-byte elements. */
  readonly scratch?: Readonly<Record<string, number>>;
}

export interface Dispatch {
  readonly shader: Shader;
  readonly constants?: Readonly<Record<string, number>>;
  /** Values for `struct Params` besides the `…_offset` and `…_stride` that the engine fills in. */
  readonly params?: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
}

/** Records one application of an op after checking its arguments. */
export function apply<A>(op: Op<A>, inputs: readonly (Tensor | undefined)[], attrs: A, name?: string): Node {
  for (const [i, arg] of op.args.entries()) {
    const x: unknown = inputs[i];
    if (x === undefined && arg.endsWith('?')) continue;
    if (!(x instanceof Tensor))
      throw new ShapeError(op.name, `${arg.replace('?', '')} must be a Tensor, got ${shown(x)}`);
  }
  if (op.kind !== 'update' && inputs.length > op.args.length)
    throw new ShapeError(op.name, `it takes the arguments ${op.args.join(', ')}, got ${inputs.length}`);
  const types = op.infer(inputs, attrs);
  return new Node(op as Op, inputs, attrs, types, name);
}

/** The first result of `apply`. */
export function applyOne<A>(op: Op<A>, inputs: readonly (Tensor | undefined)[], attrs: A, name?: string): Tensor {
  return apply(op, inputs, attrs, name).outputs[0] as Tensor;
}

/** Workgroups for `count` invocations of `size` each, folded into two dimensions where one is not enough. */
export function grid(count: number, size: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / size));
  const max = 65535;
  if (groups <= max) return [groups, 1, 1];
  const y = Math.ceil(groups / max);
  return [Math.ceil(groups / y), y, 1];
}

/** An argument that must be there. */
export function arg<A>(call: Call<A>, name: string): Arg {
  const found = call.arg[name];
  if (!found) throw new Error(`no argument ${name}`);
  return found;
}

/** Whether vec4 loads along the channels of these arguments stay aligned. */
export function vec4Ready(...args: (Arg | undefined)[]): boolean {
  return args.every((a) => !a || (a.channels % 4 === 0 && a.stride % 4 === 0 && a.offset % 4 === 0));
}

/** A readable label: `conv2d/tile[4×64×32×128]`, `conv2d+relu/tile[4×64×32×128]`. */
export function label(op: string, variant: string, shape: Shape | undefined): string {
  return `${op}/${variant}${shape ? `[${shape.join('×')}]` : ''}`;
}
