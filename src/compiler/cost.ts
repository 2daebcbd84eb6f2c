import { sizeOf } from '../autograd/tensor.js';
import { present } from '../present.js';
import type { KernelCall } from './kernel-call.js';

/** Operations of all the work of a call, and the bytes that it must move. */
export function costOf({ op, epilogue, kernel, inputs }: KernelCall): { flops: number; bytes: number } {
  if (!kernel) return { flops: 0, bytes: 0 };
  const { call } = kernel;
  const cost = { ...(op.cost?.(call) ?? { flops: 0, bytes: 0 }) };
  if (!epilogue.length) return cost;
  const own = op.epilogue === undefined ? undefined : call.arg[op.epilogue];
  if (!own) return cost;
  const bytes = 4 * own.rows * own.channels;
  const bytesOf = (name: string) => 4 * sizeOf(present(inputs[name]).shape);
  for (const { op: further, attrs, operands, stores } of epilogue) {
    const names = [...(further.pointwise?.operands ?? []), ...Object.keys(further.results)];
    const alone = Object.fromEntries(names.map((name) => [name, own]));
    cost.flops += further.cost?.({ ...call, attrs, arg: alone }).flops ?? 0;
    for (const operand of operands) if (typeof operand === 'string') cost.bytes += bytesOf(operand);
    if (stores !== undefined && stores !== op.epilogue) cost.bytes += bytes;
  }
  return cost;
}
