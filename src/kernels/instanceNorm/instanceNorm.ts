import { onDemand } from '../../autograd/on-demand.js';
import { apply, arg, type Op } from '../../autograd/op.js';
import { expectShape, nhwc, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, oneOf, POSITIVE } from '../../gpu/arguments.js';
import { instanceNormGradientOp } from './gradient.js';
import type { Attrs, Mode } from './view.js';

/**
 * y = γ (x − μ)·inverse + β, and the statistics [N, 3, groups] that its gradient needs: mean, inverse scale and the coefficient
 * k of the gradient.
 */
export const instanceNormOp: Op<Attrs> = {
  name: 'instanceNorm',
  args: ['x', 'gamma', 'beta'],
  results: ['y', 'stats'],
  epilogue: 'y',
  strided: ['x', 'y'],
  infer: ([x, gamma, beta], { mode }) => {
    const [n, , , c] = nhwc('instanceNorm', 'x', x as TensorType);
    const groups = mode === 'channel' ? c : 1;
    const why = mode === 'channel' ? 'one per channel of x' : 'one for all channels in sample mode';
    expectShape('instanceNorm', 'gamma', gamma as TensorType, [groups], why);
    expectShape('instanceNorm', 'beta', beta as TensorType, [groups], why);
    return [x as TensorType, { shape: [n, 3, groups], dtype: 'f32' }];
  },
  gradient: (node, [gy]) => {
    const [x, gamma] = node.inputs;
    if (!gy) return [];
    return [...apply(instanceNormGradientOp, [x, node.outputs[1], gamma, gy], node.attrs as Attrs).outputs];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'x');
    return { flops: 6 * rows * channels, bytes: 8 * rows * channels };
  },
};

export interface InstanceNormOptions {
  mode?: Mode;
  /** Added to the variance (channel mode, 1e-5 when absent) or to the standard deviation (sample mode, 1e-3). */
  epsilon?: number;
}

/**
 * Instance normalisation of x [N, H, W, C] (spec §4), result of the same shape.
 *
 * - mode `'channel'` (default): for each image and channel over H·W, y = γ_c (x − μ) / √(σ² + ε) + β_c; γ and β are [C].
 * - mode `'sample'` (the authors' code): for each image over H·W·C, y = γ (x − μ) / (σ + ε) + β; γ and β are [1].
 *
 * σ² is the population variance. A constant group gives β, and no NaN in the gradient. `ShapeError` when x has not four
 * dimensions, when γ or β have another shape, or when ε is not positive.
 */
export function instanceNorm(...args: [x: Tensor, gamma: Tensor, beta: Tensor, options?: InstanceNormOptions]): Tensor {
  const options = { 'mode?': oneOf('channel', 'sample'), 'epsilon?': POSITIVE };
  const kinds = { x: TENSOR, gamma: TENSOR, beta: TENSOR, 'options?': options };
  const [x, gamma, beta, { mode = 'channel', epsilon = mode === 'channel' ? 1e-5 : 1e-3 } = {}] = checked(
    'instanceNorm',
    kinds,
    args,
  );
  return apply(instanceNormOp, [x, gamma, beta], { mode, epsilon }).outputs[0] as Tensor;
}
