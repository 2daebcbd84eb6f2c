import type { Call, Variant } from '../autograd/kernel.js';
import { Node, TENSOR, TENSORS, type Tensor } from '../autograd/tensor.js';
import { anyOf, BOOLEAN, FUNCTION, type Kinds, listOf, oneOf, recordOf } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import type { Target } from './kernel-call.js';

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

/** The arguments of `compile` and `plannedCalls`. */
export type CompileArgs = [engine: Engine, outputs: Readonly<Record<string, Tensor>>, options?: CompileOptions];

/** What those arguments must be. */
export const compileKinds = (): Kinds => ({
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

/** What the passes need to know of an engine. */
export function targetOf(engine: Engine, { variant, align = !variant, fuse }: CompileOptions = {}): Target {
  const { device, software, subgroupSize, tuning } = engine;
  const traits = { limits: device.limits, features: device.features as ReadonlySet<string>, software, subgroupSize };
  return { device: traits, slowCompiler: software && fuse !== 'everywhere', alignRows: align, variant, tuning };
}
