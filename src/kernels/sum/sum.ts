import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import {
  channelsOf,
  expectShape,
  formatShape,
  nhwc,
  rowsOf,
  SHAPE,
  type Shape,
  sizeOf,
  TENSOR,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { checked, type Kind, NUMBER, oneOf } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

/** What a sum runs over: everything, all but the last dimension, height and width, or the last dimension. */
export type Over = 'all' | 'rows' | 'pixels' | 'channels';

const OVER: Kind = /* @__PURE__ */ oneOf('all', 'rows', 'pixels', 'channels');

export interface SumAttrs {
  over: Over;
  factor: number;
}

/** A tensor seen as outer × mid × inner, of which a sum removes mid. */
interface View {
  readonly outer: number;
  readonly mid: number;
  readonly inner: number;
  /** Shape of the sum. */
  readonly reduced: Shape;
}

export function viewOf(op: string, x: TensorType, over: Over): View {
  const { shape } = x;
  const channels = channelsOf(shape);
  if (over === 'all') return { outer: 1, mid: sizeOf(shape), inner: 1, reduced: [1] };
  if (over === 'rows') return { outer: 1, mid: rowsOf(shape), inner: channels, reduced: [channels] };
  if (over === 'channels') {
    const reduced = shape.length > 1 ? shape.slice(0, -1) : [1];
    return { outer: rowsOf(shape), mid: channels, inner: 1, reduced };
  }
  const [n, h, w, c] = nhwc(op, op === 'broadcast' ? 'y' : 'x', x);
  return { outer: n, mid: h * w, inner: c, reduced: [n, c] };
}

/** y = factor · the sum of x over some dimensions. */
export const sumOp: Op<SumAttrs> = {
  name: 'sum',
  args: ['x'],
  results: ['y'],
  strided: ['x'],
  infer: ([x], { over }) => {
    const { dtype } = x as TensorType;
    if (dtype !== 'f32') throw new ShapeError('sum', `x must be f32, got ${dtype}`);
    return [{ shape: viewOf('sum', x as TensorType, over).reduced, dtype }];
  },
  // every x[o, m, k] enters y[o, k] once  ⇒  gx[o, m, k] = factor · gy[o, k]
  gradient: (node, [gy]) => {
    const { over, factor } = node.attrs as SumAttrs;
    return [gy && broadcast(gy, (node.inputs[0] as Tensor).shape, over, factor)];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).sumVariants),
  cost: (call) => {
    const x = arg(call, 'x');
    const y = arg(call, 'y');
    return { flops: x.rows * x.channels, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) };
  },
};

export interface BroadcastAttrs extends SumAttrs {
  shape: Shape;
}

/** y = factor · x repeated over the dimensions that a sum would remove; the adjoint of `sumOp`. */
export const broadcastOp: Op<BroadcastAttrs> = {
  name: 'broadcast',
  args: ['x'],
  results: ['y'],
  strided: ['y'],
  infer: ([x], { over, shape }) => {
    const type: TensorType = { shape, dtype: 'f32' };
    const { reduced } = viewOf('broadcast', type, over);
    expectShape('broadcast', 'x', x as TensorType, reduced, `the sum of ${formatShape(shape)} over ${over}`);
    return [type];
  },
  // x[o, k] enters every y[o, m, k]  ⇒  gx[o, k] = factor · Σ_m gy[o, m, k]
  gradient: (node, [gy]) => {
    const { over, factor } = node.attrs as BroadcastAttrs;
    return [gy && applyOne(sumOp, [gy], { over, factor })];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).broadcastVariants),
  cost: (call) => {
    const x = arg(call, 'x');
    const y = arg(call, 'y');
    return { flops: y.rows * y.channels, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) };
  },
};

/**
 * Sum of x: over everything (`'all'` → [1]), over all rows (`'rows'`: [..., C] → [C]), over height and width (`'pixels'`:
 * [N, H, W, C] → [N, C]) or over the last dimension (`'channels'`: [..., C] → [...], of rank 1 → [1]). `ShapeError` when
 * `'pixels'` is asked of a tensor that is not [N, H, W, C].
 */
export function sum(...args: [x: Tensor, over?: Over]): Tensor {
  const [x, over = 'all'] = checked('sum', { x: TENSOR, 'over?': OVER }, args);
  return applyOne(sumOp, [x], { over, factor: 1 });
}

/** Arithmetic mean of x, over the same choices as `sum`. */
export function mean(...args: [x: Tensor, over?: Over]): Tensor {
  const [x, over = 'all'] = checked('mean', { x: TENSOR, 'over?': OVER }, args);
  const { mid } = viewOf('mean', x, over);
  return applyOne(sumOp, [x], { over, factor: 1 / mid }, 'mean');
}

/**
 * x repeated to `shape` over the dimensions that `sum(…, over)` would remove, times `factor`. `ShapeError` unless x has the
 * shape of that sum.
 */
export function broadcast(...args: [x: Tensor, shape: Shape, over?: Over, factor?: number]): Tensor {
  const kinds = { x: TENSOR, shape: SHAPE, 'over?': OVER, 'factor?': NUMBER };
  const [x, shape, over = 'all', factor = 1] = checked('broadcast', kinds, args);
  return applyOne(broadcastOp, [x], { over, shape, factor });
}
