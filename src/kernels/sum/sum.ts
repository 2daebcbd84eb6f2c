import { apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import {
  expectShape,
  formatShape,
  SHAPE,
  type Shape,
  TENSOR,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { checked, type Kind, NUMBER, oneOf } from '../../gpu/arguments.js';
import { type Over, viewOf } from './view.js';

const OVER: Kind = /* @__PURE__ */ oneOf('all', 'rows', 'pixels', 'channels');

export interface SumAttrs {
  over: Over;
  factor: number;
}

const args = { x: strided };
const results = { y: f32 };

export type SumCall = CallOf<SumAttrs, typeof args, typeof results>;

/** y is factor times the sum of x over some dimensions. */
export const sumOp = defineOp({
  name: 'sum',
  args,
  results,
  infer: ({ x }, { over }: SumAttrs) => ({ y: { shape: viewOf('sum', x, over).reduced, dtype: 'f32' } }),
  // every x[o, m, k] enters y[o, k] once  ⇒  gx[o, m, k] = factor · gy[o, k]
  gradient: ({ x }, { y: gy }, { attrs: { over, factor } }) => ({ x: broadcast(gy, x.shape, over, factor) }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, y } }) => ({
    flops: x.rows * x.channels,
    bytes: 4 * (x.rows * x.channels + y.rows * y.channels),
  }),
});

export interface BroadcastAttrs extends SumAttrs {
  shape: Shape;
}

const broadcastArgs = { x: f32 };
const broadcastResults = { y: strided };

export type BroadcastCall = CallOf<BroadcastAttrs, typeof broadcastArgs, typeof broadcastResults>;

/** y is factor times x, repeated over the dimensions that a sum would remove. It is the adjoint of `sumOp`. */
export const broadcastOp = defineOp({
  name: 'broadcast',
  args: broadcastArgs,
  results: broadcastResults,
  epilogue: 'y',
  infer: ({ x }, { over, shape }: BroadcastAttrs) => {
    const y: TensorType = { shape, dtype: 'f32' };
    const { reduced } = viewOf('broadcast', y, over);
    expectShape('broadcast', 'x', x, reduced, `the sum of ${formatShape(shape)} over ${over}`);
    return { y };
  },
  // x[o, k] enters every y[o, m, k]  ⇒  gx[o, k] = factor · Σ_m gy[o, m, k]
  gradient: (_, { y: gy }, { attrs: { over, factor } }) => ({ x: apply(sumOp, { x: gy }, { over, factor }).y }),
  kernels: () => import('./broadcastKernels.js'),
  cost: ({ arg: { x, y } }) => ({
    flops: y.rows * y.channels,
    bytes: 4 * (x.rows * x.channels + y.rows * y.channels),
  }),
});

/**
 * Sums x over everything (`'all'` → [1]), over all rows (`'rows'`: [..., C] → [C]), over height and width (`'pixels'`:
 * [N, H, W, C] → [N, C]) or over the last dimension (`'channels'`: [..., C] → [...], but rank 1 → [1]). Throws
 * `ShapeError` for `'pixels'` of a tensor that is not [N, H, W, C].
 */
export function sum(...given: [x: Tensor, over?: Over]): Tensor {
  const [x, over = 'all'] = checked('sum', { x: TENSOR, 'over?': OVER }, given);
  return apply(sumOp, { x }, { over, factor: 1 }).y;
}

/** Returns the arithmetic mean of x over the same dimensions as `sum`. */
export function mean(...given: [x: Tensor, over?: Over]): Tensor {
  const [x, over = 'all'] = checked('mean', { x: TENSOR, 'over?': OVER }, given);
  const { mid } = viewOf('mean', x, over);
  return apply(sumOp, { x }, { over, factor: 1 / mid }, 'mean').y;
}

/**
 * Repeats x over the dimensions that `sum(…, over)` would remove from `shape`, times `factor`. The result has this
 * `shape`. Throws `ShapeError` unless x has the shape of that sum.
 */
export function broadcast(...given: [x: Tensor, shape: Shape, over?: Over, factor?: number]): Tensor {
  const kinds = { x: TENSOR, shape: SHAPE, 'over?': OVER, 'factor?': NUMBER };
  const [x, shape, over = 'all', factor = 1] = checked('broadcast', kinds, given);
  return apply(broadcastOp, { x }, { over, shape: [...shape], factor }).y;
}
