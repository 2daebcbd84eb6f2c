import { apply } from '../../autograd/op.js';
import { formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { COUNT, checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { broadcastOp } from '../sum/sum.js';

/**
 * The vector z [N, Z] at every pixel: [N, height, width, Z]; how the noise of the `paper` preset joins the deepest map (spec §4).
 * It is the adjoint of the sum over pixels, and that sum is its gradient. `ShapeError` unless z has two dimensions and the size
 * is made of positive integers.
 */
export function tile(...given: [z: Tensor, height: number, width: number]): Tensor {
  const [z, height, width] = checked('tile', { z: TENSOR, height: COUNT, width: COUNT }, given);
  const [batch, channels] = z.shape;
  if (batch === undefined || channels === undefined || z.shape.length > 2)
    throw new ShapeError('tile', `z must be [batch, channels], got ${formatShape(z.shape)}`);
  const shape = [batch, height, width, channels];
  return apply(broadcastOp, { x: z }, { over: 'pixels', shape, factor: 1 }, 'tile').y;
}
