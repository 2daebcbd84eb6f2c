import type { Call, Launch, Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import { shown } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import type { Tuning } from '../gpu/tuner.js';
import { kernelsOf } from './load.js';
import { tunedVariant } from './shape-class.js';

/** A variant that can run a call, its dispatches, and the reason for the choice in words. */
export interface Chosen {
  readonly variant: Variant;
  readonly launch: Launch;
  readonly reason: string;
}

/**
 * Chooses the variant that runs a call: the wanted one (by its name, or a variant that the op does not list), else the
 * one that was fastest when kernels were timed, else that of the op's rule. Throws `UsageError` if the wanted one does
 * not exist or cannot run the call.
 */
export function chooseVariant(op: Op, call: Call, wanted?: string | Variant, tuning?: Tuning): Chosen {
  if (wanted !== undefined) return launched(op, call, variantOf(op, call, wanted), 'the option `variant` asks for it');
  const tuned = tunedVariant(tuning, op, call);
  if (tuned) return launched(op, call, tuned, 'it was the fastest when kernels were timed on this adapter');
  const { variant, reason = '' } = kernelsOf(op, call.device).choose(call) ?? {};
  if (typeof variant?.launch !== 'function')
    throw new UsageError(`${op.name}: \`choose\` must return a variant with a function \`launch\`, and the reason`);
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
  if (typeof launch === 'string') throw new UsageError(`${op.name}/${variant.name} cannot run this call: ${launch}`);
  expectDispatches(`${op.name}/${variant.name}`, launch);
  return { variant, launch, reason };
}

/** Throws `UsageError` unless the function `launch` of a kernel returned dispatches. */
function expectDispatches(of: string, launch: Launch | undefined): void {
  if (!Array.isArray(launch?.dispatches))
    throw new UsageError(`${of}: \`launch\` must return { dispatches } or a reason in words, got ${shown(launch)}`);
  for (const { shader, workgroups } of launch.dispatches) {
    if (!Array.isArray(shader?.bindings))
      throw new UsageError(
        `${of}: the shader of a dispatch must be one of shader() or readShader(), got ${shown(shader)}`,
      );
    if (!Array.isArray(workgroups) || workgroups.length !== 3 || workgroups.some((n) => !Number.isInteger(n) || n < 0))
      throw new UsageError(`${of}: workgroups must be three integers of 0 or more, got ${shown(workgroups)}`);
  }
}
