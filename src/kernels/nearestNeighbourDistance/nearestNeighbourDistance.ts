import { apply, type CallOf, defineOp, strided, u32 } from '../../autograd/op.js';
import { expectShape, nhwc, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, numeric } from '../../gpu/arguments.js';
import { MOST_PIXELS } from '../conv2d/convolution.js';

export interface NearestNeighbourAttrs {
  /** The side of the square window in pixels, an odd number. */
  window: number;
}

const name = 'nearestNeighbourDistance';

const ODD = /* @__PURE__ */ numeric(
  `an odd number of pixels up to ${MOST_PIXELS}`,
  (v) => v > 0 && v % 2 === 1 && v <= MOST_PIXELS,
);

const gradientArgs = { generated: strided, reference: strided, winner: u32, gy: strided };
const gradientResults = { gx: strided };

export type NearestNeighbourGradientCall = CallOf<NearestNeighbourAttrs, typeof gradientArgs, typeof gradientResults>;

export const nearestNeighbourDistanceGradientOp = defineOp({
  name: `${name}Gradient`,
  args: gradientArgs,
  results: gradientResults,
  epilogue: 'gx',
  infer: ({ generated }, _: NearestNeighbourAttrs) => ({ gx: generated }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { gx } }) => ({
    flops: 2 * gx.rows * gx.channels,
    bytes: 4 * (3 * gx.rows * gx.channels + 2 * gx.rows),
  }),
});

const args = { generated: strided, reference: strided };
const results = { y: strided, winner: u32 };

export type NearestNeighbourCall = CallOf<NearestNeighbourAttrs, typeof args, typeof results>;

export const nearestNeighbourDistanceOp = defineOp({
  name,
  args,
  results,
  infer: ({ generated, reference }, _: NearestNeighbourAttrs) => {
    const [N, H, W] = nhwc(name, 'generated', generated);
    expectShape(name, 'reference', reference, generated.shape, 'the shape of generated');
    return { y: { shape: [N, H, W], dtype: 'f32' }, winner: { shape: [N, H, W], dtype: 'u32' } };
  },
  // y(p) = Σ_c |g(p, c) − r(q, c)|, where q wins  ⇒  gg(p, c) = gy(p) · sign(g(p, c) − r(q, c)); the reference gets no
  // gradient
  gradient: ({ generated, reference }, { y: gy }, { attrs, needs, outputs: { winner } }) => {
    if (!gy || !needs.generated) return {};
    const { gx } = apply(nearestNeighbourDistanceGradientOp, { generated, reference, winner, gy }, attrs);
    return { generated: gx };
  },
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { generated }, attrs }) => {
    const { rows, channels } = generated;
    return { flops: 3 * rows * channels * attrs.window ** 2, bytes: 4 * (2 * rows * channels + 2 * rows) };
  },
});

/** The side of the window that is searched: from every pixel, a window of 2·max(height, width) − 1 pixels reaches all others. */
export const usefulWindow = (window: number, height: number, width: number): number =>
  Math.min(window, 2 * Math.max(height, width) - 1);

/**
 * Computes the distance to the nearest neighbour (paper, Section 3.3): for every pixel p, the minimum, over the pixels
 * q
 * of the `window` × `window` square around p, of Σ_c |generated(p, c) − reference(q, c)|. Both images are [N, H, W, C],
 * the result is [N, H, W]. Window positions outside the image are not candidates. Among equals the first in row-major
 * order wins. The gradient flows to `generated` alone, through the winning pair, with sign(0) = 0. Throws `ShapeError`.
 */
export function nearestNeighbourDistance(
  ...given: [generated: Tensor, reference: Tensor, options: { window: number }]
): Tensor {
  const kinds = { generated: TENSOR, reference: TENSOR, options: { window: ODD } };
  const [generated, reference, { window }] = checked(name, kinds, given);
  const [, height, width] = nhwc(name, 'generated', generated);
  return apply(nearestNeighbourDistanceOp, { generated, reference }, { window: usefulWindow(window, height, width) }).y;
}
