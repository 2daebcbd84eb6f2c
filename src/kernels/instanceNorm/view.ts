import { type Arg, vec4Ready } from '../../autograd/op.js';

/** What is normalised together: each channel of an image, or the whole image. */
export type Mode = 'channel' | 'sample';

export interface Attrs {
  mode: Mode;
  epsilon: number;
}

/**
 * An image of x as the split kernels see it: mid × lanes vectors of four channels. Channel mode has a lane per vector of
 * channels, so that four groups run side by side in it; sample mode has one lane through all of the image.
 */
export function lanesOf(x: Arg, { mode }: Attrs) {
  const [images, height, width] = x.shape as [number, number, number];
  const pixels = height * width;
  const quads = x.channels / 4;
  return mode === 'channel'
    ? { images, pixels, quads, mid: pixels, lanes: quads, norm_groups: x.channels, sample: 0, size: pixels }
    : { images, pixels, quads, mid: pixels * quads, lanes: 1, norm_groups: 1, sample: 1, size: pixels * x.channels };
}

/** Invocations of a workgroup of the tree kernels, and vectors that each of them adds up before they are joined. */
const TREE = 256;
const TREE_STEPS = 4;

/**
 * How the tree kernels share the vectors of an image: a workgroup takes up to 16 lanes side by side (256 bytes of a row)
 * and, in `ROWS` rows of invocations, a chunk of their m.
 */
export function treeOf({ images, mid, lanes }: { images: number; mid: number; lanes: number }) {
  const LANES = 2 ** Math.ceil(Math.log2(Math.min(16, lanes)));
  const ROWS = TREE / LANES;
  const chunks = Math.ceil(mid / (ROWS * TREE_STEPS));
  const blocks: [number, number, number] = [chunks, Math.ceil(lanes / LANES), images];
  const perLane: [number, number, number] = [lanes, images, 1];
  return { constants: { LANES, ROWS }, ROWS, chunks, partial: 8 * images * chunks * lanes, blocks, perLane };
}

/** Groups and their elements as the naive kernels see them. */
export function naiveParams(x: Arg, { mode, epsilon }: Attrs) {
  const [images, height, width] = x.shape as [number, number, number];
  const pixels = height * width;
  return mode === 'channel'
    ? { count: images * x.channels, norm_groups: x.channels, size: pixels, width: 1, pixels, sample: 0, epsilon }
    : { count: images, norm_groups: 1, size: pixels * x.channels, width: x.channels, pixels, sample: 1, epsilon };
}

/** Channels of at most this many pixels are normalised by one invocation each. */
const SMALL = 64;

/** Why `small` cannot run: it has an invocation per four channels of an image. */
export function rejectsSmall(x: Arg, attrs: Attrs, ...rest: (Arg | undefined)[]): string | undefined {
  if (attrs.mode === 'sample') return 'whole samples are not small';
  if (naiveParams(x, attrs).pixels > SMALL) return `the channels are longer than ${SMALL} pixels`;
  return vec4Ready(x, ...rest) ? undefined : 'channels, strides and offsets must be multiples of 4';
}

/** Why `chunks` cannot run: its vectors are of four channels, and short groups need the residual of `small` and `naive`. */
export function rejectsChunks(x: Arg, attrs: Attrs, ...rest: (Arg | undefined)[]): string | undefined {
  if (naiveParams(x, attrs).size < 16) return 'groups of less than 16 elements need a more careful gradient';
  return vec4Ready(x, ...rest) ? undefined : 'channels, strides and offsets must be multiples of 4';
}
