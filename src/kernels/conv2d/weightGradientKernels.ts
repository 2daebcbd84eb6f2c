import sumSource from '../../../shaders/conv2d/gradient-sum.wgsl';
import naiveSource from '../../../shaders/conv2d/weight-gradient-naive.wgsl';
import narrowSource from '../../../shaders/conv2d/weight-gradient-narrow.wgsl';
import splitSource from '../../../shaders/conv2d/weight-gradient-split.wgsl';
import subgroupSource from '../../../shaders/conv2d/weight-gradient-subgroup.wgsl';
import tiledSource from '../../../shaders/conv2d/weight-gradient-tiled.wgsl';
import { type Arg, arg, type Call, grid, type Launch, type Variant, vec4Ready } from '../../autograd/op.js';
import { type Shader, shader } from '../../gpu/shader.js';
import { writtenOut } from '../../gpu/unroll.js';
import type { WeightGradientAttrs } from './conv2dWeightGradient.js';
import { scratchLimit, storingTo } from './launch.js';
import { rejectsSubgroups, texelRows } from './subgroup.js';
import { bestTile, groupsOf, kept, type Product, rejectsTile, splitsOf, TILES, withTile } from './tiles.js';

const naive = shader('conv2dWeightGradient/naive', naiveSource);
const split = shader('conv2dWeightGradient/split', splitSource);
const whole = storingTo('conv2dWeightGradient/whole', splitSource, 'partials', 'gw');
const subgroup = writtenOut('conv2dWeightGradient/subgroup', subgroupSource);
const subgroupWhole = writtenOut('conv2dWeightGradient/subgroup', subgroupSource, (label, source) =>
  storingTo(label, source, 'partials', 'gw'),
);

const narrow = writtenOut('conv2dWeightGradient/narrow', narrowSource);
const narrowWhole = writtenOut('conv2dWeightGradient/narrow', narrowSource, (label, source) =>
  storingTo(label, source, 'partials', 'gw'),
);
const sum = storingTo('conv2dWeightGradient/sum', sumSource, 'total', 'gw');

type WeightCall = Call<WeightGradientAttrs>;

function params(call: WeightCall): Record<string, number> {
  const [N = 0, H = 0, W = 0, C = 0] = arg(call, 'x').shape;
  const [, Ho = 0, Wo = 0, O = 0] = arg(call, 'gy').shape;
  const { kernel, stride, pad } = call.attrs;
  return {
    ...{ N, H, W, C, Ho, Wo, O, KH: kernel[0], KW: kernel[1] },
    ...{ sh: stride[0], sw: stride[1], top: pad[0], left: pad[1] },
  };
}

/** Tiles of `down` channels of x × `across` channels of gy, over all taps. */
function tiles(call: WeightCall, down: number, across: number): number {
  const { kernel } = call.attrs;
  const [c, o] = [arg(call, 'x').channels, arg(call, 'gy').channels];
  return kernel[0] * kernel[1] * Math.ceil(c / down) * Math.ceil(o / across);
}

/** Rows of gy per chunk, so that `count` tiles become about `wanted`: as few chunks as that takes, and as the scratch allows. */
function rowsPerChunk(call: WeightCall, count: number, wanted: number): number {
  const [N = 0, Ho = 0] = arg(call, 'gy').shape;
  const { rows, channels } = arg(call, 'gw');
  const room = Math.floor(scratchLimit(call as Call<never>) / (rows * channels));
  const chunks = Math.max(1, Math.min(Math.ceil(wanted / count), room, N * Ho, 65535));
  return Math.ceil((N * Ho) / chunks);
}

/** The kernel on chunks, then the sum of the chunks in order; straight to the result when there is one chunk. */
function splitLaunch(
  call: WeightCall,
  kernels: { split: Shader; whole: Shader },
  groups: number,
  splits: number,
  chunk: Readonly<Record<string, number>>,
): Launch {
  const gw = arg(call, 'gw');
  const [across, down] = grid(groups, 1);
  const count = gw.rows * gw.channels;
  const first = { params: { ...params(call), ...chunk }, workgroups: [across, down, splits] as const };
  if (splits === 1) return { dispatches: [{ shader: kernels.whole, ...first }] };
  return {
    scratch: { partials: splits * count },
    dispatches: [
      { shader: kernels.split, ...first },
      { shader: sum, params: { count, splits }, workgroups: grid(count, 64) },
    ],
  };
}

/** `splitLaunch` of a kernel that takes whole rows of gy. */
function launchRows(call: WeightCall, kernels: { split: Shader; whole: Shader }, groups: number, rows: number): Launch {
  const [N = 0, Ho = 0] = arg(call, 'gy').shape;
  return splitLaunch(call, kernels, groups, Math.ceil((N * Ho) / rows), { rows });
}

/** (tap, c) × o weights, a sum over the pixels of gy. */
function product(call: WeightCall): Product {
  const { rows, channels: columns } = arg(call, 'gw');
  const room = Math.min(65535, Math.floor(scratchLimit(call as Call<never>) / (rows * columns)));
  return { rows, columns, steps: Math.ceil(arg(call, 'gy').rows / 8), copies: 1, room };
}

