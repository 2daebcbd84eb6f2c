import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { channelsOf, type Tensor } from '../../autograd/tensor.js';

export const biasGradientOp: Op<null> = {
  name: 'biasGradient',
  args: ['gy'],
  results: ['gb'],
  strided: ['gy'],
  infer: ([gy]) => [{ shape: [channelsOf((gy as Tensor).shape)], dtype: 'f32' }],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./biasGradientKernels.js')).variants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'gy');
    return { flops: rows * channels, bytes: 4 * (rows + 1) * channels };
  },
};

/** Gradient of a bias added to every pixel: gb[c] = Σ gy[…, c]; gy [..., C] to [C]. */
export function biasGradient(gy: Tensor): Tensor {
  return applyOne(biasGradientOp, [gy], null);
}
