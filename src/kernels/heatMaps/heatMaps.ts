import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { COUNT, checked, POSITIVE } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

export interface HeatMapsAttrs {
  height: number;
  width: number;
  /** Standard deviation in pixels. */
  sigma: number;
}

export const heatMapsOp: Op<HeatMapsAttrs> = {
  name: 'heatMaps',
  args: ['joints'],
  results: ['y'],
  strided: ['y'],
  infer: ([joints], { height, width }) => {
    const { shape, dtype } = joints as Tensor;
    if (shape.length !== 3 || shape[2] !== 2 || dtype !== 'f32')
      throw new ShapeError('heatMaps', `joints must be f32 [batch, joints, 2], got ${dtype} ${formatShape(shape)}`);
    return [{ shape: [shape[0] as number, height, width, shape[1] as number], dtype: 'f32' }];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'y');
    return { flops: rows * channels, bytes: 4 * rows * channels };
  },
};

/**
 * Pose heat maps (paper, Section 3, with the 2σ² of its released code): H_j(x, y) = exp(−[(x − x_j)² + (y − y_j)²] / 2σ²). `joints` f32 [N, J, 2] holds
 * (x, y) in pixels; a joint with a negative coordinate is missing and its map all zeros. The result is [N, height,
 * width, J]; σ is in pixels, 6 by default. No gradient flows to the joints. Throws `ShapeError`.
 */
export function heatMaps(
  ...args: [joints: Tensor, options: { height: number; width: number; sigma?: number }]
): Tensor {
  const kinds = { joints: TENSOR, options: { height: COUNT, width: COUNT, 'sigma?': POSITIVE } };
  const [joints, { height, width, sigma = 6 }] = checked('heatMaps', kinds, args);
  return applyOne(heatMapsOp, [joints], { height, width, sigma });
}
