import subgroupSource from '../../shaders/software/weight-gradient.wgsl';
import narrowSource from '../../shaders/software/weight-gradient-narrow.wgsl';
import { type Kernels, type Launch, type Variant, vec4Ready } from '../autograd/kernel.js';
import { type ShaderSource, withVariable } from '../gpu/shader.js';
import type { WeightGradientCall } from '../kernels/conv2d/conv2dWeightGradient.js';

import {
  kernels as forGpus,
  launchRows,
  pixelRows,
  type SplitKernel,
  splitForGpus,
  splitVariant,
  tapTiles,
} from '../kernels/conv2d/weightGradientKernels.js';
import { firstOf } from './offers.js';
import { rejectsSubgroups, texelRows } from './subgroup.js';
import { unrolledShader } from './unroll.js';

/** A kernel by its constants, which stores to scratch or to the result. */
function splitKernel(
  label: string,
  source: ShaderSource,
): (constants: Readonly<Record<string, number>>) => SplitKernel {
  const split = unrolledShader(label, source);
  const whole = unrolledShader(label, source, (name, text) => withVariable(name, text, 'partials', 'gw'));
  return (constants) => ({ split: split(constants), whole: whole(constants) });
}

const subgroup = splitKernel('conv2dWeightGradient/subgroup', subgroupSource);
const subgroupNarrow = splitKernel('conv2dWeightGradient/narrow', narrowSource);

/** What the rows of x and gy in a chunk may take, so that the second core cache keeps them for the next tile. */
const CACHE_BYTES = 2 ** 19;
/** Elements of partial sums that all chunks may have. */
const MAX_PARTIALS = 2 ** 21;

/** `count` tiles on chunks of rows that fit the cache, and at least 16 workgroups in all. */
function launchCached(call: WeightGradientCall, kernel: SplitKernel, count: number): Launch {
  const [, , Wo = 0, O = 0] = call.arg.gy.shape;
  const [, , W = 0, C = 0] = call.arg.x.shape;
  const bytes = 4 * pixelRows(call) * (Wo * O + call.attrs.stride[0] * W * C);
  return launchRows(call, kernel, count, Math.max(bytes / CACHE_BYTES, 16 / count), MAX_PARTIALS);
}

/** Returns why the kernels for subgroups cannot run a call, or nothing if they can. */
const refusal = ({ device, arg: { x } }: WeightGradientCall): string | undefined =>
  rejectsSubgroups(device) ?? (texelRows(x) ? undefined : 'stride and offset of x must be multiples of 4');

/** The kernel for subgroups with a tile of 32 channels of x × `across` channels of gy. */
const subgroupVariant = (across: number): Variant<WeightGradientCall> => ({
  name: `subgroup32x${across}`,
  launch: (call) => {
    const refused = refusal(call);
    if (refused) return refused;
    if (!vec4Ready(call.arg.gy)) return 'channels, stride and offset of gy must be multiples of 4';
    const LANES = call.device.subgroupSize;
    const constants = { LANES, BLOCKS: 8 / LANES, QUADS: across / (4 * LANES) };
    return launchCached(call, subgroup(constants), tapTiles(call, 32, across));
  },
});

const wide = subgroupVariant(64);
const narrow = subgroupVariant(32);

/** The kernel for subgroups where gy has four channels, which would leave most of a tile empty: all taps of a row at once. */
const fourChannels: Variant<WeightGradientCall> = {
  name: 'subgroupNarrow',
  launch: (call) => {
    const { x, gy } = call.arg;
    const { kernel, stride, dilation } = call.attrs;
    const refused = refusal(call);
    if (refused) return refused;
    if (gy.channels !== 4 || !vec4Ready(gy)) return 'gy must have 4 channels, and its rows be aligned';
    const [height, WIDTH] = kernel;
    if (stride[1] !== 1 || dilation[1] !== 1 || WIDTH > 4)
      return 'the kernel must be at most 4 wide, with stride and dilation 1 across';
    const LANES = call.device.subgroupSize;
    const constants = { LANES, WIDTH, STEP: LANES + 1 - WIDTH };
    return launchCached(call, subgroupNarrow(constants), height * Math.ceil(x.channels / (4 * LANES)));
  },
};

const split = splitVariant(1024);

const variants = forGpus.variants.flatMap((v) => (v === splitForGpus ? [fourChannels, wide, narrow, split] : [v]));

export const kernels: Kernels<WeightGradientCall> = firstOf(
  { variants, reference: forGpus.reference },
  [
    { variant: fourChannels, reason: 'gy has four channels: a subgroup makes all taps of a row at once' },
    {
      variant: wide,
      reason: 'gy has more than 32 channels, which a subgroup takes 64 at a time',
      suits: ({ arg: { gy } }) => gy.channels > 32,
    },
    { variant: narrow, reason: 'gy has at most 32 channels, which a subgroup takes at once' },
  ],
  { variant: split, reason: 'it needs no subgroups and no aligned rows' },
);
