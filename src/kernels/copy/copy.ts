import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';

/** y = x, from one channel range to another. The compiler inserts it where a concatenation or slice cannot be free. */
export const copyOp: Op<null> = {
  name: 'copy',
  args: ['x'],
  results: ['y'],
  strided: ['x', 'y'],
  infer: ([x]) => [x as Tensor],
  gradient: (_, [gy]) => [gy],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => ({ flops: 0, bytes: 8 * arg(call, 'y').rows * arg(call, 'y').channels }),
};

/** A copy of `x` in storage of its own. */
export function copy(...args: [x: Tensor]): Tensor {
  return applyOne(copyOp, checked('copy', { x: TENSOR }, args), null);
}
