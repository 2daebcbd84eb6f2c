import type { Op } from '../autograd/op.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import { compile, plannedCalls } from '../compiler/compile.js';
import { refusalOf } from '../compiler/kernel-call.js';
import { nodesOf } from '../compiler/lower.js';
import type { CompileOptions } from '../compiler/options.js';
import type { Plan } from '../compiler/plan.js';
import type { Engine } from '../gpu/engine.js';
import type { Nd } from '../kernels/oracle.js';
import type { Case, Room } from '../kernels/room.js';
import type { CaseGraph } from './cases.js';
import { checkFeeds, checkGraph, expectedOf, type Layout, nmse, type Prepared, prepare } from './check-case.js';
import { type OpUse, variantsOf } from './ops.js';

/** How far results are from the float64 oracle, the worst of several; `null` if some are not finite. */
export interface Deviation {
  /** Σ(a − b)² / Σb². */
  readonly nmse: number | null;
  /** max|a − b| / max|b|. */
  readonly max: number | null;
}

/** The deviation of `got` from `want`. */
export function deviation(got: ArrayLike<number>, want: ArrayLike<number>): Deviation {
  const mean = nmse(got, want);
  let [maxError, maxValue] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    maxError = Math.max(maxError, Math.abs((got[i] as number) - (want[i] as number)));
    maxValue = Math.max(maxValue, Math.abs(want[i] as number));
  }
  const max = maxError === 0 ? 0 : maxError / maxValue;
  return { nmse: Number.isFinite(mean) ? mean : null, max: Number.isFinite(max) ? max : null };
}

const larger = (a: number | null, b: number | null) => (a === null || b === null ? null : Math.max(a, b));

export function worst(list: readonly Deviation[]): Deviation {
  return list.reduce((a, b) => ({ nmse: larger(a.nmse, b.nmse), max: larger(a.max, b.max) }), { nmse: 0, max: 0 });
}

/** Outputs that depend on an op and whose value is known. */
function outputsUsing(
  outputs: Readonly<Record<string, Tensor>>,
  op: Op,
  expected: Readonly<Record<string, ArrayLike<number>>>,
): string[] {
  return Object.keys(outputs).filter(
    (name) => name in expected && nodesOf([outputs[name] as Tensor]).some((n) => n.op === op),
  );
}

/** Reads a result of a plan that has run. */
const readBack = (plan: Plan, t: Tensor): Promise<TensorData> => (t.dtype === 'u32' ? plan.readUint(t) : plan.read(t));

/** The results of the room's oracle for a case, by the names of the outputs of its `caseGraph`. */
export function oracleResults(room: Room, c: Case, { feeds }: CaseGraph): Record<string, Float64Array> {
  const wide = (name: string, shape: readonly number[]): Nd => ({ shape, data: new Float64Array(feeds[name] ?? []) });
  const inputs = Object.fromEntries(Object.entries(c.inputs).map(([n, { shape }]) => [n, wide(n, shape)]));
  const results = room.forward(inputs, c.attrs);
  const known = Object.entries(results).filter(([n]) => `gy_${n}` in feeds);
  const gy = Object.fromEntries(known.map(([n, y]) => [n, wide(`gy_${n}`, y.shape)]));
  const gradients = room.backward?.(inputs, c.attrs, gy) ?? {};
  const prefixed = Object.entries(gradients).map(([n, g]): [string, Nd] => [`g_${n}`, g]);
  return Object.fromEntries([...Object.entries(results), ...prefixed].map(([n, y]) => [n, y.data]));
}

/** The deviation of a plan's outputs that depend on `op` from the expected ones; `undefined` if none of those is known. */
export async function deviationOf(
  plan: Plan,
  op: Op,
  expected: Readonly<Record<string, ArrayLike<number>>>,
): Promise<Deviation | undefined> {
  const names = outputsUsing(plan.outputs, op, expected);
  const found: Deviation[] = [];
  for (const name of names)
    found.push(deviation(await readBack(plan, plan.outputs[name] as Tensor), expected[name] as ArrayLike<number>));
  return found.length ? worst(found) : undefined;
}

/** Every output of a plan that depends on `op`. */
export async function resultsOf(plan: Plan, op: Op): Promise<Record<string, TensorData>> {
  const found: Record<string, TensorData> = {};
  for (const [name, t] of Object.entries(plan.outputs))
    if (nodesOf([t]).some((n) => n.op === op)) found[name] = await readBack(plan, t);
  return found;
}

const PLAIN: Layout = { name: 'plain', margin: 0, gap: 0 };

/**
 * The deviation of one variant over those small cases that it can run; `undefined` if it can run none. `prepared`
 * may cache the oracle's results between variants.
 */
export async function deviationOnCases(
  engine: Engine,
  uses: readonly OpUse[],
  op: Op,
  variant: string,
  prepared: (use: OpUse) => Prepared = ({ room, c }) => prepare(room, c),
): Promise<(Deviation & { cases: number }) | undefined> {
  const of = variantsOf(op, engine).find((v) => v.name === variant);
  const found: Deviation[] = [];
  for (const use of uses) {
    const p = prepared(use);
    const graph = checkGraph(p, PLAIN);
    const options: CompileOptions = {
      retain: 'all',
      variant: (name, call) => (name === op.name && of && refusalOf(of, call) === undefined ? variant : undefined),
    };
    if (!(await plannedCalls(engine, graph, options)).some((s) => s.op === op && s.kernel.variant === of)) continue;
    const plan = await compile(engine, graph, options);
    try {
      plan.run(checkFeeds(p, PLAIN, plan));
      const expected = Object.fromEntries(Object.keys(graph).map((name) => [name, expectedOf(p, name).data]));
      const measured = await deviationOf(plan, op, expected);
      if (measured) found.push(measured);
    } finally {
      plan.destroy();
    }
  }
  return found.length ? { ...worst(found), cases: found.length } : undefined;
}
