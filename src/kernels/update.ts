import type { Arg, Call, Kernels } from '../autograd/kernel.js';
import { type Cost, defineOp, f32 } from '../autograd/op.js';
import type { UpdateAttrs } from '../autograd/optimizer.js';

/**
 * What the kernels of an update work on: a range of a slab of parameters, of their gradients and of their state `S`, padded to a
 * multiple of 64 elements; and `hyper`, numbers that the host computes for every run.
 */
export type UpdateCall<R, S extends string> = Call<
  UpdateAttrs<R>,
  Readonly<Record<'hyper' | 'gradients' | 'weights' | S, Arg>>
>;

/** The op of an optimiser. Besides `hyper`, its arguments are the gradients of the parameters of a set. */
/* @__NO_SIDE_EFFECTS__ */ export function defineUpdate<R, S extends string>(op: {
  readonly name: string;
  kernels(): Promise<{ readonly kernels: Kernels<UpdateCall<R, S>> }>;
  cost(call: UpdateCall<R, S>): Cost;
}) {
  return defineOp({
    ...{ ...op, kind: 'update', args: { hyper: f32 }, results: {} },
    infer: (_, __: UpdateAttrs<R>) => ({}),
    update: (attrs) => attrs,
  });
}
