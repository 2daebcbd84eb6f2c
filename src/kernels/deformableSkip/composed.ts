import type { Tensor } from '../../autograd/tensor.js';
import { affineWarp } from '../affineWarp/affineWarp.js';
import { add, maximum, mul, scale } from '../elementwise/elementwise.js';
import { reshape } from '../reshape/reshape.js';
import type { Composition, Values } from '../room.js';
import type { DeformableSkipAttrs } from './deformableSkip.js';

const partsOf = (inputs: Readonly<Record<string, unknown>>) =>
  Object.keys(inputs).filter((name) => name.startsWith('affine')).length;

/**
 * The deformable skip as a framework without this op computes it: for every part the masked features warped by its map (or
 * the warped ones masked), then their pairwise maximum or mean. The masks come as full f32 tensors [N, H, W, C], so that
 * spreading their bits over the channels costs the composition nothing.
 */
export const composedDeformableSkip: Composition<DeformableSkipAttrs> = {
  what: 'a warp and a mask for every part, then their maximum',
  inputs: ({ x, affine, mask }) => {
    const { shape } = x as Values;
    const [N = 1, P = 1] = (affine as Values).shape;
    const C = shape[3] as number;
    const made: Record<string, Values> = { x: x as Values };
    for (let h = 0; h < P; h++) {
      const map = (i: number) => (affine as Values).data[6 * (Math.floor(i / 6) * P + h) + (i % 6)] as number;
      const bits = Uint32Array.from((mask as Values).data);
      const size = shape.reduce((a, b) => a * b, 1);
      const covered = new Float32Array(size);
      for (let i = 0; i < size; i++) covered[i] = ((bits[Math.floor(i / C)] as number) >>> h) & 1;
      made[`affine${h}`] = { shape: [N, 1, 6], data: Float32Array.from({ length: 6 * N }, (_, i) => map(i)) };
      made[`mask${h}`] = { shape, data: covered };
    }
    return made;
  },
  build: (inputs, { aggregate, identity, maskOn, scale: s }) => {
    const x = inputs.x as Tensor;
    const parts = partsOf(inputs);
    const candidates = identity ? [x] : [];
    for (let h = 0; h < parts; h++) {
      const [affine, mask] = [inputs[`affine${h}`] as Tensor, inputs[`mask${h}`] as Tensor];
      const warp = (t: Tensor) => reshape(affineWarp(t, affine, { scale: s }), x.shape);
      candidates.push(maskOn === 'source' ? warp(mul(x, mask)) : mul(warp(x), mask));
    }
    const y = candidates.reduce((a, b) => (aggregate === 'max' ? maximum(a, b) : add(a, b)));
    return { y: aggregate === 'max' ? y : scale(y, 1 / candidates.length) };
  },
};
