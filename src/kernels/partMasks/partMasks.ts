import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Call, type Op } from '../../autograd/op.js';
import { formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { COUNT, checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

export interface Attrs {
  height: number;
  width: number;
  scale: number;
}

export function sizes(call: Call<Attrs>) {
  const [n = 0, parts = 0] = arg(call, 'planes').shape;
  const { height, width, scale } = call.attrs;
  return { n, parts, height, width, scale };
}

export const partMasksOp: Op<Attrs> = {
  name: 'partMasks',
  args: ['planes'],
  results: ['y'],
  infer: ([planes], { height, width }) => {
    const { shape } = planes as Tensor;
    const [n = 0, parts = 0, numbers] = shape;
    if (shape.length !== 3 || numbers !== 12)
      throw new ShapeError('partMasks', `planes must be [batch, parts, 12], got ${formatShape(shape)}`);
    if (parts > 32)
      throw new ShapeError('partMasks', `planes ${formatShape(shape)} has ${parts} parts; a mask has 32 bits`);
    return [{ shape: [n, height, width], dtype: 'u32' }];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => {
    const { n, parts, height, width } = sizes(call);
    return { flops: 16 * n * parts * height * width, bytes: 4 * n * height * width };
  },
};

/**
 * Masks of convex parts (paper Section 3.2: M_h) as bits, u32 [N, height, width]: bit h of a pixel is set where part h covers its
 * centre.
 * @param planes [N, P, 12] four half-planes a part, (a, b, c) with a·x + b·y + c ≥ −0.001 inside, in pixels of the
 *   full-resolution image (`halfPlanes`); the 0.001 keeps centres on the border in spite of rounding.
 * @param options.scale s: the grid is s times coarser than the image; its pixel i is at s·i + (s − 1)/2.
 */
export function partMasks(
  ...args: [planes: Tensor, options: { height: number; width: number; scale?: number }]
): Tensor {
  const kinds = { planes: TENSOR, options: { height: COUNT, width: COUNT, 'scale?': COUNT } };
  const [planes, { height, width, scale = 1 }] = checked('partMasks', kinds, args);
  return applyOne(partMasksOp, [planes], { height, width, scale });
}
