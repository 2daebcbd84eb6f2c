import type { Arg } from '../../autograd/kernel.js';

export interface DeformableSkipAttrs {
  aggregate: 'max' | 'mean';
  /** Says whether x itself is a candidate. */
  identity: boolean;
  /** The grid of the masks: that of x (`source`) or that of the result (`target`). */
  maskOn: 'source' | 'target';
  /** How many times coarser the grid of x is than the one that the transforms are given for. */
  scale: number;
}

/** Returns the parameters that all kernels share, for an `image` of the shape of x. */
export function settings({ aggregate, identity, maskOn, scale }: DeformableSkipAttrs, image: Arg, affine: Arg) {
  const { rows, channels } = image;
  const [images = 0, height = 0, width = 0] = image.shape;
  const [, parts = 0] = affine.shape;
  return {
    rows,
    channels,
    parts,
    images,
    params: { parts, height, width, channels, scale },
    constants: { MEAN: Number(aggregate === 'mean'), IDENTITY: Number(identity), TARGET: Number(maskOn === 'target') },
  };
}

/** Returns how many groups of four channels an invocation computes, so that they share the work per pixel. */
export const quadsOf = (channels: number): number => [4, 2].find((n) => channels % (4 * n) === 0) ?? 1;
