import type { Values as ByName, Specs } from '../autograd/op.js';
import type { DType, Shape, Tensor } from '../autograd/tensor.js';
import type { Engine } from '../gpu/engine.js';
import type { Nd } from './oracle.js';

/**
 * A room describes an op: its reference implementation, cases and refusals. With these the tests and the benchmark
 * check and time any op in the same way. Each folder of `src/kernels` exports `rooms` from its `cases.ts`; `rooms.ts`
 * finds them.
 */
export interface Room<A = unknown> {
  readonly name: string;
  /** Applies the op through its public function. */
  build(inputs: Readonly<Record<string, Tensor>>, attrs: A): Record<string, Tensor>;
  /** Computes the same results in float64 loops. */
  forward(inputs: Readonly<Record<string, Nd>>, attrs: A): Record<string, Nd>;
  /**
   * Computes the gradient of Σ ⟨result, gy⟩ for each input that has one, by input name. Ops without a gradient omit it.
   */
  backward?(inputs: Readonly<Record<string, Nd>>, attrs: A, gy: Readonly<Record<string, Nd>>): Record<string, Nd>;
  /** Small odd shapes: primes, 1×1, one channel, batches of 1 and 3. */
  readonly cases: readonly Case<A>[];
  /**
   * Cases whose inputs contain NaN and infinities. The library's own kernels propagate them as the oracle does. WGSL
   * does not guarantee that, so user kernels are not checked against these cases.
   */
  readonly nonFinite?: readonly Case<A>[];
  /** Calls that must throw while the graph is built, and what the error must say. */
  readonly refuses: readonly Refusal<A>[];
  /** The model's real layers, for the benchmark. */
  readonly bench?: readonly Case<A>[];
  /** Readers of reference files, by the `op` in their metadata (`conv2d`, or `Conv` of ONNX). */
  readonly fixtures?: Readonly<Record<string, FixtureReader>>;
}

/** Returns the input of this name, and throws when there is none. */
export function input<T>(inputs: Readonly<Record<string, T>>, name: string): T {
  const found = inputs[name];
  if (found === undefined) throw new Error(`there is no input ${name} among ${Object.keys(inputs).join(', ')}`);
  return found;
}

/**
 * A reference file contains inputs and results of one op that another library computed, in that library's layout (NCHW
 * for PyTorch and ONNX).
 */
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

/** A reference file that is not a single graph. `check` runs it and returns what to compare, by name. */
interface FixtureCheck {
  check(engine: Engine): Promise<Readonly<Record<string, Comparison>>>;
}

/**
 * Either values that must equal reference values within `tolerance` times the largest of them, or an error of another
 * kind and its limit.
 */
export type Comparison =
  | { readonly got: ArrayLike<number>; readonly want: ArrayLike<number>; readonly tolerance?: number }
  | { readonly error: number; readonly limit: number };

/** Translates a reference file. Throws `UnsupportedFixture` if it needs something that the op does not support. */
export type FixtureReader = (file: FixtureFile) => FixtureRun | FixtureCheck;

/** A fixture reader throws this for a file that needs something the op does not support; `verify` prints the reason. */
export class UnsupportedFixture extends Error {}

/**
 * What the author of a kernel must know about an op besides its shapes. `cases.ts` exports one for every op of its
 * folder.
 */
export interface Terms {
  /** The dimensions of every argument and result, such as `N H W C`. The last is contiguous. */
  readonly layout: Readonly<Record<string, string>>;
  /**
   * The meaning of the fields of `struct Params`, the override constants and the scratch buffers of the op's kernels,
   * by name.
   */
  readonly names: Readonly<Record<string, string>>;
  /**
   * Numbers that a kernel need not read. A kernel that does not read them runs only the calls in which they have these
   * values.
   */
  readonly unread?: Readonly<Record<string, number>>;
}

export interface Case<A = unknown> {
  readonly name: string;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly attrs: A;
  /** Values lie on a kink of the function (ties), where finite differences cannot check the gradient. */
  readonly kink?: boolean;
}

export interface InputSpec {
  readonly shape: Shape;
  readonly dtype?: DType;
  /** Returns the value of element i. Values are standard normal without it. */
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

/**
 * Checks the types of a room against its op, or against anything that names arguments and results, and erases them, so
 * that rooms of all ops fit in one list.
 */
export function room<A, const X extends Specs, const Y extends Specs>(
  _op: { readonly args: X; readonly results: Y },
  typed: OpRoom<A, X, Y>,
): Room {
  return typed as unknown as Room;
}

/** A translated reference file whose inputs are the arguments of an op. */
export interface OpFixtureRun<X extends Specs> extends Omit<FixtureRun, 'inputs' | 'build'> {
  readonly inputs: ByName<X, Nd>;
  build(inputs: ByName<X, Tensor>): Record<string, Tensor>;
}

/** Checks the types of a translated reference file against its op. */
export function fixtureRun<const X extends Specs>(_op: { readonly args: X }, typed: OpFixtureRun<X>): FixtureRun {
  return typed as unknown as FixtureRun;
}

/** Checks that the layout in an op's terms names every argument and result. */
export function termsOf<const X extends Specs, const Y extends Specs>(
  _op: { readonly args: X; readonly results: Y },
  typed: Omit<Terms, 'layout'> & { readonly layout: { readonly [K in keyof X | keyof Y]: string } },
): Terms {
  return typed;
}
