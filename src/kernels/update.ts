import type { Arg, Call, Kernels } from '../autograd/kernel.js';
import { type Cost, defineOp, f32, optional } from '../autograd/op.js';
import { type LearningRate, Optimizer, type UpdateAttrs, type UpdateOp } from '../autograd/optimizer.js';
import type { ParameterSet } from '../autograd/parameters.js';
import type { Tensor } from '../autograd/tensor.js';
import { anyOf, FUNCTION, type Kinds, POSITIVE, RATE } from '../gpu/arguments.js';
import { clipByGlobalNorm } from './globalNorm/globalNorm.js';

/**
 * What the kernels of an update work on: a range of a slab of parameters, of their gradients and of their state `S`, padded to a
 * multiple of 64 elements; `hyper`, numbers that the host computes for every run; and `scale`, a number [1] to multiply gradients by.
 */
export type UpdateCall<R, S extends string> = Call<
  UpdateAttrs<R>,
  Readonly<Record<'hyper' | 'gradients' | 'weights' | S, Arg>> & { readonly scale?: Arg }
>;

/** The op of an optimiser. Besides those named here, its arguments are the gradients of the parameters of a set. */
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

/** Options that all optimisers here have. */
export interface UpdateOptions {
  /** Step size α: a number, or a function of the number of updates made before. Default: 1e-3. */
  learningRate?: LearningRate;
  /** The norm that all gradients together have at most: larger ones are scaled, see `clipByGlobalNorm`. Default: no limit. */
  clipNorm?: number;
}

/** The kinds of these options, and of those that an optimiser has besides. */
export const updateOptions = (further: Kinds): Kinds => ({
  'learningRate?': anyOf(RATE, FUNCTION),
  'clipNorm?': POSITIVE,
  'weightDecay?': RATE,
  ...further,
});

/** What the optimisers here have in common besides `Optimizer`, which knows of no kernel: they can clip gradients. */
export abstract class ClippingOptimizer<S extends string, R> extends Optimizer<S, R> {
  readonly clipNorm: number | undefined;
  /** With `clipNorm`, the norm of the gradients before clipping, [1]: of those of the update that was built last. */
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
