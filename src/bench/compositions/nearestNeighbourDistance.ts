import type { Tensor } from '../../autograd/tensor.js';
import { abs, maximum, scale, sub } from '../../kernels/elementwise/elementwise.js';
import type { NearestNeighbourAttrs } from '../../kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
import { input } from '../../kernels/room.js';
import { sum } from '../../kernels/sum/sum.js';
import type { Composition } from '../composition.js';
import { shift2d } from '../shift2d/shift2d.js';

/**
 * This value stands for a pixel beyond the image. It is too far away to be the nearest, even summed over the channels.
 */
const FAR = 1e30;

/**
 * This computes the distance as a framework without this op would. For each of the window's n² positions it shifts the
 * reference, computes the distance and updates the minimum −max(−a, −b), which keeps the first of equals.
 */
export const composedNearestNeighbour: Composition<NearestNeighbourAttrs> = {
  what: 'n² shifts with their distances, then the minimum',
  build: (inputs, { window }) => {
    const [generated, reference] = [input(inputs, 'generated'), input(inputs, 'reference')];
    const half = (window - 1) / 2;
    const nearness = (k: number): Tensor => {
      const rows = Math.floor(k / window) - half;
      const moved = shift2d(reference, { rows, cols: (k % window) - half, outside: FAR });
      return scale(sum(abs(sub(generated, moved)), 'channels'), -1);
    };
    let best = nearness(0);
    for (let k = 1; k < window * window; k++) best = maximum(best, nearness(k));
    return { y: scale(best, -1) };
  },
};