const tiled = kept((t, scalar) => shader(`conv2dWeightGradient/tiled${t.name}`, withTile(tiledSource, t, scalar)));

const tiledWhole = kept((t, scalar) =>
  storingTo(`conv2dWeightGradient/tiled${t.name}`, withTile(tiledSource, t, scalar), 'partials', 'gw'),
);

const tiledVariants = TILES.map(
  (t): Variant<WeightGradientAttrs> => ({
    name: `tiled${t.name}`,
    rejects: (call) => rejectsTile(t, product(call), call.device),
    avoid: (call) => {
      const wanted = product(call);
      return call.device.software || bestTile(TILES, wanted, call.device, (u) => splitsOf(u, wanted)).tile !== t;
    },
    launch: (call) => {
      const { x, gy, gw } = call.arg;
      const wanted = product(call);
      const chunk = Math.ceil(wanted.steps / splitsOf(t, wanted));
      const scalar = [...(vec4Ready(x) ? [] : ['x']), ...(vec4Ready(gy, gw) ? [] : ['gy', 'partials'])];
      const kernels = { split: tiled(t, scalar), whole: tiledWhole(t, scalar) };
      return splitLaunch(call, kernels, groupsOf(t, wanted), Math.ceil(wanted.steps / chunk), { chunk });
    },
  }),
);

/** What the rows of x and gy in a chunk may take, so that the second core cache keeps them for the next tile. */
const CACHE_BYTES = 2 ** 19;
/** Elements of partial sums that all chunks may have. */
const MAX_PARTIALS = 2 ** 21;

/** Rows of gy per chunk of the subgroup kernels. */
function cachedRows(call: WeightCall, count: number): number {
  const [N = 0, Ho = 0, Wo = 0, O = 0] = arg(call, 'gy').shape;
  const [, , W = 0, C = 0] = arg(call, 'x').shape;
  const { rows, channels } = arg(call, 'gw');
  const bytes = 4 * N * Ho * (Wo * O + call.attrs.stride[0] * W * C);
  const wanted = Math.max(bytes / CACHE_BYTES, 16 / count);
  const chunks = Math.max(1, Math.min(Math.ceil(wanted), Math.floor(MAX_PARTIALS / (rows * channels)), N * Ho, 65535));
  return Math.ceil((N * Ho) / chunks);
}

/** The kernel for subgroups with a tile of 32 channels of x × so many of gy. */
const subgroupVariant = (across: number, avoid: (gy: Arg) => boolean): Variant<WeightGradientAttrs> => ({
  name: `subgroup32x${across}`,
  rejects: ({ device, arg: { x, gy } }) =>
    rejectsSubgroups(device) ||
    (!(x && texelRows(x)) && 'stride and offset of x must be multiples of 4') ||
    (!vec4Ready(gy) && 'channels, stride and offset of gy must be multiples of 4'),
  avoid: (call) => !call.device.software || avoid(arg(call, 'gy')),
  launch: (call) => {
    const LANES = call.device.subgroupSize;
    const constants = { LANES, BLOCKS: 8 / LANES, QUADS: across / (4 * LANES) };
    const count = tiles(call, 32, across);
    const kernels = { split: subgroup(constants), whole: subgroupWhole(constants) };
    return launchRows(call, kernels, count, cachedRows(call, count));
  },
});

/** The kernel for subgroups where gy has four channels, which would leave most of a tile empty: all taps of a row at once. */
const narrowVariant: Variant<WeightGradientAttrs> = {
  name: 'subgroupNarrow',
  rejects: (call) => {
    const { x, gy } = call.arg;
    const { kernel, stride } = call.attrs;
    return (
      rejectsSubgroups(call.device) ??
      (x && texelRows(x) ? undefined : 'stride and offset of x must be multiples of 4') ??
      (gy?.channels === 4 && vec4Ready(gy) ? undefined : 'gy must have 4 channels, and its rows be aligned') ??
      (stride[1] === 1 && kernel[1] <= 4 ? undefined : 'the kernel must be at most 4 wide, with stride 1')
    );
  },
  avoid: (call) => !call.device.software,
  launch: (call) => {
    const LANES = call.device.subgroupSize;
    const [height, WIDTH] = call.attrs.kernel;
    const constants = { LANES, WIDTH, STEP: LANES + 1 - WIDTH };
    const count = height * Math.ceil(arg(call, 'x').channels / (4 * LANES));
    const kernels = { split: narrow(constants), whole: narrowWhole(constants) };
    return launchRows(call, kernels, count, cachedRows(call, count));
  },
};

export const variants: readonly Variant<WeightGradientAttrs>[] = [
  ...tiledVariants,
  narrowVariant,
  subgroupVariant(64, (gy) => gy.channels <= 32),
  subgroupVariant(32, () => false),
  {
    name: 'split',
    launch: (call) => {
      const count = tiles(call, 8, 8);
      const rows = rowsPerChunk(call, count, call.device.software ? 1024 : 65536);
      return launchRows(call, { split, whole }, Math.ceil(count / 32), rows);
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const { rows, channels } = arg(call, 'gw');
      return { dispatches: [{ shader: naive, params: params(call), workgroups: grid(rows * channels, 64) }] };
    },
  },
];
