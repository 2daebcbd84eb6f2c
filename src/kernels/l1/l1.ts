import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { expectShape, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';

/** y = 1/n · Σ |a − b|. */
export const l1Op: Op<null> = {
  name: 'l1',
  args: ['a', 'b'],
  results: ['y'],
  strided: ['a', 'b'],
  infer: ([a, b]) => {
    expectShape('l1', 'b', b as TensorType, (a as TensorType).shape, 'the shape of a');
    return [{ shape: [1], dtype: 'f32' }];
  },
  // ga = gy/n · sign(a − b), and the same with a and b exchanged for gb
  gradient: (node, [gy], [needsA, needsB]) => {
    const [a, b] = node.inputs;
    if (!gy) return [];
    return [
      needsA ? applyOne(l1GradientOp, [a, b, gy], null) : undefined,
      needsB ? applyOne(l1GradientOp, [b, a, gy], null) : undefined,
    ];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).l1Variants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'a');
    return { flops: 3 * rows * channels, bytes: 8 * rows * channels };
  },
};

/** ga = gy/n · sign(a − b), 0 where a = b. */
export const l1GradientOp: Op<null> = {
  name: 'l1Gradient',
  args: ['a', 'b', 'gy'],
  results: ['ga'],
  strided: ['a', 'b', 'ga'],
  infer: ([a]) => [a as TensorType],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).l1GradientVariants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'ga');
    return { flops: 3 * rows * channels, bytes: 12 * rows * channels };
  },
};

/**
 * Mean absolute difference of a and b of one shape: [1]. The reconstruction loss of the ablations (spec §6), on images or on
 * features. Its gradient is 0 where a = b. `ShapeError` when the shapes differ.
 */
export function l1(...args: [a: Tensor, b: Tensor]): Tensor {
  return applyOne(l1Op, checked('l1', { a: TENSOR, b: TENSOR }, args), null);
}
