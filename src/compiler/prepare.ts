import type { KernelCall, Value } from './kernel-call.js';

/**
 * Moves elementwise work on vectors and numbers before all other work if it needs only leaves, as the factors of a batch normalisation
 * do. The results then exist before any kernel runs, so `fuse` can move the ops that use them into every kernel.
 */
export function prepare(calls: readonly KernelCall[]): readonly KernelCall[] {
  const ready = new Set<Value>();
  const early = new Set<KernelCall>();
  for (const call of calls) {
    const { op, inputs, outputs } = call;
    // What is computed after an update must see the updated parameters.
    if (op.kind === 'update') break;
    const isWork = op.pointwise && !op.pointwise.random && Object.values(outputs).every((y) => y.shape.length < 2);
    const isReady = op.kind === 'leaf' || (isWork && Object.values(inputs).every((x) => ready.has(x)));
    if (!isReady) continue;
    for (const value of Object.values(outputs)) ready.add(value);
    early.add(call);
  }
  return [...calls.filter((call) => early.has(call)), ...calls.filter((call) => !early.has(call))];
}
