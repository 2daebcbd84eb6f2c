import naiveCode from '../../../shaders/conv2d/naive.wgsl?raw';
import registersCode from '../../../shaders/conv2d/registers.wgsl?raw';
import scalarCode from '../../../shaders/conv2d/scalar.wgsl?raw';
import subgroup4Code from '../../../shaders/conv2d/subgroup4.wgsl?raw';
import subgroup8Code from '../../../shaders/conv2d/subgroup8.wgsl?raw';
import tiledCode from '../../../shaders/conv2d/tiled.wgsl?raw';
import { applyOne, arg, type Call, grid, type Op, vec4Ready } from '../../autograd/op.js';
import { expectShape, formatShape, nhwc, type Tensor } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { shader } from '../../gpu/shader.js';
import { convTranspose2d } from '../convTranspose2d/convTranspose2d.js';
import { biasGradient } from './biasGradient.js';
import { conv2dWeightGradient } from './conv2dWeightGradient.js';
import {
  type ConvAttrs,
  type ConvOptions,
  chunkOf,
  convAttrs,
  convCost,
  convParams,
  convSize,
  leftOver,
  rejectsSubgroups,
  splitLaunch,
  splitsOf,
  storingTo,
} from './convolution.js';

const naive = shader('conv2d/naive', naiveCode);
const scalar = shader('conv2d/scalar', scalarCode);
const registers = shader('conv2d/registers', registersCode);
const subgroup4 = shader('conv2d/subgroup4', subgroup4Code);
const subgroup8 = shader('conv2d/subgroup8', subgroup8Code);
const tiled = shader('conv2d/tiled', tiledCode);
const splitK = storingTo('conv2d/splitK', tiledCode, 'y', 'partials');

/** Number of terms of one output element. */
const reduction = (call: Call<ConvAttrs>) => arg(call, 'w').rows;

/** Workgroups of the tiled kernel. */
const tiles = (call: Call<ConvAttrs>) => Math.ceil(arg(call, 'y').rows / 64) * Math.ceil(arg(call, 'y').channels / 64);

export const conv2dOp: Op<ConvAttrs> = {
  name: 'conv2d',
  args: ['x', 'w', 'bias?'],
  results: ['y'],
  strided: ['x', 'y'],
  infer: ([x, w, bias], attrs) => {
    const [N, H, W, C] = nhwc('conv2d', 'x', x as Tensor);
    const { shape } = w as Tensor;
    const image = formatShape([N, H, W, C]);
    const [KH, KW, , O] = shape;
    if (shape.length !== 4 || KH === undefined || KW === undefined || O === undefined)
      throw new ShapeError(
        'conv2d',
        `w must be [kernel height, kernel width, in, out] for x ${image}, got ${formatShape(shape)}`,
      );
    expectShape('conv2d', 'w', w as Tensor, [KH, KW, C, O], `input channels of x ${image}`);
    if (bias) expectShape('conv2d', 'bias', bias, [O], `output channels of w ${formatShape(shape)}`);
    const size = convSize([H, W], [KH, KW], attrs);
    if (!size)
      throw new ShapeError(
        'conv2d',
        `w ${formatShape(shape)} is larger than x ${image} with pad ${formatShape(attrs.pad)}`,
      );
    return [{ shape: [N, ...size, O], dtype: 'f32' }];
  },
  // y[i] = Σ_u x[i·s + u − top] · w[u] + b
  //   ⇒  gx[h] = Σ_u gy[(h + top − u)/s] · w[u],  gw[u] = Σ_i x[i·s + u − top] · gy[i],  gb = Σ_i gy[i]
  gradient: (node, [gy], needs) => {
    if (!gy) return [];
    const [x, w] = node.inputs as [Tensor, Tensor];
    const attrs = node.attrs as ConvAttrs;
    return [
      needs[0] ? convTranspose2d(gy, w, { ...attrs, outputPad: leftOver(x, w, gy, attrs) }) : undefined,
      needs[1] ? conv2dWeightGradient(x, gy, w.shape.slice(0, 2), attrs) : undefined,
      needs[2] ? biasGradient(gy) : undefined,
    ];
  },
  variants: [
    {
      name: 'splitK',
      rejects: (call) => splitsOf(call, tiles(call), reduction(call)) < 2 && 'there are enough tiles without splitting',
      avoid: ({ device }) => device.software,
      launch: (call) => {
        const K = reduction(call);
        const chunk = chunkOf(K, splitsOf(call, tiles(call), K));
        const splits = Math.ceil(K / chunk);
        const [across, down] = grid(tiles(call), 1);
        const params = { ...convParams(call), chunk };
        return splitLaunch(call, splits, { shader: splitK, params, workgroups: [across, down, splits] });
      },
    },
    {
      name: 'tiled',
      avoid: ({ device }) => device.software,
      launch: (call) => {
        const params = { ...convParams(call), chunk: reduction(call) };
        return { dispatches: [{ shader: tiled, params, workgroups: grid(tiles(call), 1) }] };
      },
    },
    {
      name: 'subgroup',
      rejects: ({ device, arg: { x, w, y, bias } }) =>
        rejectsSubgroups(device) ||
        (!vec4Ready(x, w, y, bias) && 'channels, strides and offsets must be multiples of 4'),
      avoid: ({ device }) => !device.software,
      launch: (call) => {
        const { rows, channels } = arg(call, 'y');
        const lanes = call.device.subgroupSize;
        const count = Math.ceil(rows / 32) * Math.ceil(channels / (4 * lanes));
        const kernel = lanes === 8 ? subgroup8 : subgroup4;
        return { dispatches: [{ shader: kernel, params: convParams(call), workgroups: grid(count, 1) }] };
      },
    },
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
  ],
  cost: (call) => convCost(call, 'y'),
};

/**
 * Convolution (cross-correlation, as in PyTorch), summed over the taps u, v and channels c, x being 0 outside:
 * y[n, i, j, o] = Σ x[n, i·sh + u − top, j·sw + v − left, c] · w[u, v, c, o] + bias[o].
 *
 * x [N, H, W, Cin], w [KH, KW, Cin, Cout], bias [Cout]; the result is [N, Ho, Wo, Cout] with
 * Ho = ⌊(H + top + bottom − KH) / sh⌋ + 1. Throws `ShapeError` when shapes disagree, the kernel is larger than the
 * padded image, or stride and pad are no such integers.
 *
 * The blocks CN of the paper (Siarohin et al. 2018, §4): 3×3 pad 1, or 4×4 stride 2 pad 1.
 */
export function conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return applyOne(conv2dOp, [x, w, options.bias], convAttrs('conv2d', options));
}
