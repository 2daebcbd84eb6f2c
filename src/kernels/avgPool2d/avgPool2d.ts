import { apply, type CallOf, defineOp, strided } from '../../autograd/op.js';
import { channelsOf, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { BOOLEAN, checked } from '../../gpu/arguments.js';
import { POOL, type PoolAttrs, type PoolOptions, poolAttrs, poolShape } from '../maxPool2d/pooling.js';

export interface Attrs extends PoolAttrs {
  readonly countIncludePad: boolean;
}

const args = { x: strided };
const results = { y: strided };

export type AvgPool2dCall = CallOf<Attrs, typeof args, typeof results>;

/** y[n, i, j, c] = the sum of x over the window (i, j), divided by the window's size. */
export const avgPool2dOp = defineOp({
  name: 'avgPool2d',
  args,
  results,
  epilogue: 'y',
  infer: ({ x }, attrs: Attrs) => ({ y: { shape: poolShape('avgPool2d', x, attrs), dtype: 'f32' } }),
  // y[i] = Σ x[a] / d[i] over the pixels a of window i  ⇒  gx[a] = Σ gy[i] / d[i] over the windows i that have a
  gradient: ({ x }, { y: gy }, { attrs }) => {
    const [, height = 0, width = 0] = x.shape;
    return { x: avgPool2dGradient(gy, { ...attrs, height, width }) };
  },
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, y }, attrs }) => {
    const [kh, kw] = attrs.kernel;
    return { flops: y.rows * y.channels * kh * kw, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) };
  },
});

export interface GradientAttrs extends Attrs {
  /** The size of the image that was pooled. */
  readonly height: number;
  readonly width: number;
}

const gradientArgs = { gy: strided };
const gradientResults = { gx: strided };

export type AvgPool2dGradientCall = CallOf<GradientAttrs, typeof gradientArgs, typeof gradientResults>;

/** gx[n, a, b, c] = Σ gy / size over the windows that contain the pixel (a, b). */
export const avgPool2dGradientOp = defineOp({
  name: 'avgPool2dGradient',
  args: gradientArgs,
  results: gradientResults,
  epilogue: 'gx',
  infer: ({ gy }, { height, width }: GradientAttrs) => {
    const { shape } = gy;
    return { gx: { shape: [shape[0] ?? 0, height, width, channelsOf(shape)], dtype: 'f32' } };
  },
  // gx is linear in gy, and pooling is the adjoint of its gradient
  gradient: (_, { gx: g }, { attrs }) => ({ gy: pool(g, attrs) }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { gy, gx }, attrs }) => {
    const [kh, kw] = attrs.kernel;
    return { flops: gy.rows * gy.channels * kh * kw, bytes: 4 * (gx.rows * gx.channels + gy.rows * gy.channels) };
  },
});

/** The adjoint of `avgPool2d`, for an image of the size in `attrs`. */
export function avgPool2dGradient(gy: Tensor, attrs: GradientAttrs): Tensor {
  return apply(avgPool2dGradientOp, { gy }, attrs).gx;
}

function pool(x: Tensor, { kernel, stride, pad, ceilMode, countIncludePad }: Attrs): Tensor {
  return apply(avgPool2dOp, { x }, { kernel, stride, pad, ceilMode, countIncludePad }).y;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether the size of a window includes its pixels in the padding, which are 0. Default: true. */
  countIncludePad?: boolean;
}

/**
 * Returns the mean over windows of x [N, H, W, C], as PyTorch's `avg_pool2d` does: [N, Ho, Wo, C] with
 * Ho = ⌊(H + top + bottom − kernel) / stride⌋ + 1, and Wo likewise. `ceilMode` rounds up instead, but omits a window
 * that would begin beyond the last pixel. The sum over a window is divided by the number of its pixels in the image
 * and, with `countIncludePad`, in the padding. Pixels beyond the padding never count.
 *
 * Sizes are in pixels, at most 32,767. `pad` must be less than the kernel, so that every window contains a pixel; PyTorch allows at
 * most half the kernel. Throws `ShapeError` if it is not, if x does not have four dimensions, or if the kernel does not
 * fit. The mean over whole images is `mean(x, 'pixels')`. Inception v3 (Szegedy et al. 2016) pools 3×3 with stride 1
 * and pad 1, without counting the padding.
 */
export function avgPool2d(...given: [x: Tensor, options: AvgPoolOptions]): Tensor {
  const kinds = { x: TENSOR, options: { ...POOL, 'countIncludePad?': BOOLEAN } };
  const [x, options] = checked('avgPool2d', kinds, given);
  const { countIncludePad = true } = options;
  return pool(x, { ...poolAttrs('avgPool2d', options), countIncludePad });
}
