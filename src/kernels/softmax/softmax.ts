import type { Arg } from '../../autograd/kernel.js';
import { apply, type CallOf, type Cost, defineOp, type Op, strided } from '../../autograd/op.js';
import { TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';

const args = { x: strided };
const results = { y: strided };
const gradientArgs = { y: strided, gy: strided };
const gradientResults = { gx: strided };

export type SoftmaxCall = CallOf<null, typeof args, typeof results>;
export type SoftmaxGradientCall = CallOf<null, typeof gradientArgs, typeof gradientResults>;

type SoftmaxOp = Op<null, typeof args, typeof results>;
type SoftmaxGradientOp = Op<null, typeof gradientArgs, typeof gradientResults>;

const costOf = (passes: number, arg: Readonly<Record<string, Arg>>): Cost => {
  const size = Math.max(...Object.values(arg).map(({ rows, channels }) => rows * channels));
  return { flops: passes * size, bytes: 4 * size * Object.keys(arg).length };
};

/** Makes the op for the gradient of x from y and that of y, for the softmax or its logarithm. */
function gradientOp(name: string, log: boolean): SoftmaxGradientOp {
  return defineOp({
    name,
    args: gradientArgs,
    results: gradientResults,
    epilogue: 'gx',
    infer: ({ y }) => ({ gx: y }),
    kernels: async () => ({ kernels: (await import('./kernels.js')).gradientKernels(name, log) }),
    cost: ({ arg }) => costOf(log ? 5 : 4, arg),
  });
}

// y_c = e^x_c / s  ⇒  ∂y_c/∂x_k = y_c · ([c = k] − y_k)  ⇒  gx_k = y_k · (gy_k − Σ_c y_c · gy_c)
export const softmaxGradientOp = gradientOp('softmaxGradient', false);
// y_c = x_c − log s  ⇒  ∂y_c/∂x_k = [c = k] − e^y_k  ⇒  gx_k = gy_k − e^y_k · Σ_c gy_c
export const logSoftmaxGradientOp = gradientOp('logSoftmaxGradient', true);

function softmaxOpOf(name: string, gradient: SoftmaxGradientOp, log: boolean): SoftmaxOp {
  return defineOp({
    name,
    args,
    results,
    epilogue: 'y',
    infer: ({ x }) => ({ y: x }),
    gradient: (_, { y: gy }, { outputs: { y } }) => ({ x: apply(gradient, { y, gy }, null).gx }),
    kernels: async () => ({ kernels: (await import('./kernels.js')).softmaxKernels(name, log) }),
    cost: ({ arg }) => costOf(5, arg),
  });
}

/** y = eˣ / Σ eˣ over each row. */
export const softmaxOp = softmaxOpOf('softmax', softmaxGradientOp, false);
/** y = x − log Σ eˣ over each row. */
export const logSoftmaxOp = softmaxOpOf('logSoftmax', logSoftmaxGradientOp, true);

/**
 * Returns eˣ / Σ eˣ over the last dimension of x [..., C]. It subtracts the largest x of each row first, so nothing
 * overflows. A row with NaN or +∞ becomes NaN, as in PyTorch.
 */
export function softmax(...given: [x: Tensor]): Tensor {
  const [x] = checked('softmax', { x: TENSOR }, given);
  return apply(softmaxOp, { x }, null).y;
}

/**
 * Returns the logarithm of `softmax`, x − log Σ eˣ over the last dimension of x [..., C], which keeps the digits of
 * small probabilities.
 */
export function logSoftmax(...given: [x: Tensor]): Tensor {
  const [x] = checked('logSoftmax', { x: TENSOR }, given);
  return apply(logSoftmaxOp, { x }, null).y;
}
