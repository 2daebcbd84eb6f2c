import { aligned, apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import { formatShape, nhwc, type Shape, type Tensor } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { transposed } from '../convTranspose2d/convTranspose2d.js';
import { convolve } from './conv2d.js';
import { type ConvAttrs, convCost, convSize, dilated, leftOver } from './convolution.js';

export interface WeightGradientAttrs extends ConvAttrs {
  /** Kernel height and width. */
  readonly kernel: readonly [number, number];
}

const args = { x: aligned, gy: strided };
const results = { gw: f32 };

export type WeightGradientCall = CallOf<WeightGradientAttrs, typeof args, typeof results>;

export const conv2dWeightGradientOp = defineOp({
  name: 'conv2dWeightGradient',
  args,
  results,
  epilogue: 'gw',
  unrolled: true,
  infer: ({ x, gy }, attrs: WeightGradientAttrs) => {
    const op = 'conv2dWeightGradient';
    const [N, H, W, C] = nhwc(op, 'x', x);
    const [n, height, width, O] = nhwc(op, 'gy', gy);
    const size = convSize([H, W], attrs.kernel, attrs);
    const got = formatShape([n, height, width, O]);
    const from = `the result for x ${formatShape([N, H, W, C])} and kernel ${formatShape(attrs.kernel)}`;
    if (!size)
      throw new ShapeError(
        op,
        `kernel ${formatShape(attrs.kernel)}${dilated(attrs)} is larger than x ${formatShape([N, H, W, C])} with pad ${formatShape(attrs.pad)}`,
      );
    if (n !== N || height !== size[0] || width !== size[1])
      throw new ShapeError(op, `gy must be ${formatShape([N, ...size, O])} (${from}), got ${got}`);
    return { gw: { shape: [...attrs.kernel, C, O], dtype: 'f32' } };
  },
  // gw is linear in x and in gy. The gradient of gy is the convolution of x with g, and that of x is its input gradient.
  gradient: ({ x, gy }, { gw: g }, { attrs: { stride, pad, dilation }, needs }) => {
    const attrs = { stride, pad, dilation };
    return {
      x: needs.x ? transposed(gy, g, { ...attrs, outputPad: leftOver(x, g, gy, attrs) }) : undefined,
      gy: needs.gy ? convolve(x, g, attrs) : undefined,
    };
  },
  kernels: () => import('./weightGradientKernels.js'),
  cost: (call) => convCost(call.arg, call.arg.gy, call.arg.gw),
});

/**
 * Returns the gradient of a convolution's weights [KH, KW, Cx, Cg],
 * gw[u, v, c, o] = Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, c] · gy[n, i, j, o] over all pixels (n, i, j) of gy. The
 * windows slide over the image x [N, H, W, Cx], and gy [N, Ho, Wo, Cg] has one pixel per window. For a transposed
 * convolution, x and gy are exchanged. Throws `ShapeError` if gy is not the shape of the convolution's result.
 */
export function conv2dWeightGradient(x: Tensor, gy: Tensor, kernel: Shape, attrs: ConvAttrs): Tensor {
  const [KH = 0, KW = 0] = kernel;
  const { stride, pad, dilation } = attrs;
  return apply(conv2dWeightGradientOp, { x, gy }, { kernel: [KH, KW], stride, pad, dilation }).gw;
}
