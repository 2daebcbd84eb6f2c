import type { Tensor } from '../../autograd/tensor.js';
import { abs, maximum, scale, sub } from '../elementwise/elementwise.js';
import type { Composition } from '../room.js';
import { shift2d } from '../shift2d/shift2d.js';
import { sum } from '../sum/sum.js';
import type { NearestNeighbourAttrs } from './nearestNeighbourDistance.js';

/** Stands for a pixel beyond the image: too far away to be the nearest, even summed over the channels. */
const FAR = 1e30;

/**
 * The nearest neighbour as a framework without this op computes it: for each of the window's n² positions the shifted
 * reference, its distance, and the running minimum −max(−a, −b), of equals the first.
 */
export const composedNearestNeighbour: Composition<NearestNeighbourAttrs> = {
  what: 'n² shifts with their distances, then the minimum',
  build: ({ generated, reference }, { window }) => {
    const half = (window - 1) / 2;
    let best: Tensor | undefined;
    for (let k = 0; k < window * window; k++) {
      const rows = Math.floor(k / window) - half;
      const moved = shift2d(reference as Tensor, { rows, cols: (k % window) - half, outside: FAR });
      const nearness = scale(sum(abs(sub(generated as Tensor, moved)), 'channels'), -1);
      best = best ? maximum(best, nearness) : nearness;
    }
    return { y: scale(best as Tensor, -1) };
  },
};
