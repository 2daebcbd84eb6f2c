import naiveSource from '../../../shaders/conv2d/naive.wgsl';
import registersSource from '../../../shaders/conv2d/registers.wgsl';
import scalarSource from '../../../shaders/conv2d/scalar.wgsl';
import subgroupSource from '../../../shaders/conv2d/subgroup.wgsl';
import tiledSource from '../../../shaders/conv2d/tiled.wgsl';
import { arg, type Call, type Dispatch, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { writtenOut } from '../../gpu/unroll.js';
import type { ConvAttrs } from './convolution.js';
import { convParams, scratchLimit, splitLaunch, storingTo } from './launch.js';
import { rejectsSubgroups, texelRows } from './subgroup.js';
import { tiledVariants } from './tiles.js';

const naive = shader('conv2d/naive', naiveSource);
const scalar = shader('conv2d/scalar', scalarSource);
const registers = shader('conv2d/registers', registersSource);
const subgroup = writtenOut('conv2d/subgroup', subgroupSource);
const subgroupSplit = writtenOut('conv2d/subgroupSplit', subgroupSource, (label, source) =>
  storingTo(label, source, 'y', 'partials'),
);

const tiled = tiledVariants<ConvAttrs>({
  op: 'conv2d',
  source: tiledSource,
  product: (call) => {
    const [KH = 0, KW = 0, C = 0] = arg(call, 'w').shape;
    const { rows, channels } = arg(call, 'y');
    return { rows, columns: channels, steps: KH * KW * Math.ceil(C / 8), copies: 1 };
  },
  scalar: ({ arg: { x, w, y, bias } }) => [
    ...(vec4Ready(x) ? [] : ['x']),
    ...(vec4Ready(w, y, bias) ? [] : ['w', 'bias', 'y']),
  ],
});

/** Bytes of a tile's weights that the second core cache keeps for the next tile of pixels. */
const CACHE_BYTES = 2 ** 19;

const tapsOf = (call: Call<ConvAttrs>): number => {
  const [KH = 0, KW = 0] = arg(call, 'w').shape;
  return KH * KW;
};

/** Taps whose weights for `columns` channels fit the cache. */
const cachedTaps = (call: Call<ConvAttrs>, columns: number): number =>
  Math.max(1, Math.floor(CACHE_BYTES / (4 * (arg(call, 'w').shape[2] ?? 1) * columns)));

/** Taps per chunk, of which there are at least two; half of what fits, as rows a power of two apart leave sets of a cache unused. */
const tapsPerChunk = (call: Call<ConvAttrs>): number =>
  Math.max(1, Math.floor(Math.min(cachedTaps(call, 64), tapsOf(call)) / 2));

const rejectsTile = ({ device, arg: { x, w, y, bias } }: Call<ConvAttrs>): string | undefined =>
  rejectsSubgroups(device) ??
  (x && texelRows(x) ? undefined : 'stride and offset of x must be multiples of 4') ??
  (vec4Ready(w, y, bias) ? undefined : 'output channels, stride and offset of y must be multiples of 4');

/** The kernel for subgroups with a tile of 32 pixels × so many output channels. */
const subgroupVariant = (columns: number, avoid: (call: Call<ConvAttrs>) => boolean): Variant<ConvAttrs> => ({
  name: `subgroup32x${columns}`,
  rejects: rejectsTile,
  avoid: (call) => !call.device.software || avoid(call),
  launch: (call) => ({ dispatches: [tile(call, subgroup, columns, arg(call, 'w').rows)] }),
});

function tile(call: Call<ConvAttrs>, kernels: typeof subgroup, columns: number, taps: number): Dispatch {
  const { rows: pixels, channels } = arg(call, 'y');
  const LANES = call.device.subgroupSize;
  const [across, down] = grid(Math.ceil(pixels / 32) * Math.ceil(channels / columns), 1);
  return {
    shader: kernels({ LANES, ROWS: 32, QUADS: columns / (4 * LANES) }),
    params: { ...convParams(call), taps },
    workgroups: [across, down, Math.ceil(tapsOf(call) / taps)],
  };
}

/**
 * The same on chunks of taps, which are then added in order: a tile's weights stay in the cache for the next tile of pixels, where
 * there are several.
 */
const subgroupSplitVariant: Variant<ConvAttrs> = {
  name: 'subgroupSplit',
  rejects: (call) => {
    const chunks = Math.ceil(tapsOf(call) / tapsPerChunk(call));
    const { rows, channels } = arg(call, 'y');
    const room = scratchLimit(call as Call<never>);
    return (
      rejectsTile(call) ??
      (chunks < 2 ? 'there is one tap' : undefined) ??
      (chunks * rows * channels > room ? 'no room to split' : undefined)
    );
  },
  avoid: (call) => {
    const { rows, channels } = arg(call, 'y');
    return !call.device.software || channels <= 32 || rows < 128 || tapsOf(call) <= cachedTaps(call, 64);
  },
  launch: (call) => {
    const taps = tapsPerChunk(call);
    return splitLaunch(call, Math.ceil(tapsOf(call) / taps), tile(call, subgroupSplit, 64, taps));
  },
};

export const variants: readonly Variant<ConvAttrs>[] = [
  ...tiled,
  subgroupSplitVariant,
  subgroupVariant(64, ({ arg: { y } }) => !y || y.channels <= 32),
  subgroupVariant(32, () => false),
  {
    name: 'registers',
    rejects: ({ arg: { x, w, y, bias } }) =>
      !vec4Ready(x, w, y, bias) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => {
      const { rows, channels } = arg(call, 'y');
      const count = Math.ceil(rows / 8) * Math.ceil(channels / 8);
      return { dispatches: [{ shader: registers, params: convParams(call), workgroups: grid(count, 32) }] };
    },
  },
  {
    name: 'scalar',
    launch: (call) => {
      const { rows, channels } = arg(call, 'y');
      const count = Math.ceil(rows / 8) * Math.ceil(channels / 4);
      return { dispatches: [{ shader: scalar, params: convParams(call), workgroups: grid(count, 32) }] };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const { rows, channels } = arg(call, 'y');
      return { dispatches: [{ shader: naive, params: convParams(call), workgroups: grid(rows * channels, 64) }] };
    },
  },
];
