import { vectorJacobian } from '../autograd/gradients.js';
import type { Variant } from '../autograd/kernel.js';
import { input } from '../autograd/leaves.js';
import type { Op } from '../autograd/op.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import { compile, plannedCalls } from '../compiler/compile.js';
import { costOf } from '../compiler/cost.js';
import type { KernelCall } from '../compiler/kernel-call.js';
import { refusalOf } from '../compiler/kernel-call.js';
import { nodesOf } from '../compiler/lower.js';
import type { CompileOptions } from '../compiler/options.js';
import type { Plan } from '../compiler/plan.js';
import type { Step } from '../compiler/realize.js';
import { fillRedzones, makeStale } from '../compiler/redzones.js';
import type { Engine } from '../gpu/engine.js';
import type { Work } from '../gpu/measure.js';
import { testNormal, testRandom } from '../kernels/oracle.js';
import type { Case, InputSpec, Room } from '../kernels/room.js';
import { variantsOf } from './ops.js';

/**
 * A case of a room as a graph with its inputs. The outputs are the forward results and, if the room has a gradient,
 * `g_NAME` of every f32 input.
 */
export interface CaseGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Made on first use. */
  readonly feeds: Readonly<Record<string, TensorData>>;
}

/** The graph of a case whose inputs can also have other values. */
export interface SampledGraph extends CaseGraph {
  /** Other values from the same distributions; an input whose values are not random has the same. */
  otherFeeds(): Readonly<Record<string, TensorData>>;
}

/** Values of an input: the case's own or standard normal ones, equal on every call. */
export function valuesOf(spec: InputSpec, seed = 1): TensorData {
  const random = testRandom(seed);
  const n = spec.shape.reduce((a, b) => a * b, 1);
  const values = spec.dtype === 'u32' ? new Uint32Array(n) : new Float32Array(n);
  for (let i = 0; i < n; i++) values[i] = spec.fill ? spec.fill(i, random) : testNormal(random);
  return values;
}

/** What is added to the seeds of a case for its `otherFeeds`. */
const OTHER_SEED = 1000;

/** Graph and values of a case, equal on every call. */
export function caseGraph(room: Room, c: Case): SampledGraph {
  const specs: [string, InputSpec, number][] = [];
  const leaves: Record<string, Tensor> = {};
  for (const [i, [name, spec]] of Object.entries(c.inputs).entries()) {
    leaves[name] = input(name, spec.shape, spec.dtype);
    specs.push([name, spec, i + 1]);
  }
  const outputs = room.build(leaves, c.attrs);
  let made: Record<string, TensorData> | undefined;
  const values = (add: number) =>
    Object.fromEntries(specs.map(([name, spec, seed]) => [name, valuesOf(spec, seed + add)]));
  const graph: SampledGraph = {
    outputs,
    get feeds() {
      made ??= values(0);
      return made;
    },
    otherFeeds: () => values(OTHER_SEED),
  };
  if (!room.backward) return graph;
  const ys = Object.entries(outputs).filter(([, y]) => y.dtype === 'f32');
  const gys = ys.map(([name, y], i) => {
    specs.push([`gy_${name}`, { shape: y.shape }, 101 + i]);
    return input(`gy_${name}`, y.shape);
  });
  for (const [name, x] of Object.entries(leaves)) {
    if (x.dtype !== 'f32') continue;
    try {
      const [g] = vectorJacobian(
        ys.map(([, y]) => y),
        gys,
        [x],
      );
      if (g) outputs[`g_${name}`] = g;
    } catch {
      // This input has no gradient (joints, transforms).
    }
  }
  return graph;
}

/** One op of a case computed by one variant, ready to be timed. */
export interface Candidate {
  readonly op: string;
  readonly variant: string;
  readonly plan: Plan;
  readonly steps: readonly Step[];
  readonly work: Work;
  /** Operations and bytes of the op. */
  readonly flops: number;
  readonly bytes: number;
  /** The cost of using it for the first time. */
  readonly first: FirstUse;
}

/** What the first use of a kernel costs. Pipelines that an earlier case compiled are not counted again. */
export interface FirstUse {
  /** Pipelines that had to be compiled. */
  readonly pipelines: number;
  /** Milliseconds to compile them. */
  readonly compileMs: number;
  /**
   * Milliseconds of the first run, which includes compilation on some adapters. Without GPU timestamps, it is the time of
   * the whole case by the wall clock.
   */
  readonly runMs: number;
}

