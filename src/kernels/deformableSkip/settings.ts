import type { Arg } from '../../autograd/kernel.js';

export interface DeformableSkipAttrs {
  aggregate: 'max' | 'mean';
  /** Whether x itself is a candidate. */
  identity: boolean;
  /** Grid on which the masks are given: that of x, or that of the result. */
  maskOn: 'source' | 'target';
  /** How many times coarser the grid of x is than the one the transforms are given for. */
  scale: number;
}

/** What all kernels take, for an `image` of the shape of x. */
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

/** How many times four channels an invocation takes: the setup of a pixel is shared by them. */
export const quadsOf = (channels: number): number => [4, 2].find((n) => channels % (4 * n) === 0) ?? 1;
