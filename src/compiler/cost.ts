import type { KernelCall } from './kernel-call.js';

/** Operations of all the work of a call, and the bytes that it must move. */
export function costOf({ op, epilogue, kernel }: KernelCall): { flops: number; bytes: number } {
  if (!kernel) return { flops: 0, bytes: 0 };
  const { call } = kernel;
  const cost = { ...(op.cost?.(call) ?? { flops: 0, bytes: 0 }) };
  if (!epilogue.length) return cost;
  const own = op.epilogue === undefined ? undefined : call.arg[op.epilogue];
  if (!own) return cost;
  const bytes = 4 * own.rows * own.channels;
  for (const { op: further, attrs, operands, stores } of epilogue) {
    const names = [...(further.pointwise?.operands ?? []), ...Object.keys(further.results)];
    const alone = Object.fromEntries(names.map((name) => [name, own]));
    cost.flops += further.cost?.({ ...call, attrs, arg: alone }).flops ?? 0;
    cost.bytes += bytes * operands.filter((x) => typeof x === 'string').length;
    if (stores !== undefined && stores !== op.epilogue) cost.bytes += bytes;
  }
  return cost;
}
