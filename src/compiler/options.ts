import type { Call, Variant } from '../autograd/kernel.js';
import { Node, TENSOR, TENSORS, type Tensor } from '../autograd/tensor.js';
import { anyOf, BOOLEAN, FUNCTION, type Kinds, listOf, oneOf, recordOf } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import type { Target } from './kernel-call.js';

export interface CompileOptions {
  /** Parameter updates to run besides computing the outputs (`adam.minimize(loss)`). */
  update?: readonly Node[];
  /**
   * Intermediates that `plan.read` can read besides the outputs, with their values after the last run; `'all'` keeps
   * every one.
   */
  retain?: 'all' | readonly Tensor[];
  /**
   * Chooses a kernel by name, or returns one that the op does not list. Where it returns nothing, `engine.tuning` or
   * the op's rule chooses.
   */
  variant?: (op: string, call: Call) => string | Variant | undefined;
  /**
   * Whether to copy arguments that kernels read many times to 16-byte-aligned rows. Default: true, unless `variant` is
   * set.
   */
  align?: boolean;
  /**
   * Whether to fuse elementwise ops into the kernels before them. Default: true, unless every intermediate is retained.
   * `'everywhere'` fuses even where compiling the fused kernel takes longer than this adapter would save.
   */
  fuse?: boolean | 'everywhere';
}

/** The arguments of `compile` and `plannedCalls`. */
export type CompileArgs = [engine: Engine, outputs: Readonly<Record<string, Tensor>>, options?: CompileOptions];

/** Returns the kinds that those arguments must be of. */
export const compileKinds = (): Kinds => ({
  engine: ENGINE,
  outputs: recordOf(TENSOR),
  'options?': {
    'update?': listOf(['an update, such as adam.minimize returns', (v) => v instanceof Node && v.op.kind === 'update']),
    'retain?': anyOf(oneOf('all'), TENSORS),
    'variant?': FUNCTION,
    'align?': BOOLEAN,
    'fuse?': oneOf(true, false, 'everywhere'),
  },
});

/** Returns what the passes need to know about an engine. */
export function targetOf(engine: Engine, { variant, align = !variant, fuse }: CompileOptions = {}): Target {
  const { device, software, subgroupSize, tuning } = engine;
  const traits = { limits: device.limits, features: device.features as ReadonlySet<string>, software, subgroupSize };
  return { device: traits, slowCompiler: software && fuse !== 'everywhere', alignRows: align, variant, tuning };
}
