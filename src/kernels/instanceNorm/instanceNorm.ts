import { apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import { expectShape, nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, oneOf, POSITIVE } from '../../gpu/arguments.js';
import { instanceNormGradientOp } from './gradient.js';
import type { Attrs, Mode } from './view.js';

const args = { x: strided, gamma: f32, beta: f32 };
const results = { y: strided, stats: f32 };

export type InstanceNormCall = CallOf<Attrs, typeof args, typeof results>;

/**
 * Computes y = γ (x − μ)·inverse + β, and the statistics [N, 3, groups] that its gradient needs: the mean, the inverse
 * scale and the coefficient k of the gradient.
 */
export const instanceNormOp = defineOp({
  name: 'instanceNorm',
  args,
  results,
  epilogue: 'y',
  infer: ({ x, gamma, beta }, { mode }: Attrs) => {
    const [n, , , c] = nhwc('instanceNorm', 'x', x);
    const groups = mode === 'channel' ? c : 1;
    const why = mode === 'channel' ? 'one per channel of x' : 'one for all channels in sample mode';
    expectShape('instanceNorm', 'gamma', gamma, [groups], why);
    expectShape('instanceNorm', 'beta', beta, [groups], why);
    return { y: x, stats: { shape: [n, 3, groups], dtype: 'f32' } };
  },
  gradient: ({ x, gamma }, { y: gy }, { attrs, outputs: { stats } }) => {
    if (!gy) return {};
    const { gx, ggamma, gbeta } = apply(instanceNormGradientOp, { x, stats, gamma, gy }, attrs);
    return { x: gx, gamma: ggamma, beta: gbeta };
  },
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x } }) => ({ flops: 6 * x.rows * x.channels, bytes: 8 * x.rows * x.channels }),
});

export interface InstanceNormOptions {
  mode?: Mode;
  /** Added to the variance (channel mode, 1e-5 when absent) or to the standard deviation (sample mode, 1e-3). */
  epsilon?: number;
}

/**
 * Normalises the instances of x [N, H, W, C] (spec §4). The result has the same shape.
 *
 * - mode `'channel'` (default): for each image and channel over H·W, y = γ_c (x − μ) / √(σ² + ε) + β_c; γ and β are [C].
 * - mode `'sample'` (the authors' code): for each image over H·W·C, y = γ (x − μ) / (σ + ε) + β; γ and β are [1].
 *
 * σ² is the population variance. A constant group gives β, and no NaN in the gradient. Throws `ShapeError` when x does
 * not have four dimensions, when γ or β has another shape, or when ε is not positive.
 */
export function instanceNorm(
  ...given: [x: Tensor, gamma: Tensor, beta: Tensor, options?: InstanceNormOptions]
): Tensor {
  const options = { 'mode?': oneOf('channel', 'sample'), 'epsilon?': POSITIVE };
  const kinds = { x: TENSOR, gamma: TENSOR, beta: TENSOR, 'options?': options };
  const [x, gamma, beta, { mode = 'channel', epsilon = mode === 'channel' ? 1e-5 : 1e-3 } = {}] = checked(
    'instanceNorm',
    kinds,
    given,
  );
  return apply(instanceNormOp, { x, gamma, beta }, { mode, epsilon }).y;
}