/** Those of the values of a case that a plan has inputs for. */
const feedsOf = (plan: Plan, values: Readonly<Record<string, TensorData>>) =>
  Object.fromEntries(Object.entries(values).filter(([n]) => plan.inputNames.includes(n)));

/** Runs a candidate's plan on other values of the case, and leaves the rest of its memory as it is. */
export function runOn(plan: Plan, values: Readonly<Record<string, TensorData>>): void {
  plan.run(feedsOf(plan, values));
}

/**
 * Compiles the case once for every variant of every op in it that `wanted` accepts, and runs each plan once, so that the
 * inputs of the op have the values of the case. Results, scratch and textures hold NaN before that run. `destroy` frees the plans.
 */
export async function candidatesOf(
  engine: Engine,
  graph: CaseGraph,
  wanted: (op: string, variant: string) => boolean = () => true,
): Promise<{ list: Candidate[]; destroy(): void }> {
  const list: Candidate[] = [];
  const destroy = () => {
    for (const c of list) c.plan.destroy();
  };
  try {
    for (const op of new Set(nodesOf(Object.values(graph.outputs)).map((n) => n.op)))
      for (const variant of variantsOf(op, engine)) {
        if (!wanted(op.name, variant.name)) continue;
        const found = await candidateOf(engine, graph, op, variant);
        if (found) list.push(found);
      }
    return { list, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}

/**
 * The case with one op computed by one variant, which need not be one of the op's own, in every call that it can run;
 * `undefined` if it can run none.
 */
export async function candidateOf(
  engine: Engine,
  graph: CaseGraph,
  op: Op,
  of: Variant,
): Promise<Candidate | undefined> {
  const variant = of.name;
  const options: CompileOptions = {
    retain: 'all',
    align: true,
    variant: (name, call) => (name === op.name && refusalOf(of, call) === undefined ? of : undefined),
  };
  const isMine = ({ call }: Step) => call.op === op && call.kernel.variant === of;
  const planned = (await plannedCalls(engine, graph.outputs, options)).filter(
    (p) => p.op === op && p.kernel.variant === of,
  );
  if (!planned.length) return undefined;
  const before = engine.counters.pipelines;
  const begin = performance.now();
  const dispatches = planned.flatMap((p) => p.kernel.launch.dispatches);
  await Promise.all(dispatches.map((d) => engine.pipeline(d.shader, d.constants)));
  const compiled = { pipelines: engine.counters.pipelines - before, compileMs: performance.now() - begin };
  const plan = await compile(engine, graph.outputs, options);
  try {
    const steps = plan.steps.filter(isMine);
    fillRedzones(plan);
    const runMs = await firstRun(engine, plan, feedsOf(plan, graph.feeds), isMine);
    const first = { ...compiled, runMs };
    return { op: op.name, variant, plan, steps, work: { dispatches: steps }, ...totalCost(planned), first };
  } catch (error) {
    plan.destroy();
    throw error;
  }
}

/** Runs a plan and returns the milliseconds of its steps that are `mine`. */
async function firstRun(
  engine: Engine,
  plan: Plan,
  feeds: Record<string, TensorData>,
  mine: (s: Step) => boolean,
): Promise<number> {
  if (engine.device.features.has('timestamp-query')) {
    const run = await plan.profile(feeds);
    return plan.steps.reduce((ms, s, i) => ms + (mine(s) ? (run[i]?.ms ?? 0) : 0), 0);
  }
  const begin = performance.now();
  plan.run(feeds);
  await engine.idle();
  return performance.now() - begin;
}

/**
 * Runs a candidate's case once more with stale scratch and with the results of its op overwritten, which exposes a kernel
 * that does not compute them again. The whole case runs, because other tensors may have overwritten copies of arguments.
 */
export async function runAgain({ plan, steps }: Candidate): Promise<void> {
  await makeStale(plan, [...new Set(steps.map((s) => s.call))]);
  plan.run();
}

/** Operations and bytes of several calls together. */
export function totalCost(calls: readonly KernelCall[]): { flops: number; bytes: number } {
  const costs = calls.map(costOf);
  const sum = (of: 'flops' | 'bytes') => costs.reduce((total, cost) => total + cost[of], 0);
  return { flops: sum('flops'), bytes: sum('bytes') };
}
