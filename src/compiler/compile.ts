import type { Op } from '../autograd/op.js';
import { checked } from '../gpu/arguments.js';
import type { Engine } from '../gpu/engine.js';
import { copyOp } from '../kernels/copy/copy.js';
import { allocate } from './allocate.js';
import { choose } from './choose.js';
import { isLaunched, type KernelCall, type LaunchedCall, type PlacedCall, type Target } from './kernel-call.js';
import { checkLimits, checkMemory } from './limits.js';
import { loadKernels } from './load.js';
import { lower, type Wanted } from './lower.js';
import { makePlan } from './make-plan.js';
import { type CompileArgs, type CompileOptions, compileKinds, targetOf } from './options.js';
import { place } from './place.js';
import type { Plan } from './plan.js';
import type { Pass, Stage } from './plan-text.js';

/**
 * Plans a graph for an engine, once: which kernels run, where every value lies, pipelines and bind groups. The plan is then
 * replayed. Rejects with a typed error (`LimitError`, `OutOfMemoryError`, `ShaderError`) that names the op.
 */
export async function compile(...args: CompileArgs): Promise<Plan> {
  const [engine, outputs, options = {}] = checked('compile', compileKinds(), args);
  return compileFor(targetOf(engine, options), engine, { ...options, outputs }, options.fuse);
}

/** Does `compile` for a given target, such as one with redzones. */
export async function compileFor(
  target: Target,
  engine: Engine,
  wanted: Wanted,
  fuse?: CompileOptions['fuse'],
): Promise<Plan> {
  const { calls, stages } = await runPasses(target, wanted, fuse);
  return makePlan(engine, calls, wanted.outputs, stages);
}

/** Returns the launches that `compile` would plan, in order, for `tune`. It allocates nothing. */
export async function plannedCalls(...args: CompileArgs): Promise<readonly LaunchedCall[]> {
  const [engine, outputs, options = {}] = checked('plannedCalls', compileKinds(), args);
  const { calls } = await runPasses(targetOf(engine, options), { ...options, outputs }, options.fuse);
  return calls.filter(isLaunched);
}

/** Runs the passes of the compiler in order. Each makes new calls from those of the pass before. Nothing is allocated on the device. */
export async function runPasses(
  target: Target,
  wanted: Wanted,
  fuse: CompileOptions['fuse'] = true,
): Promise<{ calls: readonly PlacedCall[]; stages: readonly Stage[] }> {
  const stages: Stage[] = [];
  const after = <C extends KernelCall>(pass: Pass, calls: readonly C[]) => {
    stages.push({ pass, calls });
    return calls;
  };
  // The nodes of the graph become calls, in the order in which they were made.
  const lowered = after('lower', lower(wanted));
  const fusion = fuse && wanted.retain !== 'all' ? await import('./fusion.js') : undefined;
  const ops: Op[] = [copyOp, ...lowered.map((call) => call.op)];
  await loadKernels(ops, target.device);
  // An activation over a concatenation moves to its parts, whose kernels can do it.
  const distributed = fusion ? after('distribute', fusion.distribute(lowered)) : lowered;
  // Updates multiply their gradients themselves, if all of them are multiplied by one number. This comes before `hoist`, which
  // would move products of reshaped gradients, such as those of `linear`, away from the updates.
  const absorbed = fusion ? after('absorb', fusion.absorb(distributed)) : distributed;
  // Elementwise ops over reshapes move before them.
  const hoisted = fusion ? after('hoist', fusion.hoist(absorbed)) : absorbed;
  // Elementwise ops on vectors that need nothing but leaves move to the front.
  const prepared = fusion ? after('prepare', fusion.prepare(hoisted)) : hoisted;
  // Elementwise ops move into the kernels that make their operands.
  const fused = fusion ? after('fuse', fusion.fuse(prepared, target)) : prepared;
  // Every value gets its place; concatenations and slices become ranges of other values.
  const placed = after('place', place(fused, target));
  checkMemory(placed, target.device.limits);
  // Every call gets its kernel, by tuning or by rule.
  const chosen = after('choose', choose(placed, target));
  // The fused ops are written into the kernels.
  const extended = fusion ? after('extend', fusion.extend(chosen, target)) : chosen;
  checkLimits(extended, target.device.limits);
  // Values whose lifetimes do not overlap take turns in buffers. What remains, binding them, is done by `makePlan`.
  return { calls: after('allocate', allocate(extended, target)), stages };
}
