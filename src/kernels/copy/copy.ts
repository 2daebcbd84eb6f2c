import { apply, type CallOf, defineOp } from '../../autograd/op.js';
import { TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';

/** A copy moves elements of any type. */
const moved = { strided: true } as const;
const args = { x: moved };
const results = { y: moved };

export type CopyCall = CallOf<null, typeof args, typeof results>;

/** y = x, from one channel range to another. The compiler inserts it where a concatenation or slice needs a copy. */
export const copyOp = defineOp({
  name: 'copy',
  args,
  results,
  infer: ({ x }, _: null) => ({ y: x }),
  gradient: (_, { y: gy }) => ({ x: gy }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { y } }) => ({ flops: 0, bytes: 8 * y.rows * y.channels }),
});

/** Returns a copy of `x` in storage of its own. */
export function copy(...given: [x: Tensor]): Tensor {
  const [x] = checked('copy', { x: TENSOR }, given);
  return apply(copyOp, { x }, null).y;
}
