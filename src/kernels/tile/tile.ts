import { apply } from '../../autograd/op.js';
import { formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { COUNT, checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { broadcastOp } from '../sum/sum.js';

/**
 * Repeats the vectors z [N, Z] at every pixel, to [N, height, width, Z]. In this way the noise of the `paper` preset
 * joins the deepest feature map (spec §4). It is the adjoint of the sum over pixels, and that sum is its gradient.
 * Throws `ShapeError` unless z has two dimensions and height and width are positive integers.
 */
export function tile(...given: [z: Tensor, height: number, width: number]): Tensor {
  const [z, height, width] = checked('tile', { z: TENSOR, height: COUNT, width: COUNT }, given);
  const [batch, channels] = z.shape;
  if (batch === undefined || channels === undefined || z.shape.length > 2)
    throw new ShapeError('tile', `z must be [batch, channels], got ${formatShape(z.shape)}`);
  const shape = [batch, height, width, channels];
  return apply(broadcastOp, { x: z }, { over: 'pixels', shape, factor: 1 }, 'tile').y;
}
