import { apply, type CallOf, defineOp, strided } from '../../autograd/op.js';
import { TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { POOL, type PoolAttrs, type PoolOptions, poolAttrs, poolShape } from './pooling.js';

const args = { x: strided };
const results = { y: strided };

export type MaxPool2dCall = CallOf<PoolAttrs, typeof args, typeof results>;

/** y[n, i, j, c] = the largest x in the window (i, j). */
export const maxPool2dOp = defineOp({
  name: 'maxPool2d',
  args,
  results,
  epilogue: 'y',
  infer: ({ x }, attrs: PoolAttrs) => ({ y: { shape: poolShape('maxPool2d', x, attrs), dtype: 'f32' } }),
  // y is the x that wins each window  ⇒  gx = Σ of gy over the windows that a pixel wins
  gradient: ({ x }, { y: gy }, { attrs }) => ({ x: apply(maxPool2dGradientOp, { x, gy }, attrs).gx }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, y }, attrs }) => {
    const [kh, kw] = attrs.kernel;
    return { flops: y.rows * y.channels * kh * kw, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) };
  },
});

const gradientArgs = { x: strided, gy: strided };
const gradientResults = { gx: strided };

export type MaxPool2dGradientCall = CallOf<PoolAttrs, typeof gradientArgs, typeof gradientResults>;

/** gx[n, a, b, c] = Σ gy over the windows of which (a, b) is the first maximum. */
export const maxPool2dGradientOp = defineOp({
  name: 'maxPool2dGradient',
  args: gradientArgs,
  results: gradientResults,
  epilogue: 'gx',
  infer: ({ x }, _: PoolAttrs) => ({ gx: x }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { x, gy }, attrs }) => {
    const [kh, kw] = attrs.kernel;
    return { flops: gy.rows * gy.channels * kh * kw, bytes: 4 * (2 * x.rows * x.channels + gy.rows * gy.channels) };
  },
});

/**
 * Returns the maximum over windows of x [N, H, W, C], as PyTorch's `max_pool2d` does: [N, Ho, Wo, C] with
 * Ho = ⌊(H + top + bottom − kernel) / stride⌋ + 1, and Wo likewise. `ceilMode` rounds up instead, but omits a window
 * that would begin beyond the last pixel. Positions outside the image are not candidates. NaN counts as larger than
 * every number. Among equal values, the first in row-major order gets the gradient.
 *
 * Sizes are in pixels, at most 32,767. `pad` must be less than the kernel, so that every window contains a pixel; PyTorch allows at
 * most half the kernel. Throws `ShapeError` if it is not, if x does not have four dimensions, or if the kernel does not
 * fit. Between VGG-19 conv1_2 and conv2_1 (spec §6, ablation `perc`) the kernel is 2×2.
 */
export function maxPool2d(...given: [x: Tensor, options: PoolOptions]): Tensor {
  const [x, options] = checked('maxPool2d', { x: TENSOR, options: POOL }, given);
  return apply(maxPool2dOp, { x }, poolAttrs('maxPool2d', options)).y;
}
