import type { Arg, Call, Kernels } from '../autograd/kernel.js';
import { type Cost, defineOp, f32, optional } from '../autograd/op.js';
import { type LearningRate, Optimizer, type UpdateAttrs, type UpdateOp } from '../autograd/optimizer.js';
import type { ParameterSet } from '../autograd/parameters.js';
import type { Tensor } from '../autograd/tensor.js';
import { anyOf, FUNCTION, type Kinds, POSITIVE, RATE } from '../gpu/arguments.js';
import { clipByGlobalNorm } from './globalNorm/globalNorm.js';

/**
 * A call of an update. Parameters lie one after the other in large buffers, the slabs, each padded to a multiple of 64
 * elements; their gradients and their state `S` lie in slabs of the same layout. The arguments are one range of these
 * slabs, `hyper`, which holds numbers that the host computes for every run, and optionally `scale` [1], by which the
 * kernel multiplies the gradients.
 */
export type UpdateCall<R, S extends string> = Call<
  UpdateAttrs<R>,
  Readonly<Record<'hyper' | 'gradients' | 'weights' | S, Arg>> & { readonly scale?: Arg }
>;

/** Defines the op of an optimiser. Its arguments are those named here and the gradients of the parameters of a set. */
/* @__NO_SIDE_EFFECTS__ */ export function defineUpdate<R, S extends string>(op: {
  readonly name: string;
  kernels(): Promise<{ readonly kernels: Kernels<UpdateCall<R, S>> }>;
  cost(call: UpdateCall<R, S>): Cost;
}) {
  return defineOp({
    ...{ ...op, kind: 'update', args: { hyper: f32, scale: optional }, results: {} },
    infer: (_, __: UpdateAttrs<R>) => ({}),
    update: (attrs) => attrs,
  });
}

/** The options that all optimisers here share. */
export interface UpdateOptions {
  /** The step size α: a number, or a function of the number of updates made so far. Default: 1e-3. */
  learningRate?: LearningRate;
  /** The limit of the norm of all gradients together. `clipByGlobalNorm` scales larger ones. Default: no limit. */
  clipNorm?: number;
}

/** Returns the kinds of these options together with those of the further options of an optimiser. */
export const updateOptions = (further: Kinds): Kinds => ({
  'learningRate?': anyOf(RATE, FUNCTION),
  'clipNorm?': POSITIVE,
  'weightDecay?': RATE,
  ...further,
});

/** An optimiser that can clip gradients. It is a class of its own because `Optimizer` uses no kernels. */
export abstract class ClippingOptimizer<S extends string, R> extends Optimizer<S, R> {
  readonly clipNorm: number | undefined;
  /**
   * The norm [1] of the gradients before clipping, for the update that was built last. It is undefined without
   * `clipNorm`, and before `minimize` or `apply` has built an update.
   */
  gradientNorm: Tensor | undefined;

  constructor(set: ParameterSet, op: UpdateOp<R>, rule: R, options: UpdateOptions, state: readonly S[]) {
    super(set, op, rule, options.learningRate ?? 1e-3, state);
    this.clipNorm = options.clipNorm;
  }

  protected override prepare(gradients: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
    if (this.clipNorm === undefined) return gradients;
    const clipped = clipByGlobalNorm(gradients, this.clipNorm);
    this.gradientNorm = clipped.norm;
    return clipped.gradients;
  }
}
