import { vectorJacobian } from '../autograd/gradients.js';
import { input } from '../autograd/leaves.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import { compile } from '../compiler/compile.js';
import type { Plan } from '../compiler/plan.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { type MeasureOptions, measure, type Times } from '../gpu/measure.js';
import type { Case, Room } from '../kernels/room.js';
import { type CaseGraph, caseGraph } from './cases.js';
import { nmse } from './check-case.js';
import type { Values } from './composition.js';
import { compositions } from './compositions.js';

/** An op and its composition of simpler ops, compiled with the same options and timed in turn. */
interface PlanComparison {
  readonly fused: MeasuredPlan;
  readonly composed: MeasuredPlan;
  /** Median time of the composition over that of the fused op. */
  readonly timeRatio: number;
  /** Bytes of intermediates of the composition over those of the fused op. */
  readonly memoryRatio: number;
  /** Largest Σ(a − b)² / Σ b² between their results, which differ by rounding; b are those of the fused op. */
  readonly difference: number;
}

interface MeasuredPlan {
  readonly times: Times;
  readonly dispatches: number;
  /** Bytes of pooled intermediates and results; `peak` is the bytes of all that the plan allocates, inputs included. */
  readonly activations: number;
  readonly peak: number;
}

export interface ComposedComparison {
  readonly room: string;
  readonly case: string;
  /** The ops that the composition consists of. */
  readonly what: string;
  readonly forward: PlanComparison;
  /** Forward and backward pass in one plan, as in training; absent for ops without gradient. */
  readonly training?: PlanComparison;
}

/** The composition of a case as a graph, with the gradients of the inputs named in `wanted` and the case's own feeds. */
export function composedGraph(room: Room, c: Case, feeds: CaseGraph['feeds'], wanted: readonly string[]): CaseGraph {
  const composed = compositions.get(room.name);
  if (!composed)
    throw new UsageError(`${room.name} has no composition; choose one of ${[...compositions.keys()].join(', ')}`);
  const given: Record<string, Values> = {};
  for (const [name, { shape }] of Object.entries(c.inputs)) given[name] = { shape, data: feeds[name] as TensorData };
  const values = composed.inputs?.(given, c.attrs) ?? given;
  const leaves: Record<string, Tensor> = {};
  const own: Record<string, TensorData> = {};
  for (const [name, { shape, data }] of Object.entries(values)) {
    leaves[name] = input(name, shape);
    own[name] = Float32Array.from(data);
  }
  const outputs = composed.build(leaves, c.attrs);
  if (!wanted.length) return { outputs, feeds: own };
  const names = Object.keys(outputs);
  const gys = names.map((n) => {
    own[`gy_${n}`] = feeds[`gy_${n}`] as TensorData;
    return input(`gy_${n}`, (outputs[n] as Tensor).shape);
  });
  const gs = vectorJacobian(
    names.map((n) => outputs[n] as Tensor),
    gys,
    wanted.map((n) => leaves[n] as Tensor),
  );
  const gradients = wanted.map((n, i) => [`g_${n}`, gs[i] as Tensor]);
  return { outputs: { ...outputs, ...Object.fromEntries(gradients) }, feeds: own };
}

/**
 * Times the op of a case and its composition on the same values, as whole plans in turn: the forward pass alone, and with
 * the backward pass. Throws `UsageError` if the room has no composition.
 */
export async function composedComparison(
  engine: Engine,
  room: Room,
  c: Case,
  options: MeasureOptions = {},
): Promise<ComposedComparison> {
  const fused = caseGraph(room, c);
  const wanted = Object.keys(fused.outputs).flatMap((n) => (n.startsWith('g_') ? [n.slice(2)] : []));
  const composed = composedGraph(room, c, fused.feeds, wanted);
  const forward = await comparePlans(engine, forwardOf(fused), forwardOf(composed), options);
  const training = wanted.length ? await comparePlans(engine, fused, composed, options) : undefined;
  return { room: room.name, case: c.name, what: compositions.get(room.name)?.what ?? '', forward, training };
}

function forwardOf({ outputs, feeds }: CaseGraph): CaseGraph {
  return { outputs: Object.fromEntries(Object.entries(outputs).filter(([n]) => !n.startsWith('g_'))), feeds };
}

async function comparePlans(
  engine: Engine,
  a: CaseGraph,
  b: CaseGraph,
  options: MeasureOptions,
): Promise<PlanComparison> {
  const plans: Plan[] = [];
  try {
    for (const { outputs, feeds } of [a, b]) {
      const plan = await compile(engine, outputs);
      plans.push(plan);
      plan.run(Object.fromEntries(Object.entries(feeds).filter(([n]) => plan.inputNames.includes(n))));
    }
    const [first, second] = plans as [Plan, Plan];
    let difference = 0;
    for (const name of Object.keys(a.outputs))
      difference = Math.max(difference, nmse(await second.read(name), await first.read(name)));
    const times = await measure(
      engine,
      plans.map((p) => ({ dispatches: p.steps })),
      options,
    );
    const [fused, composed] = plans.map((p, i): MeasuredPlan => {
      const { activations, peak } = p.memory();
      return { times: times[i] as Times, dispatches: p.steps.length, activations, peak };
    }) as [MeasuredPlan, MeasuredPlan];
    return {
      fused,
      composed,
      timeRatio: composed.times.median / fused.times.median,
      memoryRatio: composed.activations / fused.activations,
      difference,
    };
  } finally {
    for (const p of plans) p.destroy();
  }
}
