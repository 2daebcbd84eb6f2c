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

/** The rows of x under another shape. It is a view, so no kernel runs. */
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

/** The elements are moved, whatever their type. */
const moved = { strided: true } as const;
const args = { x: moved };
const results = { y: moved };

export type ReshapeCopyCall = CallOf<ReshapeAttrs, typeof args, typeof results>;

/** The elements of x in rows of another length. */
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

/** The op that gives x this shape. */
export function reshapeOpFor(x: TensorType, shape: Shape): typeof reshapeOp | typeof reshapeCopyOp {
  const keepsRows = channelsOf(x.shape) === channelsOf(shape) && rowsOf(x.shape) === rowsOf(shape);
  return keepsRows ? reshapeOp : reshapeCopyOp;
}

/** The shape with the size that makes up for the others in place of −1. */
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
 * The elements of x in the same order under another shape; one dimension may be −1, which stands for the size that makes up for
 * the others. In a plan it costs nothing where x lies without gaps, or where the last dimension stays: [N, 1, H, W, C] to
 * [N, H, W, C]. Otherwise the elements are copied once. Throws `ShapeError` when the shape has not as many elements as x.
 */
export function reshape(...given: [x: Tensor, shape: Shape]): Tensor {
  const [x, wanted] = checked('reshape', { x: TENSOR, shape: SHAPE }, given);
  const shape = completed(x, wanted);
  return apply(reshapeOpFor(x, shape), { x }, { shape }).y;
}

export interface FlattenOptions {
  /** The first of the dimensions that become one; 1 when absent, so that images become [N, H·W·C]. */
  start?: number;
}

/**
 * x with all dimensions from `start` on in one: [N, H, W, C] becomes [N, H·W·C], in this order of elements (PyTorch's images are
 * in the order C·H·W). Throws `ShapeError` when x has no such dimension.
 */
export function flatten(...given: [x: Tensor, options?: FlattenOptions]): Tensor {
  const [x, { start = 1 } = {}] = checked('flatten', { x: TENSOR, 'options?': { 'start?': NATURAL } }, given);
  const { shape } = x;
  if (start >= shape.length)
    throw new ShapeError('flatten', `x ${formatShape(shape)} has no dimension ${start} to begin with`);
  return reshape(x, [...shape.slice(0, start), sizeOf(shape.slice(start))]);
}
