import { compile, nodesOf } from '../autograd/compile.js';
import { vectorJacobian } from '../autograd/gradients.js';
import { input } from '../autograd/leaves.js';
import type { Variant } from '../autograd/op.js';
import type { Plan, Step } from '../autograd/plan.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import type { Engine } from '../gpu/engine.js';
import { testNormal, testRandom } from '../kernels/oracle.js';
import type { Case, InputSpec, Room } from '../kernels/room.js';
import type { Work } from './measure.js';

/** A case of a room as a graph with its inputs: the forward results and, where the room has a gradient, `g_NAME` of every f32 input. */
export interface CaseGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly feeds: Readonly<Record<string, TensorData>>;
}

/** Values of an input: the case's own, or standard normal; the same on every call. */
export function valuesOf(spec: InputSpec, seed = 1): TensorData {
  const random = testRandom(seed);
  const n = spec.shape.reduce((a, b) => a * b, 1);
  const f = (i: number) => (spec.fill ? spec.fill(i, random) : testNormal(random));
  return spec.dtype === 'u32'
    ? Uint32Array.from({ length: n }, (_, i) => f(i))
    : Float32Array.from({ length: n }, (_, i) => f(i));
}

export function caseGraph(room: Room, c: Case): CaseGraph {
  const feeds: Record<string, TensorData> = {};
  const leaves: Record<string, Tensor> = {};
  for (const [i, [name, spec]] of Object.entries(c.inputs).entries()) {
    leaves[name] = input(name, spec.shape, spec.dtype);
    feeds[name] = valuesOf(spec, i + 1);
  }
  const outputs = room.build(leaves, c.attrs);
  if (!room.backward) return { outputs, feeds };
  const ys = Object.entries(outputs).filter(([, y]) => y.dtype === 'f32');
  const gys = ys.map(([name, y], i) => {
    feeds[`gy_${name}`] = valuesOf({ shape: y.shape }, 101 + i);
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
      // An input without a gradient (joints, transforms).
    }
  }
  return { outputs, feeds };
}

/** One op of a case computed by one variant, ready to be timed. */
export interface Contender {
  readonly op: string;
  readonly variant: string;
  readonly plan: Plan;
  readonly steps: readonly Step[];
  readonly work: Work;
  /** Operations and bytes of the op. */
  readonly flops: number;
  readonly bytes: number;
  /** Milliseconds to plan and compile what is new. */
  readonly compileMs: number;
}

/**
 * Plans the case once for every variant of every op in it that `wanted` lets through and runs each once, so that all inputs of
 * the ops hold what they hold in the case. `destroy` frees them.
 */
export async function contenders(
  engine: Engine,
  graph: CaseGraph,
  wanted: (op: string, variant: string) => boolean = () => true,
): Promise<{ list: Contender[]; destroy(): void }> {
  const list: Contender[] = [];
  const plans: Plan[] = [];
  const ops = new Set(nodesOf(Object.values(graph.outputs)).map((n) => n.op));
  try {
    for (const op of ops) {
      for (const { name } of op.variants) {
        if (!wanted(op.name, name)) continue;
        const fits = (v: Variant, call: Parameters<NonNullable<Variant['rejects']>>[0]) => !v.rejects?.(call);
        const begin = performance.now();
        const plan = await compile(engine, graph.outputs, {
          retain: 'all',
          variant: (o, call) =>
            o === op.name && op.variants.some((v) => v.name === name && fits(v, call)) ? name : undefined,
        });
        const compileMs = performance.now() - begin;
        const steps = plan.steps.filter((s) => s.op === op && s.variant === name);
        if (!steps.length) {
          plan.destroy();
          continue;
        }
        plans.push(plan);
        const { feeds } = graph;
        plan.run(Object.fromEntries(Object.entries(feeds).filter(([n]) => plan.inputNames.includes(n))));
        const costs = steps.filter((s) => s.first).map((s) => s.op.cost?.(s.call) ?? { flops: 0, bytes: 0 });
        list.push({
          op: op.name,
          variant: name,
          plan,
          steps,
          work: { dispatches: steps },
          flops: costs.reduce((n, c) => n + c.flops, 0),
          bytes: costs.reduce((n, c) => n + c.bytes, 0),
          compileMs,
        });
      }
    }
    await engine.idle();
    const destroy = () => {
      for (const p of plans) p.destroy();
    };
    return { list, destroy };
  } catch (error) {
    for (const p of plans) p.destroy();
    throw error;
  }
}
