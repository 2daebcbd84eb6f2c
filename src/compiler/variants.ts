import type { Call, Op, Variant } from '../autograd/op.js';
import { UsageError } from '../gpu/errors.js';

/**
 * The variant that runs a call: the wanted one (one of the op's by name, or any other), else the first that fits and suits the
 * device, else the first that fits. Throws `UsageError` where the wanted one does not exist or cannot run the call.
 */
export function chooseVariant(op: Op, call: Call, wanted: string | Variant | undefined): Variant {
  if (wanted !== undefined) {
    const named = typeof wanted === 'string' ? op.variants.find((v) => v.name === wanted) : wanted;
    if (!named)
      throw new UsageError(`${op.name} has no variant ${wanted}; it has ${op.variants.map((v) => v.name).join(', ')}`);
    const reason = named.rejects?.(call);
    if (reason) throw new UsageError(`${op.name}/${named.name} cannot run here: ${reason}`);
    return named;
  }
  const fitting = op.variants.filter((v) => !v.rejects?.(call));
  const found = fitting.find((v) => !v.avoid?.(call)) ?? fitting[0];
  if (!found)
    throw new UsageError(
      `${op.name}: no variant fits (${op.variants.map((v) => `${v.name}: ${v.rejects?.(call)}`).join('; ')})`,
    );
  return found;
}
