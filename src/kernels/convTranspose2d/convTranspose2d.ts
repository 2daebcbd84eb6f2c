import { apply, type CallOf, defineOp, f32, optional, strided } from '../../autograd/op.js';
import { expectShape, formatShape, nhwc, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, SIZES } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { biasGradient } from '../conv2d/biasGradient.js';
import { convolve } from '../conv2d/conv2d.js';
import { conv2dWeightGradient } from '../conv2d/conv2dWeightGradient.js';
import {
  CONV,
  type ConvAttrs,
  type ConvOptions,
  convAttrs,
  convCost,
  pair,
  transposedSize,
} from '../conv2d/convolution.js';
import { byGroups, expectGroups } from '../conv2d/groups.js';
import { depthwiseInputGradient } from '../depthwiseConv2d/depthwiseConv2d.js';
import { binary } from '../elementwise/ops.js';

export interface ConvTransposeOptions extends ConvOptions {
  /**
   * The number of rows and columns that are added below and on the right: one number, or [vertical, horizontal]. It must
   * be less than the stride or the dilation. Default: 0.
   */
  outputPad?: number | readonly [number, number];
}

export interface ConvTransposeAttrs extends ConvAttrs {
  readonly outputPad: readonly [number, number];
}

const args = { x: strided, w: f32, bias: optional };
const results = { y: strided };

export type ConvTranspose2dCall = CallOf<ConvTransposeAttrs, typeof args, typeof results>;

/** Returns the shape of the result. Throws `ShapeError` if the arguments do not fit together. */
function resultShape(
  x: TensorType,
  w: TensorType,
  bias: TensorType | undefined,
  attrs: ConvTransposeAttrs,
  groups: number,
): [number, number, number, number] {
  const op = 'convTranspose2d';
  const [N, H, W, C] = nhwc(op, 'x', x);
  const { shape } = w;
  const image = formatShape([N, H, W, C]);
  const [KH, KW, O] = shape;
  if (shape.length !== 4 || KH === undefined || KW === undefined || O === undefined)
    throw new ShapeError(
      op,
      `w must be [kernel height, kernel width, out, in] for x ${image}, got ${formatShape(shape)}`,
    );
  expectShape(op, 'w', w, [KH, KW, O, C], `input channels of x ${image}`);
  expectGroups(op, 'x', x, C, groups);
  if (bias)
    expectShape(
      op,
      'bias',
      bias,
      [O * groups],
      `output channels of w ${formatShape(shape)}${groups > 1 ? ` in ${groups} groups` : ''}`,
    );
  const [height, width] = transposedSize([H, W], [KH, KW], attrs);
  const size: [number, number] = [height + attrs.outputPad[0], width + attrs.outputPad[1]];
  if (size.some((d) => d < 1))
    throw new ShapeError(
      op,
      `the result for x ${image}, w ${formatShape(shape)} and pad ${formatShape(attrs.pad)} would have ${size.join(' × ')} pixels`,
    );
  return [N, ...size, O * groups];
}

export const convTranspose2dOp = defineOp({
  name: 'convTranspose2d',
  args,
  results,
  epilogue: 'y',
  unrolled: true,
  infer: ({ x, w, bias }, attrs: ConvTransposeAttrs) => ({
    y: { shape: resultShape(x, w, bias, attrs, 1), dtype: 'f32' },
  }),
  // y starts as b, and y[h·s + u·d − top] += x[h] · w[u]
  //   ⇒  gx[h] = Σ_u gy[h·s + u·d − top] · w[u],  gw[u] = Σ_h gy[h·s + u·d − top] · x[h],  gb = Σ_i gy[i]
  gradient: ({ x, w }, { y: gy }, { attrs, needs }) => {
    const window = windowOf(attrs);
    return {
      x: needs.x ? convolve(gy, w, window) : undefined,
      w: needs.w ? conv2dWeightGradient(gy, x, w.shape.slice(0, 2), window) : undefined,
      bias: needs.bias ? biasGradient(gy) : undefined,
    };
  },
  kernels: () => import('./kernels.js'),
  cost: (call) => convCost(call.arg, call.arg.x, call.arg.w),
});

/**
 * Returns the window of the convolution whose adjoint a transposed convolution is. Its padding below and on the right is
 * smaller by the output padding.
 */
function windowOf({ stride, pad, dilation, outputPad }: ConvTransposeAttrs): ConvAttrs {
  const [top, left, bottom, right] = pad;
  return { stride, pad: [top, left, bottom - outputPad[0], right - outputPad[1]], dilation };
}

/** Applies the op without groups. The attributes must have been checked. */
export function transposed(x: Tensor, w: Tensor, attrs: ConvTransposeAttrs, bias?: Tensor): Tensor {
  return apply(convTranspose2dOp, { x, w, bias }, attrs).y;
}

/**
 * Returns the transposed convolution of x with w, which is the adjoint of `conv2d`. The result y starts as the bias. Every
 * pixel x[n, h, l] then adds its product with w[u, v] to y[n, h·sh + u·dh − top, l·sw + v·dw − left] for all taps (u, v).
 * Positions outside y are dropped.
 *
 * x is [N, H, W, Cin], w [KH, KW, Cout, Cin] (PyTorch's IOHW permuted by 2, 3, 1, 0), and bias [Cout]. The result is
 * [N, Ho, Wo, Cout] with Ho = (H − 1)·sh − top − bottom + dh·(KH − 1) + 1 + outputPad, and Wo likewise. With `groups`, w
 * is [KH, KW, Cout / groups, Cin], and an input channel adds only to the output channels of its group.
 *
 * Throws `ShapeError` if shapes disagree, if the output padding is not less than the stride or the dilation, if stride,
 * pad or dilation is more than 32,767, or if the result has no pixels. The decoder blocks of the paper (Siarohin et al. 2018, §4) use 4×4 kernels with stride 2 and
 * pad 1, which double the size.
 */
export function convTranspose2d(...given: [x: Tensor, w: Tensor, options?: ConvTransposeOptions]): Tensor {
  const op = 'convTranspose2d';
  const kinds = { x: TENSOR, w: TENSOR, 'options?': { ...CONV, 'outputPad?': SIZES } };
  const [x, w, options = {}] = checked(op, kinds, given);
  const attrs = convAttrs(op, options);
  const outputPad = pair(op, 'outputPad', options.outputPad ?? 0, 0);
  const { stride, dilation } = attrs;
  const fits = (of: number, axis: 0 | 1) => of < stride[axis] || of < dilation[axis];
  if (!fits(outputPad[0], 0) || !fits(outputPad[1], 1))
    throw new ShapeError(
      op,
      `outputPad [${outputPad}] must be less than stride [${stride}]${dilation.some((d) => d > 1) ? ` or dilation [${dilation}]` : ''}`,
    );
  const { bias, groups = 1 } = options;
  const all = { ...attrs, outputPad };
  if (groups === 1) return transposed(x, w, all, bias);
  const shape = resultShape(x, w, bias, all, groups);
  // With one output channel per group, this is the input gradient of a depthwise convolution.
  if (w.shape[2] === 1) {
    const y = depthwiseInputGradient(x, w, { ...windowOf(all), shape });
    return bias ? binary('add', y, bias) : y;
  }
  return byGroups(groups, x, w, bias, (part, weights, b) => transposed(part, weights, all, b));
}
