import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, INTEGER, NUMBER } from '../../gpu/arguments.js';

export interface ShiftAttrs {
  rows: number;
  cols: number;
  /** Value of what comes in from beyond the image. */
  outside: number;
}

export const shift2dOp: Op<ShiftAttrs> = {
  name: 'shift2d',
  args: ['x'],
  results: ['y'],
  strided: ['x', 'y'],
  infer: ([x]) => {
    nhwc('shift2d', 'x', x as Tensor);
    return [x as Tensor];
  },
  // y(p) = x(p + s)  ⇒  gx(p) = gy(p − s), 0 where p − s is outside
  gradient: (node, [gy]) => {
    const { rows, cols } = node.attrs as ShiftAttrs;
    return [gy && applyOne(shift2dOp, [gy], { rows: -rows, cols: -cols, outside: 0 })];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'x');
    return { flops: 0, bytes: 8 * rows * channels };
  },
};

/**
 * Images x [N, H, W, C] moved by whole pixels: y[n, i, j, c] = x[n, i + rows, j + cols, c], and `outside` (0 when absent)
 * where that lies beyond the image. The result has the shape of x. Throws `ShapeError`.
 */
export function shift2d(...args: [x: Tensor, shift: { rows: number; cols: number; outside?: number }]): Tensor {
  const kinds = { x: TENSOR, shift: { rows: INTEGER, cols: INTEGER, 'outside?': NUMBER } };
  const [x, { rows, cols, outside = 0 }] = checked('shift2d', kinds, args);
  return applyOne(shift2dOp, [x], { rows, cols, outside });
}
