import { type Arg, grid, NEEDS_VEC4, vec4Ready } from '../../autograd/kernel.js';

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
  const [images = 0, height = 0, width = 0] = x.shape;
  const pixels = height * width;
  const quads = x.channels / 4;
  return mode === 'channel'
    ? { images, pixels, quads, mid: pixels, lanes: quads, norm_groups: x.channels, sample: 0, size: pixels }
    : { images, pixels, quads, mid: pixels * quads, lanes: 1, norm_groups: 1, sample: 1, size: pixels * x.channels };
}

/** Chunks of an image in the chunked kernels at most, all lanes together. */
const CHUNKS = 128;

/**
 * How the chunked kernels share the vectors of an image. Every invocation of the last pass joins what the first found in all
 * chunks of its lane, which costs a CPU less than a dispatch between the two as long as they are few: c invocations join c chunks,
 * so c² is kept well below the vectors of a lane.
 */
export function chunksOf({ images, mid, lanes }: { images: number; mid: number; lanes: number }) {
  const chunks = Math.max(1, Math.min(Math.ceil(Math.sqrt(mid) / 2), Math.round(CHUNKS / lanes)));
  const count = images * chunks * lanes;
  // Wide workgroups read longer runs of memory; narrow ones are enough of them for the cores where there is little to do.
  const WIDTH = count < 512 ? 16 : 64;
  return { chunks, count, constants: { WIDTH }, workgroups: grid(count, WIDTH) };
}

/** Invocations of a workgroup that normalises its lanes in one dispatch, and how many of them lie side by side at most. */
const ONE = 64;
const ONE_LANES = 8;

/** How a workgroup shares the vectors of its lanes: LANES side by side, in ROWS rows of invocations. */
export function oneOf({ lanes, images }: { lanes: number; images: number }) {
  const LANES = 2 ** Math.ceil(Math.log2(Math.min(ONE_LANES, lanes)));
  const workgroups: [number, number, number] = [Math.ceil(lanes / LANES), images, 1];
  return { constants: { LANES, ROWS: ONE / LANES }, workgroups };
}

/** Why `one` cannot run a call, if a workgroup may take at most `most` vectors; nothing when it can. */
export function oneRefusal(attrs: Attrs, x: Arg, y: Arg, most: number): string | undefined {
  if (!vec4Ready(x, y)) return NEEDS_VEC4;
  const view = lanesOf(x, attrs);
  const vectors = view.mid * oneOf(view).constants.LANES;
  return vectors > most ? `the lanes of a workgroup have more than ${most} vectors` : undefined;
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
  const [images = 0, height = 0, width = 0] = x.shape;
  const pixels = height * width;
  return mode === 'channel'
    ? { count: images * x.channels, norm_groups: x.channels, size: pixels, width: 1, pixels, sample: 0, epsilon }
    : { count: images, norm_groups: 1, size: pixels * x.channels, width: x.channels, pixels, sample: 1, epsilon };
}

/** Channels of at most this many pixels are normalised by one invocation each. */
const SMALL = 64;

/** Why `small` cannot run, which has an invocation for every four channels of an image; nothing when it can. */
export function smallRefusal(attrs: Attrs, x: Arg, ...rest: Arg[]): string | undefined {
  if (attrs.mode === 'sample') return 'whole samples are not small';
  if (naiveParams(x, attrs).pixels > SMALL) return `the channels are longer than ${SMALL} pixels`;
  return vec4Ready(x, ...rest) ? undefined : NEEDS_VEC4;
}

/**
 * Why `chunks` and `tree` cannot run; nothing when they can. Their vectors are of four channels, and the gradients of short groups
 * need the residual that `small` and `naive` compute.
 */
export function chunksRefusal(attrs: Attrs, x: Arg, ...rest: Arg[]): string | undefined {
  if (naiveParams(x, attrs).size < 16) return 'groups of fewer than 16 elements need a more careful gradient';
  return vec4Ready(x, ...rest) ? undefined : NEEDS_VEC4;
}
