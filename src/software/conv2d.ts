import subgroupSource from '../../shaders/software/conv2d.wgsl';
import { type Dispatch, grid, type Kernels, type Variant, vec4Ready } from '../autograd/kernel.js';
import { withVariable } from '../gpu/shader.js';
import type { Conv2dCall } from '../kernels/conv2d/conv2d.js';
import { kernels as forGpus, registersVariant, scalarVariant } from '../kernels/conv2d/kernels.js';
import { convParams, scratchLimit, splitLaunch } from '../kernels/conv2d/launch.js';
import { firstOf } from './offers.js';
import { rejectsSubgroups, texelRows } from './subgroup.js';
import { unrolledShader } from './unroll.js';

const subgroup = unrolledShader('conv2d/subgroup', subgroupSource);
const subgroupSplit = unrolledShader('conv2d/subgroupSplit', subgroupSource, (label, source) =>
  withVariable(label, source, 'y', 'partials'),
);

/** The bytes of a tile's weights that a core's second-level cache keeps until the next tile of pixels. */
const CACHE_BYTES = 2 ** 19;

const tapsOf = ({ arg: { w } }: Conv2dCall): number => {
  const [KH = 0, KW = 0] = w.shape;
  return KH * KW;
};

/** The number of taps whose weights for `columns` channels fit into that cache. */
const cachedTaps = ({ arg: { w } }: Conv2dCall, columns: number): number =>
  Math.max(1, Math.floor(CACHE_BYTES / (4 * (w.shape[2] ?? 1) * columns)));

/**
 * The number of taps per chunk, for at least two chunks. It is half of what fits, because rows that are a power of two apart use only
 * some of the cache's sets.
 */
const tapsPerChunk = (call: Conv2dCall): number =>
  Math.max(1, Math.floor(Math.min(cachedTaps(call, 64), tapsOf(call)) / 2));

/** Says why the kernels for subgroups cannot run a call; `undefined` if they can. */
const refusal = ({ device, arg: { x, w, y, bias } }: Conv2dCall): string | undefined =>
  rejectsSubgroups(device) ??
  (texelRows(x) ? undefined : 'stride and offset of x must be multiples of 4') ??
  (vec4Ready(w, y, bias) ? undefined : 'output channels, stride and offset of y must be multiples of 4');

/** Dispatches a kernel for subgroups on tiles of 32 pixels × `columns` output channels, with `taps` taps per workgroup. */
function tile(call: Conv2dCall, kernel: typeof subgroup, columns: number, taps: number): Dispatch {
  const { rows: pixels, channels } = call.arg.y;
  const LANES = call.device.subgroupSize;
  const [across, down] = grid(Math.ceil(pixels / 32) * Math.ceil(channels / columns), 1);
  return {
    shader: kernel({ LANES, ROWS: 32, QUADS: columns / (4 * LANES) }),
    params: { ...convParams(call), taps },
    workgroups: [across, down, Math.ceil(tapsOf(call) / taps)],
  };
}

const subgroupVariant = (columns: number): Variant<Conv2dCall> => ({
  name: `subgroup32x${columns}`,
  launch: (call) => refusal(call) ?? { dispatches: [tile(call, subgroup, columns, call.arg.w.rows)] },
});

const wide = subgroupVariant(64);
const narrow = subgroupVariant(32);

/**
 * The same kernel on chunks of taps, whose results are then added in order. If there are several tiles of pixels, the weights of a chunk
 * stay in the cache from one tile to the next.
 */
const split: Variant<Conv2dCall> = {
  name: 'subgroupSplit',
  launch: (call) => {
    const refused = refusal(call);
    if (refused) return refused;
    const taps = tapsPerChunk(call);
    const chunks = Math.ceil(tapsOf(call) / taps);
    if (chunks < 2) return 'the kernel has only one tap';
    const { rows, channels } = call.arg.y;
    if (chunks * rows * channels > scratchLimit(call.device)) return 'the partial sums do not fit into scratch memory';
    return splitLaunch(call, chunks, tile(call, subgroupSplit, 64, taps));
  },
};

const isWide = ({ arg: { y } }: Conv2dCall): boolean => y.channels > 32;

const variants = forGpus.variants.flatMap((v) => (v === registersVariant ? [split, wide, narrow, v] : [v]));

export const kernels: Kernels<Conv2dCall> = firstOf(
  { variants, reference: forGpus.reference },
  [
    {
      variant: split,
      reason: 'the cache has no room for the weights of all taps',
      suits: (call) => isWide(call) && call.arg.y.rows >= 128 && tapsOf(call) > cachedTaps(call, 64),
    },
    { variant: wide, reason: 'more than 32 output channels, which a subgroup takes 64 at a time', suits: isWide },
    { variant: narrow, reason: 'at most 32 output channels, which a subgroup takes at once' },
    { variant: registersVariant, reason: 'channels, strides and offsets are multiples of 4' },
  ],
  { variant: scalarVariant, reason: 'not all channels, strides and offsets are multiples of 4' },
);
