import { aligned, apply, type CallOf, defineOp, f32, optional, strided } from '../../autograd/op.js';
import { expectShape, formatShape, nhwc, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { transposed } from '../convTranspose2d/convTranspose2d.js';
import { depthwise } from '../depthwiseConv2d/depthwiseConv2d.js';
import { biasGradient } from './biasGradient.js';
import { conv2dWeightGradient } from './conv2dWeightGradient.js';
import {
  CONV,
  type ConvAttrs,
  type ConvOptions,
  convAttrs,
  convCost,
  convSize,
  dilated,
  leftOver,
} from './convolution.js';
import { byGroups, expectGroups } from './groups.js';

const args = { x: aligned, w: f32, bias: optional };
const results = { y: strided };

export type Conv2dCall = CallOf<ConvAttrs, typeof args, typeof results>;

/** Returns the shape of the result. Throws `ShapeError` if the arguments do not fit together. */
function resultShape(
  x: TensorType,
  w: TensorType,
  bias: TensorType | undefined,
  attrs: ConvAttrs,
  groups: number,
): [number, number, number, number] {
  const [N, H, W, C] = nhwc('conv2d', 'x', x);
  const { shape } = w;
  const image = formatShape([N, H, W, C]);
  const [KH, KW, , O] = shape;
  if (shape.length !== 4 || KH === undefined || KW === undefined || O === undefined)
    throw new ShapeError(
      'conv2d',
      `w must be [kernel height, kernel width, in, out] for x ${image}, got ${formatShape(shape)}`,
    );
  expectGroups('conv2d', 'x', x, C, groups);
  const each = groups > 1 ? ` in each of ${groups} groups` : '';
  expectShape('conv2d', 'w', w, [KH, KW, C / groups, O], `input channels of x ${image}${each}`);
  expectGroups('conv2d', 'w', w, O, groups);
  if (bias) expectShape('conv2d', 'bias', bias, [O], `output channels of w ${formatShape(shape)}`);
  const size = convSize([H, W], [KH, KW], attrs);
  if (!size)
    throw new ShapeError(
      'conv2d',
      `w ${formatShape(shape)}${dilated(attrs)} is larger than x ${image} with pad ${formatShape(attrs.pad)}`,
    );
  return [N, ...size, O];
}

export const conv2dOp = defineOp({
  name: 'conv2d',
  args,
  results,
  epilogue: 'y',
  unrolled: true,
  infer: ({ x, w, bias }, attrs: ConvAttrs) => ({ y: { shape: resultShape(x, w, bias, attrs, 1), dtype: 'f32' } }),
  // y[i] = Σ_u x[i·s + u·d − top] · w[u] + b
  //   ⇒  gx[h] = Σ_u gy[(h + top − u·d)/s] · w[u],  gw[u] = Σ_i x[i·s + u·d − top] · gy[i],  gb = Σ_i gy[i]
  gradient: ({ x, w }, { y: gy }, { attrs, needs }) => ({
    x: needs.x ? transposed(gy, w, { ...attrs, outputPad: leftOver(x, w, gy, attrs) }) : undefined,
    w: needs.w ? conv2dWeightGradient(x, gy, w.shape.slice(0, 2), attrs) : undefined,
    bias: needs.bias ? biasGradient(gy) : undefined,
  }),
  kernels: () => import('./kernels.js'),
  cost: (call) => convCost(call.arg, call.arg.y, call.arg.w),
});

/** Applies the op without groups. The attributes must have been checked. */
export function convolve(x: Tensor, w: Tensor, attrs: ConvAttrs, bias?: Tensor): Tensor {
  return apply(conv2dOp, { x, w, bias }, attrs).y;
}

/**
 * Returns the convolution of x with w (cross-correlation, as in PyTorch):
 * y[n, i, j, o] = Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · w[u, v, c, o] + bias[o], summed over the taps (u, v)
 * and the channels c. x is 0 outside the image.
 *
 * x is [N, H, W, Cin], w [KH, KW, Cin, Cout], and bias [Cout]. The result is [N, Ho, Wo, Cout] with
 * Ho = ⌊(H + top + bottom − dh·(KH − 1) − 1) / sh⌋ + 1, and Wo likewise. `dilation` [dh, dw] is the distance of
 * neighbouring taps in pixels. `groups` divides the channels of x, w and bias into groups of equal size, and each output
 * channel sums over the input channels of its group only. w is then [KH, KW, Cin / groups, Cout], as in JAX with
 * `feature_group_count`. `groups: Cin` convolves every channel by itself (a depthwise convolution).
 *
 * Throws `ShapeError` if shapes disagree, if the groups do not divide the channels, if the kernel is larger than the
 * padded image, or if stride, pad or dilation are not such integers of at most 32,767. The blocks of the paper's networks (Siarohin et al.
 * 2018, §4) use 3×3 kernels with pad 1, or 4×4 kernels with stride 2 and pad 1.
 */
export function conv2d(...given: [x: Tensor, w: Tensor, options?: ConvOptions]): Tensor {
  const [x, w, options = {}] = checked('conv2d', { x: TENSOR, w: TENSOR, 'options?': CONV }, given);
  const attrs = convAttrs('conv2d', options);
  const { bias, groups = 1 } = options;
  if (groups === 1) return convolve(x, w, attrs, bias);
  resultShape(x, w, bias, attrs, groups);
  if (w.shape[2] === 1) return depthwise(x, w, bias, attrs);
  return byGroups(groups, x, w, bias, (part, weights, b) => convolve(part, weights, attrs, b));
}
