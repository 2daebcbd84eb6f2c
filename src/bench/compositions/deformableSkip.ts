import { sizeOf, type Tensor } from '../../autograd/tensor.js';
import { affineWarp } from '../../kernels/affineWarp/affineWarp.js';
import type { DeformableSkipAttrs } from '../../kernels/deformableSkip/settings.js';
import { add, maximum, mul, scale } from '../../kernels/elementwise/elementwise.js';
import { reshape } from '../../kernels/reshape/reshape.js';
import { input } from '../../kernels/room.js';
import type { Composition, Values } from '../composition.js';

const partsOf = (inputs: Readonly<Record<string, unknown>>) =>
  Object.keys(inputs).filter((name) => name.startsWith('affine')).length;

/**
 * This computes the deformable skip as a framework without this op would. For every part it masks the features and
 * warps them by its map (or warps, then masks), and takes the pairwise maximum or mean of the results. The masks are
 * full f32 tensors [N, H, W, C], so that the composition does not pay for unpacking bits.
 */
export const composedDeformableSkip: Composition<DeformableSkipAttrs> = {
  what: 'a warp and a mask for every part, then their maximum',
  inputs: (given) => {
    const [x, affine, mask] = [input(given, 'x'), input(given, 'affine'), input(given, 'mask')];
    const { shape } = x;
    const [N = 0, P = 0] = affine.shape;
    const [C = 1] = shape.slice(-1);
    const bits = Uint32Array.from(mask.data);
    const made: Record<string, Values> = { x };
    for (let h = 0; h < P; h++) {
      const map = (i: number) => affine.data[6 * (Math.floor(i / 6) * P + h) + (i % 6)] ?? Number.NaN;
      const covered = Float32Array.from(
        { length: sizeOf(shape) },
        (_, i) => ((bits[Math.floor(i / C)] ?? 0) >>> h) & 1,
      );
      made[`affine${h}`] = { shape: [N, 1, 6], data: Float32Array.from({ length: 6 * N }, (_, i) => map(i)) };
      made[`mask${h}`] = { shape, data: covered };
    }
    return made;
  },
  build: (inputs, { aggregate, identity, maskOn, scale: s }) => {
    const x = input(inputs, 'x');
    const parts = partsOf(inputs);
    const candidates = identity ? [x] : [];
    for (let h = 0; h < parts; h++) {
      const [affine, mask] = [input(inputs, `affine${h}`), input(inputs, `mask${h}`)];
      const warp = (t: Tensor) => reshape(affineWarp(t, affine, { scale: s }), x.shape);
      candidates.push(maskOn === 'source' ? warp(mul(x, mask)) : mul(warp(x), mask));
    }
    const y = candidates.reduce((a, b) => (aggregate === 'max' ? maximum(a, b) : add(a, b)));
    return { y: aggregate === 'max' ? y : scale(y, 1 / candidates.length) };
  },
};
