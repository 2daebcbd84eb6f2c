import broadcastCode from '../../../shaders/sum/broadcast.wgsl?raw';
import broadcastVec4Code from '../../../shaders/sum/broadcast-vec4.wgsl?raw';
import combineCode from '../../../shaders/sum/combine.wgsl?raw';
import naiveCode from '../../../shaders/sum/naive.wgsl?raw';
import partialCode from '../../../shaders/sum/partial.wgsl?raw';
import treeCode from '../../../shaders/sum/tree.wgsl?raw';
import treeCombineCode from '../../../shaders/sum/tree-combine.wgsl?raw';
import { applyOne, arg, type Dispatch, grid, type Op, vec4Ready } from '../../autograd/op.js';
import {
  channelsOf,
  expectShape,
  formatShape,
  nhwc,
  rowsOf,
  type Shape,
  sizeOf,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { shader } from '../../gpu/shader.js';

/** What a sum runs over: everything, all but the last dimension, height and width, or the last dimension. */
export type Over = 'all' | 'rows' | 'pixels' | 'channels';

interface SumAttrs {
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

function viewOf(op: string, x: TensorType, over: Over): View {
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

const naive = shader('sum/naive', naiveCode);
const partial = shader('sum/partial', partialCode);
const combineShader = shader('sum/combine', combineCode);
const tree = shader('sum/tree', treeCode);
const treeCombineShader = shader('sum/tree-combine', treeCombineCode);
const broadcastNaive = shader('broadcast/naive', broadcastCode);
const broadcastVec4 = shader('broadcast/vec4', broadcastVec4Code);

/** Partial sums per result that make both stages of a two-stage sum of `count` terms equally long. */
export const chunksFor = (count: number): number => Math.ceil(Math.sqrt(count));

/** The second stage of a two-stage sum: y[o, k] = factor · Σ_j partial[o, j, k], from scratch `partial` to result `y`. */
export function combine(outer: number, chunks: number, inner: number, factor: number): Dispatch {
  const count = outer * inner;
  return { shader: combineShader, params: { count, inner, chunks, factor }, workgroups: grid(count, 64) };
}

/** Terms from which on a sum is worth a tree of workgroups. */
export const TREE_TERMS = 2048;

/** Workgroups of 256 that share a sum of `count` terms: four terms an invocation, more where one would add too many of them. */
export const treeChunksFor = (count: number): number => Math.min(1024, Math.ceil(count / 1024));

/** The second stage of a tree: y[o] = factor · Σ_j partial[o, j], from scratch `partial` to result `y`. */
export function treeCombine(outer: number, chunks: number, factor: number): Dispatch {
  return { shader: treeCombineShader, params: { chunks, factor }, workgroups: [outer, 1, 1] };
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
  variants: [
    {
      name: 'tree',
      rejects: (call) => {
        const { outer, mid, inner } = viewOf('sum', arg(call, 'x'), call.attrs.over);
        return (inner > 1 || mid < TREE_TERMS || outer > 256) && 'it is for few, long sums of neighbouring elements';
      },
      avoid: ({ device }) => device.software,
      launch: (call) => {
        const x = arg(call, 'x');
        const { outer, mid } = viewOf('sum', x, call.attrs.over);
        const chunks = treeChunksFor(mid);
        const params = { mid, chunks, channels: x.channels };
        return {
          scratch: { partial: outer * chunks },
          dispatches: [
            { shader: tree, params, workgroups: [chunks, outer, 1] },
            treeCombine(outer, chunks, call.attrs.factor),
          ],
        };
      },
    },
    {
      name: 'split',
      rejects: (call) => {
        const { outer, mid, inner } = viewOf('sum', arg(call, 'x'), call.attrs.over);
        return (mid < 16 || outer * inner >= 16384) && 'short sums or many results keep the device busy unsplit';
      },
      launch: (call) => {
        const x = arg(call, 'x');
        const { outer, mid, inner } = viewOf('sum', x, call.attrs.over);
        const chunks = chunksFor(mid);
        const count = outer * chunks * inner;
        const params = { count, mid, inner, chunks, channels: x.channels };
        return {
          scratch: { partial: count },
          dispatches: [
            { shader: partial, params, workgroups: grid(count, 64) },
            combine(outer, chunks, inner, call.attrs.factor),
          ],
        };
      },
    },
    {
      name: 'naive',
      launch: (call) => {
        const x = arg(call, 'x');
        const { outer, mid, inner } = viewOf('sum', x, call.attrs.over);
        const count = outer * inner;
        const params = { count, mid, inner, channels: x.channels, factor: call.attrs.factor };
        return { dispatches: [{ shader: naive, params, workgroups: grid(count, 64) }] };
      },
    },
  ],
  cost: (call) => {
    const x = arg(call, 'x');
    const y = arg(call, 'y');
    return { flops: x.rows * x.channels, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) };
  },
};

interface BroadcastAttrs extends SumAttrs {
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
  variants: [
    {
      name: 'vec4',
      rejects: ({ arg: { y } }) => !vec4Ready(y) && 'channels, stride and offset of y must be multiples of 4',
      launch: (call) => {
        const y = arg(call, 'y');
        const { mid, inner } = viewOf('broadcast', y, call.attrs.over);
        const count = (y.rows * y.channels) / 4;
        const params = { count, mid, inner, channels: y.channels, factor: call.attrs.factor };
        return { dispatches: [{ shader: broadcastVec4, params, workgroups: grid(count, 64) }] };
      },
    },
    {
      name: 'naive',
      launch: (call) => {
        const y = arg(call, 'y');
        const { mid, inner } = viewOf('broadcast', y, call.attrs.over);
        const count = y.rows * y.channels;
        const params = { count, mid, inner, channels: y.channels, factor: call.attrs.factor };
        return { dispatches: [{ shader: broadcastNaive, params, workgroups: grid(count, 64) }] };
      },
    },
  ],
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
export function sum(x: Tensor, over: Over = 'all'): Tensor {
  return applyOne(sumOp, [x], { over, factor: 1 });
}

/** Arithmetic mean of x, over the same choices as `sum`. */
export function mean(x: Tensor, over: Over = 'all'): Tensor {
  const { mid } = viewOf('mean', x, over);
  return applyOne(sumOp, [x], { over, factor: 1 / mid }, 'mean');
}

/**
 * x repeated to `shape` over the dimensions that `sum(…, over)` would remove, times `factor`. `ShapeError` unless x has the
 * shape of that sum.
 */
export function broadcast(x: Tensor, shape: Shape, over: Over = 'all', factor = 1): Tensor {
  return applyOne(broadcastOp, [x], { over, shape, factor });
}
