import type { PartMasksCall } from './partMasks.js';

/** Returns the sizes of a call: images, parts, and the height, width and scale of the masks. */
export function sizes({ arg: { planes }, attrs: { height, width, scale } }: PartMasksCall) {
  const [n = 0, parts = 0] = planes.shape;
  return { n, parts, height, width, scale };
}
