import type { Arg } from '../../autograd/kernel.js';
import { apply, type CallOf, type Cost, defineOp, f32, optional, strided, u32 } from '../../autograd/op.js';
import { formatShape, nhwc, sameShape, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { BOOLEAN, checked, oneOf } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { partsOf, SCALE } from '../affineWarp/affineWarp.js';
import { type DeformableSkipAttrs, settings } from './settings.js';

/**
 * The cost counts what does not depend on the masks: the aggregation of all candidates, and one access to each image.
 */
function cost(attrs: DeformableSkipAttrs, image: Arg, affine: Arg): Cost {
  const { rows, channels, parts } = settings(attrs, image, affine);
  const winners = attrs.aggregate === 'max' ? rows * Math.ceil(channels / 4) : 0;
  return { flops: rows * channels * (parts + 1), bytes: 4 * (2 * rows * channels + rows + winners) };
}

/** Only the maximum has winners. */
const winner = { ...optional, ...u32 };

const gradientArgs = { affine: f32, mask: u32, winner, gy: strided };
const gradientResults = { gx: strided };

export type DeformableSkipGradientCall = CallOf<DeformableSkipAttrs, typeof gradientArgs, typeof gradientResults>;

/** Computes gx of a deformable skip from gy and, for the maximum, the winners. */
export const deformableSkipGradientOp = defineOp({
  name: 'deformableSkipGradient',
  args: gradientArgs,
  results: gradientResults,
  epilogue: 'gx',
  infer: ({ gy }, _: DeformableSkipAttrs) => ({ gx: gy }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ attrs, arg: { gx, affine } }) => cost(attrs, gx, affine),
});

const args = { x: strided, affine: f32, mask: u32 };
const results = { y: strided, winner };

export type DeformableSkipCall = CallOf<DeformableSkipAttrs, typeof args, typeof results>;

export const deformableSkipOp = defineOp({
  name: 'deformableSkip',
  args,
  results,
  epilogue: 'y',
  infer: ({ x, affine, mask }, { aggregate }: DeformableSkipAttrs) => {
    const [N, H, W, C] = nhwc('deformableSkip', 'x', x);
    const parts = partsOf('deformableSkip', x, affine);
    const given = `x ${formatShape(x.shape)} and affine ${formatShape(affine.shape)}`;
    if (parts < 1 || parts > 31) throw new ShapeError('deformableSkip', `there must be 1 to 31 parts, got ${given}`);
    if (!sameShape(mask.shape, [N, H, W]))
      throw new ShapeError(
        'deformableSkip',
        `mask must be [${N}, ${H}, ${W}] (one bit per part, for ${given}), got ${formatShape(mask.shape)}`,
      );
    const y: TensorType = { shape: x.shape, dtype: 'f32' };
    return aggregate === 'max' ? { y, winner: { shape: [N, H, W, Math.ceil(C / 4)], dtype: 'u32' } } : { y };
  },
  // For the maximum, y is the candidate that wins, so gy flows to it alone; for the mean, each candidate gets gy
  // divided by their number. A candidate is the identity or a masked affine sample, whose adjoint gathers over the
  // preimage: gx(p) += Σ_q tent(T_h q − p) · mask_h · share_h(q)
  gradient: ({ affine, mask }, { y: gy }, { attrs, needs, outputs }) =>
    gy && needs.x ? { x: apply(deformableSkipGradientOp, { affine, mask, winner: outputs.winner, gy }, attrs).gx } : {},
  kernels: () => import('./kernels.js'),
  cost: ({ attrs, arg: { x, affine } }) => cost(attrs, x, affine),
});

/**
 * The deformable skip connection (paper, Section 3.2): at every pixel and channel, the result is the largest
 * (or the mean) of x itself and of x warped by each part's affine map, restricted to the part's mask.
 *
 * - `x` [N, H, W, C], the feature maps;
 * - `affine` f32 [N, P, 6], 1 ≤ P ≤ 31, target → source pixel coordinates as in `affineWarp`, `scale` included;
 * - `mask` u32 [N, H, W]: bit h is set where part h's mask covers that pixel of the grid of x (`maskOn` 'source', the
 *   default: candidate h samples x ⊙ mask_h) or of the result ('target': candidate h is mask_h times the sample of
 *   x);
 * - `identity` (default true): whether x itself is a candidate, the first; the parts follow in order.
 *
 * Every part is a candidate everywhere, with the value 0 where it does not reach. Among equal candidates the first
 * wins. The result is [N, H, W, C]; its gradient flows to x only, for the maximum through the winner. Throws
 * `ShapeError`.
 */
export function deformableSkip(
  ...given: [x: Tensor, affine: Tensor, mask: Tensor, options?: Partial<DeformableSkipAttrs>]
): Tensor {
  const options = {
    'aggregate?': oneOf('max', 'mean'),
    'identity?': BOOLEAN,
    'maskOn?': oneOf('source', 'target'),
    'scale?': SCALE,
  };
  const kinds = { x: TENSOR, affine: TENSOR, mask: TENSOR, 'options?': options };
  const [x, affine, mask, chosen = {}] = checked('deformableSkip', kinds, given);
  const { aggregate = 'max', identity = true, maskOn = 'source', scale = 1 } = chosen;
  return apply(deformableSkipOp, { x, affine, mask }, { aggregate, identity, maskOn, scale }).y;
}
