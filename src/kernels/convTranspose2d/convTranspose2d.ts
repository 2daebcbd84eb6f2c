import { apply, type CallOf, defineOp, f32, optional, strided } from '../../autograd/op.js';
import { expectShape, formatShape, nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, SIZES } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { biasGradient } from '../conv2d/biasGradient.js';
import { conv2d } from '../conv2d/conv2d.js';
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

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added below and on the right, less than the stride, or [vertical, horizontal]; 0 when absent. */
  outputPad?: number | readonly [number, number];
}

export interface ConvTransposeAttrs extends ConvAttrs {
  readonly outputPad: readonly [number, number];
}

const args = { x: strided, w: f32, bias: optional };
const results = { y: strided };

export type ConvTranspose2dCall = CallOf<ConvTransposeAttrs, typeof args, typeof results>;

export const convTranspose2dOp = defineOp({
  name: 'convTranspose2d',
  args,
  results,
  epilogue: 'y',
  unrolled: true,
  infer: ({ x, w, bias }, attrs: ConvTransposeAttrs) => {
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
    if (bias) expectShape(op, 'bias', bias, [O], `output channels of w ${formatShape(shape)}`);
    const [height, width] = transposedSize([H, W], [KH, KW], attrs);
    const size = [height + attrs.outputPad[0], width + attrs.outputPad[1]];
    if (size.some((d) => d < 1))
      throw new ShapeError(
        op,
        `x ${image} and w ${formatShape(shape)} with pad ${formatShape(attrs.pad)} leave ${size.join(' × ')} pixels`,
      );
    return { y: { shape: [N, ...size, O], dtype: 'f32' } };
  },
  // y[h·s + u − top] += x[h] · w[u], from b
  //   ⇒  gx[h] = Σ_u gy[h·s + u − top] · w[u],  gw[u] = Σ_h gy[h·s + u − top] · x[h],  gb = Σ_i gy[i]
  gradient: ({ x, w }, { y: gy }, { attrs: { stride, pad }, needs }) => ({
    x: needs.x ? conv2d(gy, w, { stride, pad }) : undefined,
    w: needs.w ? conv2dWeightGradient(gy, x, w.shape.slice(0, 2), { stride, pad }) : undefined,
    bias: needs.bias ? biasGradient(gy) : undefined,
  }),
  kernels: () => import('./kernels.js'),
  cost: (call) => convCost(call.arg, call.arg.x, call.arg.w),
});

/**
 * Transposed convolution, the adjoint of `conv2d`: every pixel x[n, h, l] adds x · w[u, v] to
 * y[n, h·sh + u − top, l·sw + v − left], which starts from the bias; what falls outside is cut off.
 *
 * x [N, H, W, Cin], w [KH, KW, Cout, Cin] (PyTorch's IOHW permuted by 2, 3, 1, 0), bias [Cout]; the result is
 * [N, Ho, Wo, Cout] with Ho = (H − 1)·sh − top − bottom + KH + outputPad. Throws `ShapeError` when shapes disagree, the
 * output padding is not less than the stride, or nothing is left.
 *
 * The decoder blocks of the paper (Siarohin et al. 2018, §4): 4×4 stride 2 pad 1, which doubles the size.
 */
export function convTranspose2d(...given: [x: Tensor, w: Tensor, options?: ConvTransposeOptions]): Tensor {
  const op = 'convTranspose2d';
  const kinds = { x: TENSOR, w: TENSOR, 'options?': { ...CONV, 'outputPad?': SIZES } };
  const [x, w, options = {}] = checked(op, kinds, given);
  const attrs = convAttrs(op, options);
  const outputPad = pair(op, 'outputPad', options.outputPad ?? 0, 0);
  if (outputPad[0] >= attrs.stride[0] || outputPad[1] >= attrs.stride[1])
    throw new ShapeError(op, `outputPad [${outputPad}] must be less than stride [${attrs.stride}]`);
  return apply(convTranspose2dOp, { x, w, bias: options.bias }, { ...attrs, outputPad }).y;
}
