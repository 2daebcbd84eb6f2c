import { any, apply, type CallOf, defineOp } from '../../autograd/op.js';
import {
  channelsOf,
  checkShape,
  formatShape,
  rowsOf,
  SHAPE,
  type Shape,
  sizeOf,
  TENSOR,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { checked, NATURAL } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

interface ReshapeAttrs {
  readonly shape: Shape;
}

/** y has the rows of x in another shape. It is a view, so no kernel runs. */
export const reshapeOp = defineOp({
  name: 'reshape',
  kind: 'view',
  args: { x: any },
  results: { y: any },
  reshapes: ['x', 'y'],
  infer: ({ x: { dtype } }, { shape }: ReshapeAttrs) => ({ y: { shape, dtype } }),
  // the same elements  ⇒  gx is gy in the shape of x
  gradient: ({ x }, { y: gy }) => ({ x: reshape(gy, x.shape) }),
  view: () => [{ part: 'y', whole: 'x' }],
});

/** The kernel copies elements of any type. */
const moved = { strided: true } as const;
const args = { x: moved };
const results = { y: moved };

export type ReshapeCopyCall = CallOf<ReshapeAttrs, typeof args, typeof results>;

/** y has the elements of x in rows of another length. */
export const reshapeCopyOp = defineOp({
  name: 'reshapeCopy',
  args,
  results,
  reshapes: ['x', 'y'],
  infer: ({ x: { dtype } }, { shape }: ReshapeAttrs) => ({ y: { shape, dtype } }),
  gradient: ({ x }, { y: gy }) => ({ x: reshape(gy, x.shape) }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { y } }) => ({ flops: 0, bytes: 8 * y.rows * y.channels }),
});

/** Returns the op that gives x this shape. */
export function reshapeOpFor(x: TensorType, shape: Shape): typeof reshapeOp | typeof reshapeCopyOp {
  const keepsRows = channelsOf(x.shape) === channelsOf(shape) && rowsOf(x.shape) === rowsOf(shape);
  return keepsRows ? reshapeOp : reshapeCopyOp;
}

/** Replaces −1 in a shape by the size that follows from the others. */
function completed({ shape: from }: Tensor, shape: Shape): Shape {
  const known = sizeOf(shape.filter((d) => d !== -1));
  const full = shape.map((d) => (d === -1 ? sizeOf(from) / known : d));
  const open = shape.length - shape.filter((d) => d !== -1).length;
  if (open > 1) throw new ShapeError('reshape', `one dimension can be −1, got ${formatShape(shape)}`);
  if (open === 0) checkShape('reshape', 'shape', shape);
  if (!full.every((d) => Number.isInteger(d) && d > 0) || sizeOf(full) !== sizeOf(from))
    throw new ShapeError(
      'reshape',
      `x ${formatShape(from)} has ${sizeOf(from)} elements, which do not fill shape ${formatShape(shape)}`,
    );
  return full;
}

/**
 * Returns the elements of x in the same order with another shape. One dimension may be −1, which stands for the size
 * that follows from the others. In a plan it costs nothing if x is contiguous or the last dimension stays the same, as
 * from [N, 1, H, W, C] to [N, H, W, C]. Otherwise the elements are copied once. Throws `ShapeError` unless the shape
 * has as many elements as x.
 */
export function reshape(...given: [x: Tensor, shape: Shape]): Tensor {
  const [x, wanted] = checked('reshape', { x: TENSOR, shape: SHAPE }, given);
  const shape = completed(x, wanted);
  return apply(reshapeOpFor(x, shape), { x }, { shape }).y;
}

export interface FlattenOptions {
  /** The first of the dimensions that become one. Default: 1, so that images become [N, H·W·C]. */
  start?: number;
}

/**
 * Joins all dimensions of x from `start` on: [N, H, W, C] becomes [N, H·W·C], with the elements in this order (in
 * PyTorch, the order is C·H·W). Throws `ShapeError` when x has no such dimension.
 */
export function flatten(...given: [x: Tensor, options?: FlattenOptions]): Tensor {
  const [x, { start = 1 } = {}] = checked('flatten', { x: TENSOR, 'options?': { 'start?': NATURAL } }, given);
  const { shape } = x;
  if (start >= shape.length)
    throw new ShapeError('flatten', `x ${formatShape(shape)} has no dimension ${start} to start from`);
  return reshape(x, [...shape.slice(0, start), sizeOf(shape.slice(start))]);
}
