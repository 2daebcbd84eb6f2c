import type { Call, Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import { Node, TENSOR, TENSORS, type Tensor } from '../autograd/tensor.js';
import { anyOf, BOOLEAN, checked, FUNCTION, type Kinds, listOf, oneOf, recordOf } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { copyOp } from '../kernels/copy/copy.js';
import { allocate } from './allocate.js';
import { choose } from './choose.js';
import { isLaunched, type KernelCall, type LaunchedCall, type PlacedCall, type Target } from './kernel-call.js';
import { checkLimits, checkMemory } from './limits.js';
import { loadKernels } from './load.js';
import { lower, type Wanted } from './lower.js';
import { place } from './place.js';
import { makePlan, type Plan } from './plan.js';
import type { Stage } from './plan-text.js';

export interface CompileOptions {
  /** Parameter updates to run besides computing the outputs (`adam.minimize(loss)`). */
  update?: readonly Node[];
  /** Intermediates that `plan.read` can read besides the outputs, as the last run left them; `'all'` keeps every one. */
  retain?: 'all' | readonly Tensor[];
  /** Chooses a kernel by name, or gives one that the op does not list. Where it returns nothing, `engine.tuning` or the op's rule does. */
  variant?: (op: string, call: Call) => string | Variant | undefined;
  /** Whether arguments that kernels read many times are copied to rows that begin at whole vec4s. Default: true, unless `variant` is set. */
  align?: boolean;
  /**
   * Whether kernels do the elementwise work that follows them. Default: true, unless every intermediate is retained. `'everywhere'`
   * does so also where compiling the kernel takes longer than this adapter would save.
   */
  fuse?: boolean | 'everywhere';
}

type CompileArgs = [engine: Engine, outputs: Readonly<Record<string, Tensor>>, options?: CompileOptions];

const takes = (): Kinds => ({
  engine: ENGINE,
  outputs: recordOf(TENSOR),
  'options?': {
    'update?': listOf(['an update, as of adam.minimize', (v) => v instanceof Node && v.op.kind === 'update']),
    'retain?': anyOf(oneOf('all'), TENSORS),
    'variant?': FUNCTION,
    'align?': BOOLEAN,
    'fuse?': oneOf(true, false, 'everywhere'),
  },
});

/**
 * Plans a graph for an engine, once: which kernels run, where every value lies, pipelines and bind groups. The plan is then
 * replayed. Rejects with a typed error (`LimitError`, `OutOfMemoryError`, `ShaderError`) that names the op.
 */
export async function compile(...args: CompileArgs): Promise<Plan> {
  const [engine, outputs, options = {}] = checked('compile', takes(), args);
  return compileFor(targetOf(engine, options), engine, { ...options, outputs }, options.fuse);
}

/** `compile` for a target of one's own, such as one with redzones. */
export async function compileFor(
  target: Target,
  engine: Engine,
  wanted: Wanted,
  fuse?: CompileOptions['fuse'],
): Promise<Plan> {
  const { calls, stages } = await runPasses(target, wanted, fuse);
  return makePlan(engine, calls, wanted.outputs, stages);
}

/** The launches that `compile` would plan, in order; nothing is allocated. For `tune`. */
export async function plannedCalls(...args: CompileArgs): Promise<readonly LaunchedCall[]> {
  const [engine, outputs, options = {}] = checked('plannedCalls', takes(), args);
  const { calls } = await runPasses(targetOf(engine, options), { ...options, outputs }, options.fuse);
  return calls.filter(isLaunched);
}

/** The passes of the compiler, in order. Each makes new calls from those of the pass before; nothing is allocated on the device. */
export async function runPasses(
  target: Target,
  wanted: Wanted,
  fuse: CompileOptions['fuse'] = true,
): Promise<{ calls: readonly PlacedCall[]; stages: readonly Stage[] }> {
  const stages: Stage[] = [];
  const after = <C extends KernelCall>(pass: string, calls: readonly C[]) => {
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
  // Elementwise ops move into the kernels that make their operands.
  const fused = fusion ? after('fuse', fusion.fuse(distributed, target)) : distributed;
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

/** What the passes need to know of an engine. */
export function targetOf(engine: Engine, { variant, align = !variant, fuse }: CompileOptions = {}): Target {
  const { device, software, subgroupSize, tuning } = engine;
  const traits = { limits: device.limits, features: device.features as ReadonlySet<string>, software, subgroupSize };
  return { device: traits, slowCompiler: software && fuse !== 'everywhere', alignRows: align, variant, tuning };
}
