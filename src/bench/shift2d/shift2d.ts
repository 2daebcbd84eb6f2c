import { apply, type CallOf, type Cost, defineOp, strided } from '../../autograd/op.js';
import { nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, INTEGER, NUMBER } from '../../gpu/arguments.js';

export interface ShiftAttrs {
  rows: number;
  cols: number;
  /** The value of pixels beyond the image. */
  outside: number;
}

const args = { x: strided };
const results = { y: strided };

export type ShiftCall = CallOf<ShiftAttrs, typeof args, typeof results>;

export const shift2dOp = defineOp({
  name: 'shift2d',
  args,
  results,
  infer: ({ x }, _: ShiftAttrs) => {
    nhwc('shift2d', 'x', x);
    return { y: x };
  },
  // y(p) = x(p + s)  ⇒  gx(p) = gy(p − s), 0 where p − s is outside
  gradient: (_, { y: gy }, { attrs: { rows, cols } }) => ({
    x: shift2d(gy, { rows: -rows, cols: -cols }),
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x } }): Cost => ({ flops: 0, bytes: 8 * x.rows * x.channels }),
});

/**
 * Shifts images x [N, H, W, C] by whole pixels: y[n, i, j, c] = x[n, i + rows, j + cols, c], or `outside` (default 0)
 * where that lies beyond the image. The result has the shape of x. Throws `ShapeError`.
 */
export function shift2d(...given: [x: Tensor, shift: { rows: number; cols: number; outside?: number }]): Tensor {
  const kinds = { x: TENSOR, shift: { rows: INTEGER, cols: INTEGER, 'outside?': NUMBER } };
  const [x, { rows, cols, outside = 0 }] = checked('shift2d', kinds, given);
  return apply(shift2dOp, { x }, { rows, cols, outside }).y;
}
