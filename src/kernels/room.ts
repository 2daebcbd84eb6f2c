import type { Values as ByName, Specs } from '../autograd/op.js';
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

/** The input of this name; throws when there is none. */
export function input<T>(inputs: Readonly<Record<string, T>>, name: string): T {
  const found = inputs[name];
  if (found === undefined) throw new Error(`there is no input ${name} among ${Object.keys(inputs).join(', ')}`);
  return found;
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
interface FixtureCheck {
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
  /** Numbers that a kernel need not read, and their values in the only calls that it then runs. */
  readonly unread?: Readonly<Record<string, number>>;
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

/** A room whose inputs and results have the names and the optionality of an op's arguments and results. */
export interface OpRoom<A, X extends Specs, Y extends Specs>
  extends Omit<Room<A>, 'build' | 'forward' | 'backward' | 'cases' | 'nonFinite' | 'refuses' | 'bench'> {
  build(inputs: ByName<X, Tensor>, attrs: A): ByName<Y, Tensor>;
  forward(inputs: ByName<X, Nd>, attrs: A): ByName<Y, Nd>;
  backward?(inputs: ByName<X, Nd>, attrs: A, gy: ByName<Y, Nd>): { readonly [K in keyof X]?: Nd };
  readonly cases: readonly OpCase<A, X>[];
  readonly nonFinite?: readonly OpCase<A, X>[];
  readonly refuses: readonly OpRefusal<A, X>[];
  readonly bench?: readonly OpCase<A, X>[];
}

export interface OpCase<A, X extends Specs> extends Omit<Case<A>, 'inputs'> {
  readonly inputs: ByName<X, InputSpec>;
}

export interface OpRefusal<A, X extends Specs> extends Omit<Refusal<A>, 'inputs'> {
  readonly inputs: { readonly [K in keyof X]?: InputSpec };
}

/** Types a room by its op (or by anything that names arguments and results); rooms of all ops then stand in one list. */
export function room<A, const X extends Specs, const Y extends Specs>(
  _op: { readonly args: X; readonly results: Y },
  typed: OpRoom<A, X, Y>,
): Room {
  return typed as unknown as Room;
}

/** A reference file's graph whose inputs are the arguments of an op. */
export interface OpFixtureRun<X extends Specs> extends Omit<FixtureRun, 'inputs' | 'build'> {
  readonly inputs: ByName<X, Nd>;
  build(inputs: ByName<X, Tensor>): Record<string, Tensor>;
}

/** Types a reference file's graph by its op. */
export function fixtureRun<const X extends Specs>(_op: { readonly args: X }, typed: OpFixtureRun<X>): FixtureRun {
  return typed as unknown as FixtureRun;
}

/** What a kernel author must know of an op, which must name every argument and result. */
export function termsOf<const X extends Specs, const Y extends Specs>(
  _op: { readonly args: X; readonly results: Y },
  typed: Omit<Terms, 'layout'> & { readonly layout: { readonly [K in keyof X | keyof Y]: string } },
): Terms {
  return typed;
}
