import { inceptionV3 } from '../evaluation/inception-network.js';
import type { FixtureReader } from '../kernels/room.js';
import { checkActivations } from './activations.js';

/** Checks activations of Inception v3 on weights by formula. */
export const inception: FixtureReader = (file) =>
  checkActivations(file, (weights, x) => ({ ...inceptionV3(weights, x) }));
