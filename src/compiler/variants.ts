import type { Call, Launch, Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import { UsageError } from '../gpu/errors.js';
import type { Tuning } from '../gpu/tuner.js';
import { kernelsOf } from './load.js';
import { tunedVariant } from './shape-class.js';

/** A variant that can run a call, its dispatches, and in words why it is this one. */
export interface Chosen {
  readonly variant: Variant;
  readonly launch: Launch;
  readonly reason: string;
}

/**
 * The variant that runs a call: the wanted one (one of the op's by name, or any other), else the one that was the fastest when
 * kernels were timed, else that of the op's rule. Throws `UsageError` where the wanted one does not exist or cannot run the call.
 */
export function chooseVariant(op: Op, call: Call, wanted?: string | Variant, tuning?: Tuning): Chosen {
  if (wanted !== undefined) return launched(op, call, variantOf(op, call, wanted), 'asked for by `variant`');
  const tuned = tunedVariant(tuning, op, call);
  if (tuned) return launched(op, call, tuned, 'the fastest when kernels were timed on this adapter');
  const { variant, reason } = kernelsOf(op, call.device).choose(call);
  return launched(op, call, variant, reason);
}

function variantOf(op: Op, call: Call, wanted: string | Variant): Variant {
  if (typeof wanted !== 'string') return wanted;
  const { variants } = kernelsOf(op, call.device);
  const named = variants.find((v) => v.name === wanted);
  if (!named)
    throw new UsageError(`${op.name} has no variant ${wanted}; it has ${variants.map((v) => v.name).join(', ')}`);
  return named;
}

function launched(op: Op, call: Call, variant: Variant, reason: string): Chosen {
  const launch = variant.launch(call);
  if (typeof launch === 'string') throw new UsageError(`${op.name}/${variant.name} cannot run here: ${launch}`);
  return { variant, launch, reason };
}
