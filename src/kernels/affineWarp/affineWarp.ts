import type { Arg } from '../../autograd/kernel.js';
import { apply, type CallOf, type Cost, defineOp, f32, strided } from '../../autograd/op.js';
import { formatShape, nhwc, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, numeric } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

export interface AffineWarpAttrs {
  /** How many times coarser the grid of x is than the one that the transforms are given for. */
  scale: number;
}

/**
 * Returns the number of transforms per image of `affine` [N, P, 6]. Throws unless it fits the images `x` [N, H, W, C].
 */
export function partsOf(op: string, x: TensorType, affine: TensorType): number {
  const [N] = nhwc(op, 'x', x);
  const { shape, dtype } = affine;
  const [images, parts, numbers] = shape;
  if (shape.length !== 3 || images !== N || parts === undefined || numbers !== 6 || dtype !== 'f32')
    throw new ShapeError(
      op,
      `affine must be f32 [${N}, parts, 6] (one transform per image of x ${formatShape(x.shape)} and part), ` +
        `got ${dtype} ${formatShape(shape)}`,
    );
  return parts;
}

export const SCALE = /* @__PURE__ */ numeric('at least 1', (v) => v >= 1);

/** The cost is four multiply-adds per element of the warped images, and each image is read or written once. */
function cost(warped: Arg, plain: Arg): Cost {
  const elements = warped.rows * warped.channels;
  return { flops: 8 * elements, bytes: 4 * (elements + plain.rows * plain.channels) };
}

const gradientArgs = { affine: f32, gy: strided };
const gradientResults = { gx: strided };

export type AffineWarpGradientCall = CallOf<AffineWarpAttrs, typeof gradientArgs, typeof gradientResults>;

/** gx [N, H, W, C] is the sum over the transforms of the adjoint warp of gy [N, P, H, W, C]. */
export const affineWarpGradientOp = defineOp({
  name: 'affineWarpGradient',
  args: gradientArgs,
  results: gradientResults,
  infer: ({ gy: { shape } }, _: AffineWarpAttrs) => {
    const [N = 0, , H = 0, W = 0, C = 0] = shape;
    return { gx: { shape: [N, H, W, C], dtype: 'f32' } };
  },
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { gy, gx } }) => cost(gy, gx),
});

const args = { x: strided, affine: f32 };
const results = { y: strided };

export type AffineWarpCall = CallOf<AffineWarpAttrs, typeof args, typeof results>;

export const affineWarpOp = defineOp({
  name: 'affineWarp',
  args,
  results,
  infer: ({ x, affine }, _: AffineWarpAttrs) => {
    const [N, H, W, C] = nhwc('affineWarp', 'x', x);
    const parts = partsOf('affineWarp', x, affine);
    return { y: { shape: [N, parts, H, W, C], dtype: 'f32' } };
  },
  // y_h(q) = Σ_p tent(T_h q − p) x(p)  ⇒  gx(p) = Σ_h Σ_q tent(T_h q − p) gy_h(q)
  gradient: ({ affine }, { y: gy }, { attrs, needs }) => ({
    x: needs.x ? apply(affineWarpGradientOp, { affine, gy }, attrs).gx : undefined,
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, y } }) => cost(y, x),
});

/**
 * Warps every image of `x` [N, H, W, C] by each of its P affine maps (paper, Section 3.2, without the mask). It
 * interpolates bilinearly between the four nearest pixels; pixels outside the image contribute 0. `affine` f32
 * [N, P, 6] holds (a b c d e f), which map target to source pixel coordinates at full resolution: x' = a·x + b·y + c,
 * y' = d·x + e·y + f. On a grid `scale` = s times coarser (pixel i is at full-resolution coordinate s·i + (s−1)/2) the
 * linear part stays the same, c_s = [c + (s−1)/2·(a + b − 1)]/s and f_s = [f + (s−1)/2·(d + e − 1)]/s. The result is
 * [N, P, H, W, C]; its gradient flows to x only. Throws `ShapeError`.
 */
export function affineWarp(...given: [x: Tensor, affine: Tensor, options?: { scale?: number }]): Tensor {
  const kinds = { x: TENSOR, affine: TENSOR, 'options?': { 'scale?': SCALE } };
  const [x, affine, { scale = 1 } = {}] = checked('affineWarp', kinds, given);
  return apply(affineWarpOp, { x, affine }, { scale }).y;
}
