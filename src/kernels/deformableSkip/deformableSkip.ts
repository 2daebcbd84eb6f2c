import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Call, type Op } from '../../autograd/op.js';
import { formatShape, nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { BOOLEAN, checked, oneOf } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { partsOf, SCALE } from '../affineWarp/affineWarp.js';

export interface DeformableSkipAttrs {
  aggregate: 'max' | 'mean';
  /** Whether x itself is a candidate. */
  identity: boolean;
  /** Grid on which the masks are given: that of x, or that of the result. */
  maskOn: 'source' | 'target';
  /** How many times coarser the grid of x is than the one the transforms are given for. */
  scale: number;
}

export type DeformableCall = Call<DeformableSkipAttrs>;

/** `image` names the argument or result that has the shape of x. */
export function settings(call: DeformableCall, image: 'x' | 'gx') {
  const { shape, rows, channels } = arg(call, image);
  const { aggregate, identity, maskOn, scale } = call.attrs;
  const parts = arg(call, 'affine').shape[1] as number;
  return {
    rows,
    channels,
    parts,
    images: shape[0] as number,
    params: { parts, height: shape[1] as number, width: shape[2] as number, channels, scale },
    constants: { MEAN: Number(aggregate === 'mean'), IDENTITY: Number(identity), TARGET: Number(maskOn === 'target') },
  };
}

/** How many times four channels an invocation takes: the setup of a pixel is shared by them. */
export const quadsOf = (channels: number): number => [4, 2].find((n) => channels % (4 * n) === 0) ?? 1;

/** What does not depend on the masks: the aggregation over all candidates, and each image once. */
function cost(call: DeformableCall, image: 'x' | 'gx') {
  const { rows, channels, parts } = settings(call, image);
  const winners = call.attrs.aggregate === 'max' ? rows * Math.ceil(channels / 4) : 0;
  return { flops: rows * channels * (parts + 1), bytes: 4 * (2 * rows * channels + rows + winners) };
}

/** gx of a deformable skip, given gy and (for the maximum) the winners. */
const deformableSkipGradientOp: Op<DeformableSkipAttrs> = {
  name: 'deformableSkipGradient',
  args: ['affine', 'mask', 'winner?', 'gy'],
  results: ['gx'],
  epilogue: 'gx',
  strided: ['gy', 'gx'],
  infer: ([, , , gy]) => [gy as Tensor],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./gradientKernels.js')).variants),
  cost: (call) => cost(call, 'gx'),
};

export const deformableSkipOp: Op<DeformableSkipAttrs> = {
  name: 'deformableSkip',
  args: ['x', 'affine', 'mask'],
  results: ['y', 'winner'],
  epilogue: 'y',
  strided: ['x', 'y'],
  infer: (inputs, { aggregate }) => {
    const [x, affine, mask] = inputs as Tensor[] as [Tensor, Tensor, Tensor];
    const [N, H, W, C] = nhwc('deformableSkip', 'x', x);
    const parts = partsOf('deformableSkip', x, affine);
    const given = `x ${formatShape(x.shape)} and affine ${formatShape(affine.shape)}`;
    if (parts < 1 || parts > 31) throw new ShapeError('deformableSkip', `there must be 1 to 31 parts, got ${given}`);
    if (mask.dtype !== 'u32' || formatShape(mask.shape) !== formatShape([N, H, W]))
      throw new ShapeError(
        'deformableSkip',
        `mask must be u32 [${N}, ${H}, ${W}] (one bit per part, for ${given}), ` +
          `got ${mask.dtype} ${formatShape(mask.shape)}`,
      );
    const winner = { shape: [N, H, W, Math.ceil(C / 4)], dtype: 'u32' } as const;
    return [{ shape: x.shape, dtype: 'f32' }, ...(aggregate === 'max' ? [winner] : [])];
  },
  // max: y = candidate_w with w the winner, so gy flows to it alone; mean: 1/candidates of gy to each. A candidate is
  // the identity or a masked affine sample, whose adjoint gathers over the pre-image: gx(p) += Σ_q tent(T_h q − p) ·
  // mask_h · share_h(q)
  gradient: (node, [gy], [needsX]) => {
    if (!gy || !needsX) return [undefined];
    const [, affine, mask] = node.inputs;
    const attrs = node.attrs as DeformableSkipAttrs;
    return [applyOne(deformableSkipGradientOp, [affine, mask, node.outputs[1], gy], attrs)];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => cost(call, 'x'),
};

/**
 * The deformable skip connection (paper, Section 3.2): at every pixel and channel the largest (or the mean)
 * of x itself and of x under each part's affine map, restricted to the part's mask.
 *
 * - `x` [N, H, W, C], the feature maps;
 * - `affine` f32 [N, P, 6], 1 ≤ P ≤ 31, target → source pixel coordinates as in `affineWarp`, `scale` included;
 * - `mask` u32 [N, H, W]: bit h is set where part h's mask covers that pixel of the grid of x (`maskOn` 'source', the
 *   default: candidate h samples x ⊙ mask_h) or of the result ('target': candidate h is mask_h times the sample of
 *   x);
 * - `identity` (default true): whether x itself is a candidate, the first; the parts follow in order.
 *
 * Every part is a candidate everywhere, 0 where it does not reach; of equal candidates the first wins. The result is
 * [N, H, W, C]; its gradient flows to x only, for the maximum through the winner. Throws `ShapeError`.
 */
export function deformableSkip(
  ...args: [x: Tensor, affine: Tensor, mask: Tensor, options?: Partial<DeformableSkipAttrs>]
): Tensor {
  const options = {
    'aggregate?': oneOf('max', 'mean'),
    'identity?': BOOLEAN,
    'maskOn?': oneOf('source', 'target'),
    'scale?': SCALE,
  };
  const kinds = { x: TENSOR, affine: TENSOR, mask: TENSOR, 'options?': options };
  const [x, affine, mask, given = {}] = checked('deformableSkip', kinds, args);
  const { aggregate = 'max', identity = true, maskOn = 'source', scale = 1 } = given;
  return applyOne(deformableSkipOp, [x, affine, mask], { aggregate, identity, maskOn, scale });
}
