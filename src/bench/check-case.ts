import { vectorJacobian } from '../autograd/gradients.js';
import { input } from '../autograd/leaves.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import type { LaunchedCall } from '../compiler/kernel-call.js';
import type { CompileOptions } from '../compiler/options.js';
import type { Plan } from '../compiler/plan.js';
import {
  compileWithRedzones,
  type Filling,
  fillRedzones,
  isFilling,
  plannedWithRedzones,
  redzoneViolations,
} from '../compiler/redzones.js';
import type { Engine } from '../gpu/engine.js';
import { type Nd, nd, testNormal, testRandom } from '../kernels/oracle.js';
import type { Case, InputSpec, Room } from '../kernels/room.js';
import { slice } from '../kernels/slice/slice.js';

/** A case with its data and the oracle's results. */
export interface Prepared {
  readonly room: Room;
  readonly c: Case;
  readonly inputs: Readonly<Record<string, Nd>>;
  /** Results by name. */
  readonly expected: Readonly<Record<string, Nd>>;
  /** Upstream gradients by result. */
  readonly gy: Readonly<Record<string, Nd>>;
  /** Gradients by input; empty if the room has no backward pass. */
  readonly gradients: Readonly<Record<string, Nd>>;
}

/** How a check lays out its tensors: how many elements it leaves free, which no kernel may read or write. */
export interface Layout {
  readonly name: string;
  /**
   * The number of channels of NaN before and after an f32 input. If it is a multiple of 4, more channels follow the input
   * until the length of the row is a multiple of 4.
   */
  readonly margin: number | ((input: string) => number);
  /** Channels of sentinels before the first row of strided results and between their rows. */
  readonly gap: number;
}

function data(specs: Readonly<Record<string, InputSpec>>, seed: number): Record<string, Nd> {
  const random = testRandom(seed);
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, fill, dtype }]) => [
      name,
      nd(shape, (i) => {
        const v = fill ? fill(i, random) : testNormal(random);
        return dtype === 'u32' ? v : Math.fround(v);
      }),
    ]),
  );
}

function upstream(results: Record<string, Nd>, seed: number): Record<string, Nd> {
  const random = testRandom(seed);
  return Object.fromEntries(
    Object.entries(results).map(([n, y]) => [n, nd(y.shape, () => Math.fround(testNormal(random)))]),
  );
}

/** Makes the data of a case, equal on every call. All values are exact in f32. */
export function prepare(room: Room, c: Case): Prepared {
  const inputs = data(c.inputs, 7);
  const expected = room.forward(inputs, c.attrs);
  const gy = upstream(expected, 11);
  return { room, c, inputs, expected, gy, gradients: room.backward?.(inputs, c.attrs, gy) ?? {} };
}

/** Channels of an input with its margins, rounded up to a multiple of 4 if the margin is one. */
const wideChannels = (channels: number, margin: number): number => {
  const wide = channels + 2 * margin;
  return margin && margin % 4 === 0 ? 4 * Math.ceil(wide / 4) : wide;
};

/** With a margin, an f32 input is a slice of a wider one, so that kernels read it at an offset and with a stride. */
function leafOf(name: string, { shape, dtype }: InputSpec, margin: number): Tensor {
  if (dtype === 'u32' || !margin) return input(name, shape, dtype);
  const channels = shape[shape.length - 1] ?? 1;
  const wide = input(name, [...shape.slice(0, -1), wideChannels(channels, margin)]);
  return slice(wide, margin, margin + channels);
}

const marginOf = ({ margin }: Layout, name: string) => (typeof margin === 'number' ? margin : margin(name));

/** Graph inputs of a case. */
export function caseLeaves(c: Pick<Case, 'inputs'>, layout: Layout): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(c.inputs).map(([n, s]) => [n, leafOf(n, s, marginOf(layout, n))]));
}

/** The results of a prepared case by name, and the gradient of every input that has one as `g_NAME`. */
export function checkGraph({ room, c, expected, gradients }: Prepared, layout: Layout): Record<string, Tensor> {
  const leaves = caseLeaves(c, layout);
  const results = room.build(leaves, c.attrs);
  const names = Object.keys(expected);
  const wanted = Object.keys(gradients);
  const outputs: Record<string, Tensor> = Object.fromEntries(names.map((n) => [n, results[n] as Tensor]));
  if (!wanted.length) return outputs;
  const gys = names.map((n) => leafOf(`gy_${n}`, { shape: (expected[n] as Nd).shape }, marginOf(layout, `gy_${n}`)));
  const gs = vectorJacobian(
    Object.values(outputs),
    gys,
    wanted.map((n) => leaves[n] as Tensor),
  );
  for (const [i, n] of wanted.entries()) outputs[`g_${n}`] = gs[i] as Tensor;
  return outputs;
}

