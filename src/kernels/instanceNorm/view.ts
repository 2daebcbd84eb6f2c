import { type Arg, grid, NEEDS_VEC4, vec4Ready } from '../../autograd/kernel.js';

/** Says what is normalised together: each channel of an image, or the whole image. */
export type Mode = 'channel' | 'sample';

export interface Attrs {
  mode: Mode;
  epsilon: number;
}

/**
 * Describes an image of x as the split kernels see it: mid × lanes vectors of four channels. Channel mode has one lane
 * per vector of a pixel, so each lane contains four groups side by side. Sample mode has one lane, which contains the
 * whole image.
 */
export function lanesOf(x: Arg, { mode }: Attrs) {
  const [images = 0, height = 0, width = 0] = x.shape;
  const pixels = height * width;
  const quads = x.channels / 4;
  return mode === 'channel'
    ? { images, pixels, quads, mid: pixels, lanes: quads, norm_groups: x.channels, sample: 0, size: pixels }
    : { images, pixels, quads, mid: pixels * quads, lanes: 1, norm_groups: 1, sample: 1, size: pixels * x.channels };
}

/** The most chunks of an image in the chunked kernels, over all lanes. */
const CHUNKS = 128;

/**
 * Returns how the chunked kernels divide the vectors of an image. In the second pass every invocation combines the
 * results of all chunks of its lane. While chunks are few, this costs a CPU less than another dispatch between the
 * passes: c invocations combine c chunks each, so c² stays well below the vectors of a lane.
 */
export function chunksOf({ images, mid, lanes }: { images: number; mid: number; lanes: number }) {
  const chunks = Math.max(1, Math.min(Math.ceil(Math.sqrt(mid) / 2), Math.round(CHUNKS / lanes)));
  const count = images * chunks * lanes;
  // Wide workgroups read longer runs of memory. With little work, narrow ones give each core a workgroup.
  const WIDTH = count < 512 ? 16 : 64;
  return { chunks, count, constants: { WIDTH }, workgroups: grid(count, WIDTH) };
}

/** The invocations of a workgroup that normalises its lanes in one dispatch, and the most lanes that it takes. */
const ONE = 64;
const ONE_LANES = 8;

/** Returns how a workgroup divides the vectors of its lanes: LANES lanes side by side, in ROWS rows of invocations. */
export function oneOf({ lanes, images }: { lanes: number; images: number }) {
  const LANES = 2 ** Math.ceil(Math.log2(Math.min(ONE_LANES, lanes)));
  const workgroups: [number, number, number] = [Math.ceil(lanes / LANES), images, 1];
  return { constants: { LANES, ROWS: ONE / LANES }, workgroups };
}

/** Returns why `one` cannot run a call if a workgroup may take at most `most` vectors, or nothing when it can. */
export function oneRefusal(attrs: Attrs, x: Arg, y: Arg, most: number): string | undefined {
  if (!vec4Ready(x, y)) return NEEDS_VEC4;
  const view = lanesOf(x, attrs);
  const vectors = view.mid * oneOf(view).constants.LANES;
  return vectors > most ? `the lanes of a workgroup have more than ${most} vectors` : undefined;
}

/**
 * The invocations of a workgroup of the tree kernels, and the vectors that each adds up before results are combined.
 */
const TREE = 256;
const TREE_STEPS = 4;

/**
 * Returns how the tree kernels divide the vectors of an image. A workgroup takes one chunk of up to 16 lanes side by
 * side (256 bytes of a row), in `ROWS` rows of invocations.
 */
export function treeOf({ images, mid, lanes }: { images: number; mid: number; lanes: number }) {
  const LANES = 2 ** Math.ceil(Math.log2(Math.min(16, lanes)));
  const ROWS = TREE / LANES;
  const chunks = Math.ceil(mid / (ROWS * TREE_STEPS));
  const blocks: [number, number, number] = [chunks, Math.ceil(lanes / LANES), images];
  const perLane: [number, number, number] = [lanes, images, 1];
  return { constants: { LANES, ROWS }, ROWS, chunks, partial: 8 * images * chunks * lanes, blocks, perLane };
}

/** Returns the groups and their elements as the naive kernels see them. */
export function naiveParams(x: Arg, { mode, epsilon }: Attrs) {
  const [images = 0, height = 0, width = 0] = x.shape;
  const pixels = height * width;
  return mode === 'channel'
    ? { count: images * x.channels, norm_groups: x.channels, size: pixels, width: 1, pixels, sample: 0, epsilon }
    : { count: images, norm_groups: 1, size: pixels * x.channels, width: x.channels, pixels, sample: 1, epsilon };
}

/** Channels of at most this many pixels are small enough for one invocation. */
const SMALL = 64;

/**
 * Returns why `small`, which has one invocation for every four channels of an image, cannot run, or nothing when it
 * can.
 */
export function smallRefusal(attrs: Attrs, x: Arg, ...rest: Arg[]): string | undefined {
  if (attrs.mode === 'sample') return 'it normalises channels, not whole samples';
  if (naiveParams(x, attrs).pixels > SMALL) return `the channels have more than ${SMALL} pixels`;
  return vec4Ready(x, ...rest) ? undefined : NEEDS_VEC4;
}

/**
 * Returns why `chunks` and `tree` cannot run, or nothing when they can. They read vectors of four channels, and the
 * gradients of short groups need the residual that only `small` and `naive` compute.
 */
export function chunksRefusal(attrs: Attrs, x: Arg, ...rest: Arg[]): string | undefined {
  if (naiveParams(x, attrs).size < 16) return 'groups of fewer than 16 elements need a more careful gradient';
  return vec4Ready(x, ...rest) ? undefined : NEEDS_VEC4;
}
