import { type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import type { Attrs } from './view.js';

const args = { x: strided, stats: f32, gamma: f32, gy: strided };
const results = { gx: strided, ggamma: f32, gbeta: f32 };

export type InstanceNormGradientCall = CallOf<Attrs, typeof args, typeof results>;

/**
 * Computes the gradients of instance normalisation. If s is the inverse scale, d = x − μ, and means are over a group,
 *
 *     gx = γ·s·(gy − mean(gy) − d·k·mean(gy·d)),   gγ = Σ s·gy·d,   gβ = Σ gy,
 *
 * where k is s² when s = 1/√(σ² + ε), and s/σ when s = 1/(σ + ε) (0 when σ is 0).
 */
export const instanceNormGradientOp = defineOp({
  name: 'instanceNormGradient',
  args,
  results,
  epilogue: 'gx',
  infer: ({ x, gamma }, _: Attrs) => ({ gx: x, ggamma: gamma, gbeta: gamma }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { x } }) => ({ flops: 9 * x.rows * x.channels, bytes: 12 * x.rows * x.channels }),
});