/** Compiles a graph with its results laid out as `layout` says. */
export function compileCase(
  engine: Engine,
  outputs: Readonly<Record<string, Tensor>>,
  { gap }: Layout,
  options: CompileOptions = {},
): Promise<Plan> {
  return compileWithRedzones(engine, { ...options, outputs }, gap, options);
}

/** The calls that `compileCase` would plan. */
export function plannedCase(
  engine: Engine,
  outputs: Readonly<Record<string, Tensor>>,
  { gap }: Layout,
  options: CompileOptions = {},
): Promise<readonly LaunchedCall[]> {
  return plannedWithRedzones(engine, { ...options, outputs }, gap, options);
}

/** The expected values of an output of `checkGraph`. */
export function expectedOf(p: Prepared, output: string): Nd {
  return (output.startsWith('g_') && !(output in p.expected) ? p.gradients[output.slice(2)] : p.expected[output]) as Nd;
}

function toDevice(x: Nd, dtype: InputSpec['dtype'], margin: number): TensorData {
  if (dtype === 'u32') return Uint32Array.from(x.data);
  const channels = x.shape[x.shape.length - 1] ?? 1;
  const stride = wideChannels(channels, margin);
  const wide = new Float32Array((x.data.length / channels) * stride).fill(Number.NaN);
  for (const [i, v] of x.data.entries()) wide[Math.floor(i / channels) * stride + margin + (i % channels)] = v;
  return wide;
}

/** The feeds for a plan of `checkGraph`. */
export function checkFeeds(p: Prepared, layout: Layout, plan: Plan): Record<string, TensorData> {
  const feeds: Record<string, TensorData> = {};
  for (const [n, x] of Object.entries(p.inputs)) feeds[n] = toDevice(x, p.c.inputs[n]?.dtype, marginOf(layout, n));
  for (const [n, g] of Object.entries(p.gy)) feeds[`gy_${n}`] = toDevice(g, 'f32', marginOf(layout, `gy_${n}`));
  return Object.fromEntries(Object.entries(feeds).filter(([n]) => plan.inputNames.includes(n)));
}

/** The outcome of one run of a plan. */
export interface RunResult {
  /** What memory held before the run. */
  readonly filling: Filling;
  readonly outputs: Readonly<Record<string, TensorData>>;
  /** Elements outside every result that were overwritten, as `tensor @ element`. */
  readonly outside: readonly string[];
}

/**
 * What memory holds before each run of a check. It is the same before the first two runs. Before the third, scratch holds
 * what the second run left, and the results hold finite numbers.
 */
const FILLINGS: readonly Filling[] = [{}, {}, { values: 'stale', scratch: () => 'kept' }];

/** Runs a plan of `compileCase` once for every filling of its memory. */
export async function runFilled(
  plan: Plan,
  feeds: Readonly<Record<string, TensorData>>,
  fillings = FILLINGS,
): Promise<RunResult[]> {
  const runs: RunResult[] = [];
  for (const filling of fillings) {
    fillRedzones(plan, filling);
    plan.run(feeds);
    const outputs: Record<string, TensorData> = {};
    for (const [name, t] of Object.entries(plan.outputs))
      outputs[name] = t.dtype === 'u32' ? await plan.readUint(t) : await plan.read(t);
    runs.push({ filling, outputs, outside: await redzoneViolations(plan) });
  }
  return runs;
}

/**
 * Elements of an output that hold the filling after every one of these runs. Give several runs: in a single one, a NaN that was
 * computed from the filling can be equal to it.
 */
export function untouched(runs: readonly RunResult[], output: string): number[] {
  const bits = runs.map((r) => new Uint32Array((r.outputs[output] as TensorData).buffer));
  return [...(bits[0]?.keys() ?? [])].filter((i) => runs.every((r, k) => isFilling(bits[k]?.[i], r.filling)));
}

/** Indices of the elements whose bits differ. */
export function changedBits(a: TensorData, b: TensorData): number[] {
  const words = (x: TensorData) => new Uint32Array(x.buffer, x.byteOffset, x.length);
  const [left, right] = [words(a), words(b)];
  return [...left.keys()].filter((i) => left[i] !== right[i]);
}

/**
 * Normalised mean squared error Σ(a−b)² / Σb² over the finite b. It is infinite if a is not equal to b where b is NaN or
 * infinite, or if a is not finite where b is.
 */
export function nmse(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let error = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    if (!Number.isFinite(y) && Object.is(x, y)) continue;
    if (!Number.isFinite(x) || !Number.isFinite(y)) return Number.POSITIVE_INFINITY;
    error += (x - y) ** 2;
    norm += y ** 2;
  }
  return norm === 0 ? (error === 0 ? 0 : Number.POSITIVE_INFINITY) : error / norm;
}
