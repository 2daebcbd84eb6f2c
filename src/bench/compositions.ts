import type { Composition } from './composition.js';
import { composedDeformableSkip } from './compositions/deformableSkip.js';
import { composedBce, composedL1 } from './compositions/losses.js';
import { composedNearestNeighbour } from './compositions/nearestNeighbourDistance.js';

/** Ops written in simpler ones, which the benchmark holds them against, by the names of their rooms. */
export const compositions: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ['bceWithLogits', composedBce],
  ['deformableSkip', composedDeformableSkip],
  ['l1', composedL1],
  ['nearestNeighbourDistance', composedNearestNeighbour],
]);
