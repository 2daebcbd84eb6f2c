import { onDemand } from '../../autograd/on-demand.js';
import { arg, type Op } from '../../autograd/op.js';
import type { TensorType } from '../../autograd/tensor.js';
import type { Attrs } from './view.js';

/**
 * Gradients of instance normalisation. With s the inverse scale, d = x − μ and means over a group,
 *
 *     gx = γ·s·(gy − mean(gy) − d·k·mean(gy·d)),   gγ = Σ s·gy·d,   gβ = Σ gy,
 *
 * where k is s² when s = 1/√(σ² + ε), and s/σ (0 when σ is) when s = 1/(σ + ε).
 */
export const instanceNormGradientOp: Op<Attrs> = {
  name: 'instanceNormGradient',
  args: ['x', 'stats', 'gamma', 'gy'],
  results: ['gx', 'ggamma', 'gbeta'],
  epilogue: 'gx',
  strided: ['x', 'gy', 'gx'],
  infer: ([x, , gamma]) => [x as TensorType, gamma as TensorType, gamma as TensorType],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./gradientKernels.js')).variants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'x');
    return { flops: 9 * rows * channels, bytes: 12 * rows * channels };
  },
};
