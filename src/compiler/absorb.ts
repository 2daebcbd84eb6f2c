import type { Op } from '../autograd/op.js';
import { sizeOf } from '../autograd/tensor.js';
import { binaryOps } from '../kernels/elementwise/ops.js';
import { type KernelCall, makersOf, readersOf, type Value } from './kernel-call.js';

const mul: Op = binaryOps.mul.tensors;

/**
 * Where all gradients of an update are multiplied by one and the same number [1], as clipped ones are, the update multiplies them
 * itself: the gradients are then stored once, where the update reads them.
 */
export function absorb(calls: readonly KernelCall[]): readonly KernelCall[] {
  const makers = makersOf(calls);
  const absorbed = calls.map((call) => {
    const { scale: takesScale } = call.op.args;
    if (call.op.kind !== 'update' || !takesScale || call.inputs.scale) return call;
    const products = Object.entries(call.inputs).filter(([name]) => !call.op.args[name]);
    const scaled = products.map(([name, g]) => [name, factorsOf(makers.get(g)?.call)] as const);
    const scale = scaled[0]?.[1]?.scale;
    const inputs: Record<string, Value> = { ...call.inputs };
    for (const [name, factors] of scaled) {
      if (!scale || factors?.scale !== scale) return call;
      inputs[name] = factors.gradient;
    }
    return scale ? { ...call, inputs: { ...inputs, scale } } : call;
  });
  const readers = readersOf(absorbed);
  const wasRead = readersOf(calls);
  // A product that only updates read is not computed any more.
  return absorbed.filter((call) => {
    const values = Object.values(call.outputs);
    return call.op !== mul || values.some((v) => readers.has(v) || !wasRead.has(v));
  });
}

/** The factors of a product of a gradient and a number [1]. */
function factorsOf(call: KernelCall | undefined): { gradient: Value; scale: Value } | undefined {
  const { a, b } = call?.inputs ?? {};
  return call?.op === mul && a && b && sizeOf(b.shape) === 1 ? { gradient: a, scale: b } : undefined;
}
