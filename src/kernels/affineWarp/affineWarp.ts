import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Call, type Op } from '../../autograd/op.js';
import { formatShape, nhwc, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, numeric } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

export interface AffineWarpAttrs {
  /** How many times coarser the grid of x is than the one the transforms are given for. */
  scale: number;
}

/** Number of transforms per image of `affine` [N, P, 6]; throws unless it fits the images `x` [N, H, W, C]. */
export function partsOf(op: string, x: TensorType, affine: TensorType): number {
  const [N] = nhwc(op, 'x', x);
  const { shape, dtype } = affine;
  if (shape.length !== 3 || shape[0] !== N || shape[2] !== 6 || dtype !== 'f32')
    throw new ShapeError(
      op,
      `affine must be f32 [${N}, parts, 6] (one transform per image of x ${formatShape(x.shape)} and part), ` +
        `got ${dtype} ${formatShape(shape)}`,
    );
  return shape[1] as number;
}

export const SCALE = /* @__PURE__ */ numeric('at least 1', (v) => v >= 1);

/** Four multiply-adds per element of the warped images; each image is read or written once. */
function cost(call: Call<AffineWarpAttrs>, warped: string, plain: string) {
  const y = arg(call, warped);
  const x = arg(call, plain);
  const elements = y.rows * y.channels;
  return { flops: 8 * elements, bytes: 4 * (elements + x.rows * x.channels) };
}

/** Σ over the transforms of the adjoint warp of gy [N, P, H, W, C]: gx [N, H, W, C]. */
const affineWarpGradientOp: Op<AffineWarpAttrs> = {
  name: 'affineWarpGradient',
  args: ['affine', 'gy'],
  results: ['gx'],
  strided: ['gy', 'gx'],
  infer: ([, gy]) => {
    const [N, , H, W, C] = (gy as Tensor).shape as [number, number, number, number, number];
    return [{ shape: [N, H, W, C], dtype: 'f32' }];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).affineWarpGradientVariants),
  cost: (call) => cost(call, 'gy', 'gx'),
};

export const affineWarpOp: Op<AffineWarpAttrs> = {
  name: 'affineWarp',
  args: ['x', 'affine'],
  results: ['y'],
  strided: ['x', 'y'],
  infer: (inputs) => {
    const [x, affine] = inputs as Tensor[] as [Tensor, Tensor];
    const [N, H, W, C] = nhwc('affineWarp', 'x', x);
    const parts = partsOf('affineWarp', x, affine);
    return [{ shape: [N, parts, H, W, C], dtype: 'f32' }];
  },
  // y_h(q) = Σ_p tent(T_h q − p) x(p)  ⇒  gx(p) = Σ_h Σ_q tent(T_h q − p) gy_h(q)
  gradient: (node, [gy], [needsX]) => [
    gy && needsX ? applyOne(affineWarpGradientOp, [node.inputs[1], gy], node.attrs as AffineWarpAttrs) : undefined,
  ],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).affineWarpVariants),
  cost: (call) => cost(call, 'y', 'x'),
};

/**
 * Every image of `x` [N, H, W, C] under each of its P affine maps (paper, Section 3.2, without the mask):
 * bilinear over the four nearest pixels, each tap outside the image contributing 0. `affine` f32 [N, P, 6] holds (a b
 * c d e f), which map target to source pixel coordinates at full resolution: x' = a·x + b·y + c, y' = d·x + e·y + f.
 * On a grid `scale` = s times coarser (pixel i at full-resolution coordinate s·i + (s−1)/2) the linear part stays,
 * c_s = [c + (s−1)/2·(a + b − 1)]/s and f_s = [f + (s−1)/2·(d + e − 1)]/s. The result is [N, P, H, W, C]; its
 * gradient flows to x only. Throws `ShapeError`.
 */
export function affineWarp(...args: [x: Tensor, affine: Tensor, options?: { scale?: number }]): Tensor {
  const kinds = { x: TENSOR, affine: TENSOR, 'options?': { 'scale?': SCALE } };
  const [x, affine, { scale = 1 } = {}] = checked('affineWarp', kinds, args);
  return applyOne(affineWarpOp, [x, affine], { scale });
}
