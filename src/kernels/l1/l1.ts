import { apply, type CallOf, type Cost, defineOp, f32, strided } from '../../autograd/op.js';
import { expectShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';

const args = { a: strided, b: strided };
const results = { y: f32 };

export type L1Call = CallOf<null, typeof args, typeof results>;

/** y = 1/n · Σ |a − b| over the n elements. */
export const l1Op = defineOp({
  name: 'l1',
  args,
  results,
  infer: ({ a, b }, _: null) => {
    expectShape('l1', 'b', b, a.shape, 'the shape of a');
    return { y: { shape: [1], dtype: 'f32' } };
  },
  // ga = gy/n · sign(a − b), and the same with a and b exchanged for gb
  gradient: ({ a, b }, { y: gy }, { needs }) => ({
    a: needs.a ? apply(l1GradientOp, { a, b, gy }, null).ga : undefined,
    b: needs.b ? apply(l1GradientOp, { a: b, b: a, gy }, null).ga : undefined,
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { a } }) => ({ flops: 3 * a.rows * a.channels, bytes: 8 * a.rows * a.channels }),
});

const gradientArgs = { a: strided, b: strided, gy: f32 };
const gradientResults = { ga: strided };

export type L1GradientCall = CallOf<null, typeof gradientArgs, typeof gradientResults>;

/** ga = gy/n · sign(a − b), which is 0 where a = b. */
export const l1GradientOp = defineOp({
  name: 'l1Gradient',
  args: gradientArgs,
  results: gradientResults,
  infer: ({ a }, _: null) => ({ ga: a }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { ga } }): Cost => ({ flops: 3 * ga.rows * ga.channels, bytes: 12 * ga.rows * ga.channels }),
});

/**
 * Returns the mean absolute difference of a and b, which have one shape, as a tensor [1]. The gradient is 0 where a = b.
 * The ablations (spec §6) use it as reconstruction loss, on images or on features. Throws `ShapeError` if the shapes
 * differ.
 */
export function l1(...given: [a: Tensor, b: Tensor]): Tensor {
  const [a, b] = checked('l1', { a: TENSOR, b: TENSOR }, given);
  return apply(l1Op, { a, b }, null).y;
}
