import { applyOne, type Op } from '../../autograd/op.js';
import {
  channelsOf,
  checkShape,
  formatShape,
  rowsOf,
  SHAPE,
  type Shape,
  TENSOR,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

/** The rows of x under another shape; a view, so no kernel runs. */
export const reshapeOp: Op<{ shape: Shape }> = {
  name: 'reshape',
  kind: 'view',
  args: ['x'],
  results: ['y'],
  infer: ([x], { shape }) => {
    checkShape('reshape', 'shape', shape);
    const { shape: from, dtype } = x as TensorType;
    if (channelsOf(shape) !== channelsOf(from) || rowsOf(shape) !== rowsOf(from))
      throw new ShapeError(
        'reshape',
        `x ${formatShape(from)} has ${rowsOf(from)} rows of ${channelsOf(from)} channels, got shape ${formatShape(shape)}`,
      );
    return [{ shape, dtype }];
  },
  // the same elements  ⇒  gx is gy in the shape of x
  gradient: (node, [gy]) => [gy && reshape(gy, (node.inputs[0] as Tensor).shape)],
  view: () => [{ part: 'y', whole: 'x' }],
  variants: [],
};

/**
 * x under another shape with the same channels (last dimension) and as many rows, elements in the same order: [N, 1, H, W, C]
 * to [N, H, W, C]. No copy is made in a plan. Throws `ShapeError`.
 */
export function reshape(...args: [x: Tensor, shape: Shape]): Tensor {
  const [x, shape] = checked('reshape', { x: TENSOR, shape: SHAPE }, args);
  return applyOne(reshapeOp, [x], { shape });
}
