import { any, apply, defineOp } from '../../autograd/op.js';
import {
  channelsOf,
  checkShape,
  formatShape,
  rowsOf,
  SHAPE,
  type Shape,
  TENSOR,
  type Tensor,
} from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

/** The rows of x under another shape. It is a view, so no kernel runs. */
export const reshapeOp = defineOp({
  name: 'reshape',
  kind: 'view',
  args: { x: any },
  results: { y: any },
  infer: ({ x: { shape: from, dtype } }, { shape }: { readonly shape: Shape }) => {
    checkShape('reshape', 'shape', shape);
    if (channelsOf(shape) !== channelsOf(from) || rowsOf(shape) !== rowsOf(from))
      throw new ShapeError(
        'reshape',
        `x ${formatShape(from)} has ${rowsOf(from)} rows of ${channelsOf(from)} channels, got shape ${formatShape(shape)}`,
      );
    return { y: { shape, dtype } };
  },
  // the same elements  ⇒  gx is gy in the shape of x
  gradient: ({ x }, { y: gy }) => ({ x: reshape(gy, x.shape) }),
  view: () => [{ part: 'y', whole: 'x' }],
});

/**
 * x under another shape with the same channels (last dimension) and as many rows, elements in the same order: [N, 1, H, W, C]
 * to [N, H, W, C]. No copy is made in a plan. Throws `ShapeError`.
 */
export function reshape(...given: [x: Tensor, shape: Shape]): Tensor {
  const [x, shape] = checked('reshape', { x: TENSOR, shape: SHAPE }, given);
  return apply(reshapeOp, { x }, { shape }).y;
}
