import sumSource from '../../../shaders/conv2d/gradient-sum.wgsl';
import naiveSource from '../../../shaders/conv2d/weight-gradient-naive.wgsl';
import splitSource from '../../../shaders/conv2d/weight-gradient-split.wgsl';
import tiledSource from '../../../shaders/conv2d/weight-gradient-tiled.wgsl';
import { grid, type Kernels, type Launch, type Variant, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader, withVariable } from '../../gpu/shader.js';
import type { WeightGradientCall } from './conv2dWeightGradient.js';
import { scratchLimit } from './launch.js';
import {
  bestTile,
  describeBest,
  groupsOf,
  memoized,
  NO_TILE,
  type Product,
  splitsOf,
  TILES,
  type Tile,
  tileRefusal,
  withTile,
} from './tiles.js';

const naive = shader('conv2dWeightGradient/naive', naiveSource);
const sum = withVariable('conv2dWeightGradient/sum', sumSource, 'total', 'gw');

/** Two forms of a kernel: one stores the sums of chunks in scratch, and one stores complete sums in the result. */
export interface SplitKernel {
  readonly split: Shader;
  readonly whole: Shader;
}

const split: SplitKernel = {
  split: shader('conv2dWeightGradient/split', splitSource),
  whole: withVariable('conv2dWeightGradient/whole', splitSource, 'partials', 'gw'),
};

function params({ attrs: { kernel, stride, pad, dilation }, arg: { x, gy } }: WeightGradientCall) {
  const [N = 0, H = 0, W = 0, C = 0] = x.shape;
  const [, Ho = 0, Wo = 0, O = 0] = gy.shape;
  return {
    ...{ N, H, W, C, Ho, Wo, O, KH: kernel[0], KW: kernel[1] },
    ...{ sh: stride[0], sw: stride[1], dh: dilation[0], dw: dilation[1], top: pad[0], left: pad[1] },
  };
}

/** Returns the number of tiles of `down` channels of x × `across` channels of gy, over all taps. */
export function tapTiles({ attrs: { kernel }, arg: { x, gy } }: WeightGradientCall, down: number, across: number) {
  return kernel[0] * kernel[1] * Math.ceil(x.channels / down) * Math.ceil(gy.channels / across);
}

/** Returns the number of rows of pixels of gy. */
export function pixelRows({ arg: { gy } }: WeightGradientCall): number {
  const [N = 0, Ho = 0] = gy.shape;
  return N * Ho;
}

/**
 * Launches the kernel on chunks, and then adds the chunks in order. A single chunk is stored directly in the result.
 */
function splitLaunch(
  call: WeightGradientCall,
  kernel: SplitKernel,
  groups: number,
  splits: number,
  chunk: Readonly<Record<string, number>>,
): Launch {
  const { gw } = call.arg;
  const [across, down] = grid(groups, 1);
  const count = gw.rows * gw.channels;
  const first = { params: { ...params(call), ...chunk }, workgroups: [across, down, splits] as const };
  if (splits === 1) return { dispatches: [{ shader: kernel.whole, ...first }] };
  return {
    scratch: { partials: splits * count },
    dispatches: [
      { shader: kernel.split, ...first },
      { shader: sum, params: { count, splits }, workgroups: grid(count, 64) },
    ],
  };
}

/** Does `splitLaunch` for a kernel that processes whole rows of gy, in as many chunks as are wanted and possible. */
export function launchRows(
  call: WeightGradientCall,
  kernel: SplitKernel,
  groups: number,
  wanted: number,
  partials: number,
): Launch {
  const { rows, channels } = call.arg.gw;
  const all = pixelRows(call);
  const room = Math.floor(partials / (rows * channels));
  const chunks = Math.max(1, Math.min(Math.ceil(wanted), room, all, 65535));
  const each = Math.ceil(all / chunks);
  return splitLaunch(call, kernel, groups, Math.ceil(all / each), { rows: each });
}

/** Returns the product for (tap, c) × o weights, each a sum over the pixels of gy. */
function product({ device, arg: { gy, gw } }: WeightGradientCall): Product {
  const { rows, channels: columns } = gw;
  const room = Math.min(65535, Math.floor(scratchLimit(device) / (rows * columns)));
  return { rows, columns, steps: Math.ceil(gy.rows / 8), copies: 1, room };
}

const tiled = memoized((t, scalar) => shader(`conv2dWeightGradient/tiled${t.name}`, withTile(tiledSource, t, scalar)));

const tiledWhole = memoized((t, scalar) =>
  withVariable(`conv2dWeightGradient/tiled${t.name}`, withTile(tiledSource, t, scalar), 'partials', 'gw'),
);

const tiledVariant = (t: Tile): Variant<WeightGradientCall> => ({
  name: `tiled${t.name}`,
  launch: (call) => {
    const { x, gy, gw } = call.arg;
    const wanted = product(call);
    const refused = tileRefusal(t, wanted, call.device);
    if (refused) return refused;
    const chunk = Math.ceil(wanted.steps / splitsOf(t, wanted));
    const scalar = [...(vec4Ready(x) ? [] : ['x']), ...(vec4Ready(gy, gw) ? [] : ['gy', 'partials'])];
    const kernel = { split: tiled(t, scalar), whole: tiledWhole(t, scalar) };
    return splitLaunch(call, kernel, groupsOf(t, wanted), Math.ceil(wanted.steps / chunk), { chunk });
  },
});

const tiledVariants = new Map(TILES.map((t) => [t, tiledVariant(t)]));

/**
 * Each invocation computes 8 × 8 weights of one tap for a chunk of rows. There are as few chunks as give about
 * `invocations` of them.
 */
export const splitVariant = (invocations: number): Variant<WeightGradientCall> => ({
  name: 'split',
  launch: (call) => {
    const count = tapTiles(call, 8, 8);
    return launchRows(call, split, Math.ceil(count / 32), invocations / count, scratchLimit(call.device));
  },
});

export const splitForGpus = splitVariant(65536);

const reference: Variant<WeightGradientCall> = {
  name: 'naive',
  launch: (call) => {
    const { rows, channels } = call.arg.gw;
    return { dispatches: [{ shader: naive, params: params(call), workgroups: grid(rows * channels, 64) }] };
  },
};

export const kernels: Kernels<WeightGradientCall> = {
  variants: [...tiledVariants.values(), splitForGpus, reference],
  reference,
  choose: (call) => {
    const wanted = product(call);
    const best = bestTile(TILES, wanted, call.device, (t) => splitsOf(t, wanted));
    const variant = best && tiledVariants.get(best.tile);
    return variant
      ? { variant, reason: describeBest(best, wanted) }
      : { variant: splitForGpus, reason: `${NO_TILE}; many invocations sum chunks of rows at once` };
  },
};
