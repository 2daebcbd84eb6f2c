import naiveCode from '../../../shaders/conv2dWeightGradient/naive.wgsl?raw';
import splitCode from '../../../shaders/conv2dWeightGradient/split.wgsl?raw';
import subgroup4Code from '../../../shaders/conv2dWeightGradient/subgroup4.wgsl?raw';
import subgroup8Code from '../../../shaders/conv2dWeightGradient/subgroup8.wgsl?raw';
import sumCode from '../../../shaders/conv2dWeightGradient/sum.wgsl?raw';
import { applyOne, arg, type Call, grid, type Launch, type Op, vec4Ready } from '../../autograd/op.js';
import { formatShape, nhwc, type Shape, type Tensor } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { type Shader, shader } from '../../gpu/shader.js';
import { convTranspose2d } from '../convTranspose2d/convTranspose2d.js';
import { conv2d } from './conv2d.js';
import {
  type ConvAttrs,
  convCost,
  convSize,
  leftOver,
  rejectsSubgroups,
  scratchLimit,
  storingTo,
} from './convolution.js';

export interface WeightGradientAttrs extends ConvAttrs {
  /** Kernel height and width. */
  readonly kernel: readonly [number, number];
}

const naive = shader('conv2dWeightGradient/naive', naiveCode);
const split = shader('conv2dWeightGradient/split', splitCode);
const whole = storingTo('conv2dWeightGradient/whole', splitCode, 'partials', 'gw');
const subgroups: ReadonlyMap<number, { split: Shader; whole: Shader }> = new Map(
  [[4, subgroup4Code] as const, [8, subgroup8Code] as const].map(([lanes, code]) => [
    lanes,
    {
      split: shader(`conv2dWeightGradient/subgroup${lanes}`, code),
      whole: storingTo(`conv2dWeightGradient/subgroup${lanes}`, code, 'partials', 'gw'),
    },
  ]),
);
const sum = storingTo('conv2dWeightGradient/sum', sumCode, 'total', 'gw');

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

/** The kernel on chunks of rows, then the sum of the chunks in order; straight to the result when there is one chunk. */
function splitLaunch(
  call: WeightCall,
  kernels: { split: Shader; whole: Shader },
  groups: number,
  rows: number,
): Launch {
  const [N = 0, Ho = 0] = arg(call, 'gy').shape;
  const gw = arg(call, 'gw');
  const splits = Math.ceil((N * Ho) / rows);
  const [across, down] = grid(groups, 1);
  const count = gw.rows * gw.channels;
  const first = { params: { ...params(call), rows }, workgroups: [across, down, splits] as const };
  if (splits === 1) return { dispatches: [{ shader: kernels.whole, ...first }] };
  return {
    scratch: { partials: splits * count },
    dispatches: [
      { shader: kernels.split, ...first },
      { shader: sum, params: { count, splits }, workgroups: grid(count, 64) },
    ],
  };
}

export const conv2dWeightGradientOp: Op<WeightGradientAttrs> = {
  name: 'conv2dWeightGradient',
  args: ['x', 'gy'],
  results: ['gw'],
  strided: ['x', 'gy'],
  infer: ([x, gy], attrs) => {
    const op = 'conv2dWeightGradient';
    const [N, H, W, C] = nhwc(op, 'x', x as Tensor);
    const [n, height, width, O] = nhwc(op, 'gy', gy as Tensor);
    const size = convSize([H, W], attrs.kernel, attrs);
    const got = formatShape([n, height, width, O]);
    const from = `the result for x ${formatShape([N, H, W, C])} and kernel ${formatShape(attrs.kernel)}`;
    if (!size) throw new ShapeError(op, `gy is ${got}, but there is no ${from}`);
    if (n !== N || height !== size[0] || width !== size[1])
      throw new ShapeError(op, `gy must be ${formatShape([N, ...size, O])} (${from}), got ${got}`);
    return [{ shape: [...attrs.kernel, C, O], dtype: 'f32' }];
  },
  // gw is linear in x and in gy: the convolution of x with g, and its input gradient
  gradient: (node, [g], needs) => {
    if (!g) return [];
    const [x, gy] = node.inputs as [Tensor, Tensor];
    const { stride, pad } = node.attrs as WeightGradientAttrs;
    const attrs = { stride, pad };
    return [
      needs[0] ? convTranspose2d(gy, g, { ...attrs, outputPad: leftOver(x, g, gy, attrs) }) : undefined,
      needs[1] ? conv2d(x, g, attrs) : undefined,
    ];
  },
  variants: [
    {
      name: 'subgroup',
      rejects: ({ device, arg: { x, gy } }) =>
        rejectsSubgroups(device) || (!vec4Ready(x, gy) && 'channels, strides and offsets must be multiples of 4'),
      avoid: ({ device }) => !device.software,
      launch: (call) => {
        const lanes = call.device.subgroupSize;
        const count = tiles(call, 32, 4 * lanes);
        const kernels = subgroups.get(lanes) as { split: Shader; whole: Shader };
        return splitLaunch(call, kernels, count, rowsPerChunk(call, count, 64));
      },
    },
    {
      name: 'split',
      launch: (call) => {
        const count = tiles(call, 8, 8);
        const rows = rowsPerChunk(call, count, call.device.software ? 1024 : 65536);
        return splitLaunch(call, { split, whole }, Math.ceil(count / 32), rows);
      },
    },
    {
      name: 'naive',
      launch: (call) => {
        const { rows, channels } = arg(call, 'gw');
        return { dispatches: [{ shader: naive, params: params(call), workgroups: grid(rows * channels, 64) }] };
      },
    },
  ],
  cost: (call) => convCost(call, 'gy'),
};

/**
 * Gradient of a convolution's weights: gw[u, v, c, o] = Σ x[n, i·sh + u − top, j·sw + v − left, c] · gy[n, i, j, o]
 * over all pixels n, i, j of gy. x [N, H, W, Cx] is the image the windows slide over, gy [N, Ho, Wo, Cg] has one pixel
 * per window; the result is [KH, KW, Cx, Cg]. For a transposed convolution x and gy change places.
 */
export function conv2dWeightGradient(x: Tensor, gy: Tensor, kernel: Shape, { stride, pad }: ConvAttrs): Tensor {
  const [KH = 0, KW = 0] = kernel;
  return applyOne(conv2dWeightGradientOp, [x, gy], { kernel: [KH, KW], stride, pad });
}
