import { apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import { formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { COUNT, checked, POSITIVE } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

export interface HeatMapsAttrs {
  height: number;
  width: number;
  /** The standard deviation in pixels. */
  sigma: number;
}

const args = { joints: f32 };
const results = { y: strided };

export type HeatMapsCall = CallOf<HeatMapsAttrs, typeof args, typeof results>;

export const heatMapsOp = defineOp({
  name: 'heatMaps',
  args,
  results,
  infer: ({ joints: { shape } }, { height, width }: HeatMapsAttrs) => {
    const [N = 0, J = 0, coordinates] = shape;
    if (shape.length !== 3 || coordinates !== 2)
      throw new ShapeError('heatMaps', `joints must be [batch, joints, 2], got ${formatShape(shape)}`);
    return { y: { shape: [N, height, width, J], dtype: 'f32' } };
  },
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { y } }) => ({ flops: y.rows * y.channels, bytes: 4 * y.rows * y.channels }),
});

/**
 * Draws pose heat maps (paper, Section 3, with the 2σ² of its released code):
 * H_j(x, y) = exp(−[(x − x_j)² + (y − y_j)²] / 2σ²). `joints` f32 [N, J, 2] holds (x, y) in pixels; a joint with a
 * negative coordinate is missing, and its map is all zeros. The result is [N, height, width, J]; σ is in pixels, 6 by
 * default. No gradient flows to the joints. Throws `ShapeError`.
 */
export function heatMaps(
  ...given: [joints: Tensor, options: { height: number; width: number; sigma?: number }]
): Tensor {
  const kinds = { joints: TENSOR, options: { height: COUNT, width: COUNT, 'sigma?': POSITIVE } };
  const [joints, { height, width, sigma = 6 }] = checked('heatMaps', kinds, given);
  return apply(heatMapsOp, { joints }, { height, width, sigma }).y;
}
