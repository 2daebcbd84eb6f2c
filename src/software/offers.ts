import type { KernelChoice, Kernels, Variant } from '../autograd/kernel.js';
import { present } from '../present.js';

/** A variant that may be chosen on a CPU, and why. */
export interface Offer<C> extends KernelChoice<C> {
  /** Whether the variant is worth choosing for a call that it can run. Without this function it always is. */
  suits?(call: C): boolean;
}

/**
 * Kernels whose rule chooses the first of `offers` that suits a call and can run it, or `last`, which can run every call. The candidates
 * for timing are all offers that suit the call and can run it, and `last`, unless it is the reference.
 */
export function firstOf<C>(
  { variants, reference }: Pick<Kernels<C>, 'variants' | 'reference'>,
  offers: readonly Offer<C>[],
  last: KernelChoice<C>,
): Kernels<C> {
  const takes = (call: C, { variant, suits }: Offer<C>) =>
    (suits?.(call) ?? true) && typeof variant.launch(call) !== 'string';
  return {
    variants,
    reference,
    choose: (call) => {
      const { variant, reason } = offers.find((offer) => takes(call, offer)) ?? last;
      return { variant, reason };
    },
    candidates: (call) =>
      [...offers, last]
        .filter((offer) => offer.variant !== reference && takes(call, offer))
        .map((offer): Variant<C> => offer.variant),
  };
}

/** Why a kernel without workgroup memory is chosen. */
export const NO_BARRIERS = 'a CPU waits long at the barriers of invocations that share a sum';

/** Loads the kernels of an op whose plainest one, without barriers, is the one for a CPU. */
export const plainest =
  <C>(op: { kernels?(): Promise<{ readonly kernels: Kernels<C> }> }) =>
  async (): Promise<{ readonly kernels: Kernels<C> }> => {
    const { kernels } = present(await op.kernels?.());
    const { reference: variant } = kernels;
    return { kernels: { ...kernels, choose: () => ({ variant, reason: NO_BARRIERS }), candidates: () => [variant] } };
  };
