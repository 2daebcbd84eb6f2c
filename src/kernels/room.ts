import type { DType, Shape, Tensor } from '../autograd/tensor.js';
import type { Engine } from '../gpu/engine.js';
import type { Nd } from './oracle.js';

/**
 * What a room's `cases.ts` says of an op, so that tests and benchmark can check and time it without knowing it. Each folder of
 * `src/kernels` exports `rooms` from its `cases.ts`; `rooms.ts` finds them.
 */
export interface Room<A = unknown> {
  readonly name: string;
  /** The op through its public function. */
  build(inputs: Readonly<Record<string, Tensor>>, attrs: A): Record<string, Tensor>;
  /** The same in float64 loops. */
  forward(inputs: Readonly<Record<string, Nd>>, attrs: A): Record<string, Nd>;
  /** Gradients of Σ ⟨result, gy⟩ for each input that has one, by input name; absent for ops without gradient. */
  backward?(inputs: Readonly<Record<string, Nd>>, attrs: A, gy: Readonly<Record<string, Nd>>): Record<string, Nd>;
  /** Small awkward shapes: primes, 1×1, one channel, batch 1 and 3. */
  readonly cases: readonly Case<A>[];
  /**
   * Inputs with NaN and infinities: the library's own kernels let them through as the oracle does. WGSL promises nothing of
   * them, so nobody else's kernel is held to it.
   */
  readonly nonFinite?: readonly Case<A>[];
  /** Calls that must be refused while the graph is built, and what the error must say. */
  readonly refuses: readonly Refusal<A>[];
  /** The model's real layers, for the benchmark. */
  readonly bench?: readonly Case<A>[];
  /** The op written in simpler ones, which the benchmark holds it against. */
  readonly composed?: Composition<A>;
  /** How to run reference files, by the `op` in their metadata (`conv2d`, ONNX's `Conv`). */
  readonly fixtures?: Readonly<Record<string, FixtureReader>>;
}

/** An op as a graph of simpler ops: the same results by the same names, and gradients through autograd. */
export interface Composition<A = unknown> {
  /** What it is made of, in a few words. */
  readonly what: string;
  /** Its own f32 inputs, made from those of the room on the host; those of the room when absent. */
  inputs?(inputs: Readonly<Record<string, Values>>, attrs: A): Record<string, Values>;
  build(inputs: Readonly<Record<string, Tensor>>, attrs: A): Record<string, Tensor>;
}

export interface Values {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

/** A reference file: inputs and results of one op, computed elsewhere, in the layout of its origin (PyTorch, ONNX: NCHW). */
export interface FixtureFile {
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Names of its tensors. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** Throws when the file has no such tensor. */
  tensor(name: string): Nd;
}

/** A reference file translated to a graph; everything in device layout. */
export interface FixtureRun {
  readonly inputs: Readonly<Record<string, Nd>>;
  /** Element types of inputs that are not f32. */
  readonly dtypes?: Readonly<Record<string, DType>>;
  build(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
  /** Results by name; `g_NAME` is the gradient of Σ ⟨result, upstream⟩ with respect to input NAME. */
  readonly expected: Readonly<Record<string, Nd>>;
  /** Upstream gradients by result name. */
  readonly upstream?: Readonly<Record<string, Nd>>;
}

/** A reference file that is no single graph: the reader runs it and gives results to compare, by name. */
export interface FixtureCheck {
  check(engine: Engine): Promise<Readonly<Record<string, Comparison>>>;
}

/** Values against reference values, within `tolerance` of the largest; or an error of another kind against its limit. */
export type Comparison =
  | { readonly got: ArrayLike<number>; readonly want: ArrayLike<number>; readonly tolerance?: number }
  | { readonly error: number; readonly limit: number };

/** Translates a reference file; throws `UnsupportedFixture` for what the op does not do. */
export type FixtureReader = (file: FixtureFile) => FixtureRun | FixtureCheck;

/** Thrown by a fixture reader for a file that asks for what the op does not do; `verify` prints the reason. */
export class UnsupportedFixture extends Error {}

/** What a kernel author must know of an op besides its shapes; `cases.ts` exports one for every op of its folder. */
export interface Terms {
  /** Dimensions of every argument and result, as in `N H W C`; the last is contiguous. */
  readonly layout: Readonly<Record<string, string>>;
  /** What the fields of `struct Params`, override constants and scratch buffers of the op's kernels mean, by name. */
  readonly names: Readonly<Record<string, string>>;
}

export interface Case<A = unknown> {
  readonly name: string;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly attrs: A;
  /** Values lie on a kink (ties), where finite differences say nothing. */
  readonly kink?: boolean;
}

export interface InputSpec {
  readonly shape: Shape;
  readonly dtype?: DType;
  /** Value of element i; standard normal when absent. */
  readonly fill?: (index: number, random: () => number) => number;
}

export interface Refusal<A = unknown> {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly attrs: A;
  readonly error: RegExp;
}

/** Lets rooms of different attributes stand in one list. */
export function room<A>(r: Room<A>): Room {
  return r as unknown as Room;
}
