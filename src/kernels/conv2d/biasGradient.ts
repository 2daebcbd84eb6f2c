import { apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import { channelsOf, type Tensor } from '../../autograd/tensor.js';

const args = { gy: strided };
const results = { gb: f32 };

export type BiasGradientCall = CallOf<null, typeof args, typeof results>;

export const biasGradientOp = defineOp({
  name: 'biasGradient',
  args,
  results,
  infer: ({ gy }, _: null) => ({ gb: { shape: [channelsOf(gy.shape)], dtype: 'f32' } }),
  kernels: () => import('./biasGradientKernels.js'),
  cost: ({ arg: { gy } }) => ({ flops: gy.rows * gy.channels, bytes: 4 * (gy.rows + 1) * gy.channels }),
});

/** Returns the gradient [C] of a bias that was added to every pixel: gb[c] = Σ gy[…, c] for gy [..., C]. */
export function biasGradient(gy: Tensor): Tensor {
  return apply(biasGradientOp, { gy }, null).gb;
}
