import { apply, type CallOf, defineOp, f32, u32 } from '../../autograd/op.js';
import { formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { COUNT, checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { sizes } from './sizes.js';

export interface Attrs {
  height: number;
  width: number;
  scale: number;
}

const args = { planes: f32 };
const results = { y: u32 };

export type PartMasksCall = CallOf<Attrs, typeof args, typeof results>;

export const partMasksOp = defineOp({
  name: 'partMasks',
  args,
  results,
  infer: ({ planes: { shape } }, { height, width }: Attrs) => {
    const [n = 0, parts = 0, numbers] = shape;
    if (shape.length !== 3 || numbers !== 12)
      throw new ShapeError('partMasks', `planes must be [batch, parts, 12], got ${formatShape(shape)}`);
    if (parts > 32)
      throw new ShapeError('partMasks', `planes ${formatShape(shape)} has ${parts} parts; a mask has 32 bits`);
    return { y: { shape: [n, height, width], dtype: 'u32' } };
  },
  kernels: () => import('./kernels.js'),
  cost: (call) => {
    const { n, parts, height, width } = sizes(call);
    return { flops: 16 * n * parts * height * width, bytes: 4 * n * height * width };
  },
});

/**
 * Draws masks of convex parts (M_h in the paper, Section 3.2) as bits, u32 [N, height, width]: bit h of a pixel is set
 * where part h covers its centre.
 * @param planes [N, P, 12] are four half-planes per part, (a, b, c) with a·x + b·y + c ≥ −0.001 inside, in pixels of
 * the full-resolution image (`halfPlanes`). The 0.001 keeps centres on the border inside in spite of rounding.
 * @param options.scale s: the grid is s times coarser than the image; its pixel i is at s·i + (s − 1)/2.
 */
export function partMasks(
  ...given: [planes: Tensor, options: { height: number; width: number; scale?: number }]
): Tensor {
  const kinds = { planes: TENSOR, options: { height: COUNT, width: COUNT, 'scale?': COUNT } };
  const [planes, { height, width, scale = 1 }] = checked('partMasks', kinds, given);
  return apply(partMasksOp, { planes }, { height, width, scale }).y;
}
