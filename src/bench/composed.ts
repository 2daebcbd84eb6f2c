import { vectorJacobian } from '../autograd/gradients.js';
import { input } from '../autograd/leaves.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import { compile } from '../compiler/compile.js';
import type { Plan } from '../compiler/plan.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { type MeasureOptions, measure, type Times } from '../gpu/measure.js';
import type { Case, Room, Values } from '../kernels/room.js';
import { type CaseGraph, caseGraph } from './cases.js';
import { nmse } from './check-case.js';

/** An op beside its composition of simpler ops, planned alike and timed in turn. */
interface Contest {
  readonly fused: Contestant;
  readonly composed: Contestant;
  /** How many times longer the composition takes, by the medians. */
  readonly timeRatio: number;
  /** How many times more intermediates it keeps. */
  readonly memoryRatio: number;
  /** Largest Σ(a − b)² / Σ b² between their results, fused ones b; they compute the same but for rounding. */
  readonly difference: number;
}

interface Contestant {
  readonly times: Times;
  readonly dispatches: number;
  /** Bytes of pooled intermediates and results, and of all that its plan allocates (inputs included). */
  readonly activations: number;
  readonly peak: number;
}

export interface ComposedComparison {
  readonly room: string;
  readonly case: string;
  /** What the composition is made of. */
  readonly what: string;
  readonly forward: Contest;
  /** Forward and backward in one plan, as in training; absent for ops without gradient. */
  readonly training?: Contest;
}

/** The composition of a case as a graph, with gradients for the inputs named in `wanted` and the case's own feeds. */
export function composedGraph(room: Room, c: Case, feeds: CaseGraph['feeds'], wanted: readonly string[]): CaseGraph {
  const { composed } = room;
  if (!composed) throw new UsageError(`${room.name} has no composition; rooms with one set \`composed\``);
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
 * Times the op of a case against its composition, forward alone and with the backward pass, on the same values; whole plans,
 * in turn. Throws `UsageError` when the room has no composition.
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
  const forward = await contest(engine, forwardOf(fused), forwardOf(composed), options);
  const training = wanted.length ? await contest(engine, fused, composed, options) : undefined;
  return { room: room.name, case: c.name, what: room.composed?.what ?? '', forward, training };
}

function forwardOf({ outputs, feeds }: CaseGraph): CaseGraph {
  return { outputs: Object.fromEntries(Object.entries(outputs).filter(([n]) => !n.startsWith('g_'))), feeds };
}

async function contest(engine: Engine, a: CaseGraph, b: CaseGraph, options: MeasureOptions): Promise<Contest> {
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
    const [fused, composed] = plans.map((p, i): Contestant => {
      const { activations, peak } = p.memory();
      return { times: times[i] as Times, dispatches: p.steps.length, activations, peak };
    }) as [Contestant, Contestant];
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
