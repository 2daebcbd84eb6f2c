import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, type Op } from '../../autograd/op.js';
import { expectShape, formatShape, nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { convTranspose2d } from '../convTranspose2d/convTranspose2d.js';
import { biasGradient } from './biasGradient.js';
import { conv2dWeightGradient } from './conv2dWeightGradient.js';
import { CONV, type ConvAttrs, type ConvOptions, convAttrs, convCost, convSize, leftOver } from './convolution.js';

export const conv2dOp: Op<ConvAttrs> = {
  name: 'conv2d',
  args: ['x', 'w', 'bias?'],
  results: ['y'],
  epilogue: 'y',
  unrolled: true,
  strided: ['x', 'y'],
  aligned: ['x'],
  infer: ([x, w, bias], attrs) => {
    const [N, H, W, C] = nhwc('conv2d', 'x', x as Tensor);
    const { shape } = w as Tensor;
    const image = formatShape([N, H, W, C]);
    const [KH, KW, , O] = shape;
    if (shape.length !== 4 || KH === undefined || KW === undefined || O === undefined)
      throw new ShapeError(
        'conv2d',
        `w must be [kernel height, kernel width, in, out] for x ${image}, got ${formatShape(shape)}`,
      );
    expectShape('conv2d', 'w', w as Tensor, [KH, KW, C, O], `input channels of x ${image}`);
    if (bias) expectShape('conv2d', 'bias', bias, [O], `output channels of w ${formatShape(shape)}`);
    const size = convSize([H, W], [KH, KW], attrs);
    if (!size)
      throw new ShapeError(
        'conv2d',
        `w ${formatShape(shape)} is larger than x ${image} with pad ${formatShape(attrs.pad)}`,
      );
    return [{ shape: [N, ...size, O], dtype: 'f32' }];
  },
  // y[i] = Σ_u x[i·s + u − top] · w[u] + b
  //   ⇒  gx[h] = Σ_u gy[(h + top − u)/s] · w[u],  gw[u] = Σ_i x[i·s + u − top] · gy[i],  gb = Σ_i gy[i]
  gradient: (node, [gy], needs) => {
    if (!gy) return [];
    const [x, w] = node.inputs as [Tensor, Tensor];
    const attrs = node.attrs as ConvAttrs;
    return [
      needs[0] ? convTranspose2d(gy, w, { ...attrs, outputPad: leftOver(x, w, gy, attrs) }) : undefined,
      needs[1] ? conv2dWeightGradient(x, gy, w.shape.slice(0, 2), attrs) : undefined,
      needs[2] ? biasGradient(gy) : undefined,
    ];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => convCost(call, 'y'),
};

/**
 * Convolution (cross-correlation, as in PyTorch), summed over the taps u, v and channels c, x being 0 outside:
 * y[n, i, j, o] = Σ x[n, i·sh + u − top, j·sw + v − left, c] · w[u, v, c, o] + bias[o].
 *
 * x [N, H, W, Cin], w [KH, KW, Cin, Cout], bias [Cout]; the result is [N, Ho, Wo, Cout] with
 * Ho = ⌊(H + top + bottom − KH) / sh⌋ + 1. Throws `ShapeError` when shapes disagree, the kernel is larger than the
 * padded image, or stride and pad are no such integers.
 *
 * The blocks CN of the paper (Siarohin et al. 2018, §4): 3×3 pad 1, or 4×4 stride 2 pad 1.
 */
export function conv2d(...args: [x: Tensor, w: Tensor, options?: ConvOptions]): Tensor {
  const [x, w, options = {}] = checked('conv2d', { x: TENSOR, w: TENSOR, 'options?': CONV }, args);
  return applyOne(conv2dOp, [x, w, options.bias], convAttrs('conv2d', options));
}
