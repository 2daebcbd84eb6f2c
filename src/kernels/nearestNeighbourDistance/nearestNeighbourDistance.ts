import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { expectShape, nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, numeric } from '../../gpu/arguments.js';

export interface NearestNeighbourAttrs {
  /** Side of the square window in pixels, odd. */
  window: number;
}

export const name = 'nearestNeighbourDistance';

const ODD = /* @__PURE__ */ numeric('an odd number of pixels', (v) => v > 0 && v % 2 === 1);

const gradientOp: Op<NearestNeighbourAttrs> = {
  name: `${name}Gradient`,
  args: ['generated', 'reference', 'winner', 'gy'],
  results: ['gx'],
  epilogue: 'gx',
  strided: ['generated', 'reference', 'gy', 'gx'],
  infer: ([generated]) => [generated as Tensor],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).gradientVariants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'gx');
    return { flops: 2 * rows * channels, bytes: 4 * (3 * rows * channels + 2 * rows) };
  },
};

export const nearestNeighbourDistanceOp: Op<NearestNeighbourAttrs> = {
  name,
  args: ['generated', 'reference'],
  results: ['y', 'winner'],
  strided: ['generated', 'reference', 'y'],
  infer: (inputs) => {
    const [generated, reference] = inputs as Tensor[] as [Tensor, Tensor];
    const [N, H, W] = nhwc(name, 'generated', generated);
    expectShape(name, 'reference', reference, generated.shape, 'the shape of generated');
    return [
      { shape: [N, H, W], dtype: 'f32' },
      { shape: [N, H, W], dtype: 'u32' },
    ];
  },
  // y(p) = Σ_c |g(p, c) − r(q, c)|, q the winner  ⇒  gg(p, c) = gy(p) · sign(g(p, c) − r(q, c)); the reference is data
  gradient: (node, [gy], [needsGenerated]) => {
    if (!gy || !needsGenerated) return [undefined];
    const [generated, reference] = node.inputs;
    return [applyOne(gradientOp, [generated, reference, node.outputs[1], gy], node.attrs as NearestNeighbourAttrs)];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).forwardVariants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'generated');
    return { flops: 3 * rows * channels * call.attrs.window ** 2, bytes: 4 * (2 * rows * channels + 2 * rows) };
  },
};

/**
 * Distance to the nearest neighbour (paper, Section 3.3): for every pixel p the minimum, over the pixels q
 * of the `window` × `window` square around p, of Σ_c |generated(p, c) − reference(q, c)|. Both images are [N, H, W,
 * C], the result is [N, H, W]. Window positions outside the image are no candidates; of equals the first in row-major
 * order wins. The gradient flows to `generated` alone, through the winning pair, with sign(0) = 0. Throws
 * `ShapeError`.
 */
export function nearestNeighbourDistance(
  ...args: [generated: Tensor, reference: Tensor, options: { window: number }]
): Tensor {
  const kinds = { generated: TENSOR, reference: TENSOR, options: { window: ODD } };
  const [generated, reference, { window }] = checked(name, kinds, args);
  return applyOne(nearestNeighbourDistanceOp, [generated, reference], { window });
}
