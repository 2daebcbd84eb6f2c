import applyCode from '../../../shaders/instanceNorm/apply.wgsl?raw';
import finishCode from '../../../shaders/instanceNorm/finish.wgsl?raw';
import naiveCode from '../../../shaders/instanceNorm/naive.wgsl?raw';
import oneCode from '../../../shaders/instanceNorm/one.wgsl?raw';
import partialCode from '../../../shaders/instanceNorm/partial.wgsl?raw';
import smallCode from '../../../shaders/instanceNorm/small.wgsl?raw';
import treePartialCode from '../../../shaders/instanceNorm/tree-partial.wgsl?raw';
import treeStatsCode from '../../../shaders/instanceNorm/tree-stats.wgsl?raw';
import { apply, arg, type Call, grid, type Launch, type Op } from '../../autograd/op.js';
import { expectShape, nhwc, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { shader } from '../../gpu/shader.js';
import { instanceNormGradientOp } from './gradient.js';
import {
  type Attrs,
  chunksOf,
  lanesOf,
  type Mode,
  naiveParams,
  oneOf,
  rejectsChunks,
  rejectsOne,
  rejectsSmall,
  treeOf,
} from './view.js';

const naive = shader('instanceNorm/naive', naiveCode);
const small = shader('instanceNorm/small', smallCode);
const partial = shader('instanceNorm/partial', partialCode);
const finish = shader('instanceNorm/finish', finishCode);
const one = shader('instanceNorm/one', oneCode);
const treePartial = shader('instanceNorm/tree-partial', treePartialCode);
const treeStats = shader('instanceNorm/tree-stats', treeStatsCode);
const applyShader = shader('instanceNorm/apply', applyCode);

function launchOne(call: Call<Attrs>): Launch {
  const { images, mid, lanes, quads, pixels, norm_groups, sample } = lanesOf(arg(call, 'x'), call.attrs);
  const params = { mid, lanes, quads, pixels, norm_groups, sample, epsilon: call.attrs.epsilon };
  return { dispatches: [{ shader: one, params, ...oneOf({ lanes, images }) }] };
}

function launchChunks(call: Call<Attrs>): Launch {
  const { images, mid, lanes, quads, pixels, norm_groups, sample } = lanesOf(arg(call, 'x'), call.attrs);
  const { chunks, count, constants, workgroups } = chunksOf({ images, mid, lanes });
  const view = { count, mid, lanes, chunks, quads, pixels };
  const params = { ...view, norm_groups, sample, epsilon: call.attrs.epsilon };
  return {
    scratch: { partial: 8 * count },
    dispatches: [
      { shader: partial, constants, params: view, workgroups },
      { shader: finish, constants, params, workgroups },
    ],
  };
}

function launchTree(call: Call<Attrs>): Launch {
  const view = lanesOf(arg(call, 'x'), call.attrs);
  const { images, mid, lanes, quads, pixels, norm_groups, sample } = view;
  // eight elements for each load of γ, β and statistics
  const strips = Math.ceil(mid / 8);
  const { constants, ROWS, chunks, partial, blocks, perLane } = treeOf(view);
  return {
    scratch: { partial },
    dispatches: [
      { shader: treePartial, constants, params: { mid, lanes, chunks, quads, pixels }, workgroups: blocks },
      {
        shader: treeStats,
        constants: { ROWS },
        params: { mid, lanes, chunks, norm_groups, sample, epsilon: call.attrs.epsilon },
        workgroups: perLane,
      },
      {
        shader: applyShader,
        params: { count: images * strips * lanes, mid, lanes, chunks: strips, quads, pixels, norm_groups, sample },
        workgroups: grid(images * strips * lanes, 64),
      },
    ],
  };
}

/**
 * y = γ (x − μ)·inverse + β, and the statistics [N, 3, groups] that its gradient needs: mean, inverse scale and the coefficient
 * k of the gradient.
 */
export const instanceNormOp: Op<Attrs> = {
  name: 'instanceNorm',
  args: ['x', 'gamma', 'beta'],
  results: ['y', 'stats'],
  epilogue: 'y',
  strided: ['x', 'y'],
  infer: ([x, gamma, beta], { mode, epsilon }) => {
    const [n, , , c] = nhwc('instanceNorm', 'x', x as TensorType);
    const groups = mode === 'channel' ? c : 1;
    const why = mode === 'channel' ? 'one per channel of x' : 'one for all channels in sample mode';
    expectShape('instanceNorm', 'gamma', gamma as TensorType, [groups], why);
    expectShape('instanceNorm', 'beta', beta as TensorType, [groups], why);
    if (!(epsilon > 0)) throw new ShapeError('instanceNorm', `epsilon must be positive, got ${epsilon}`);
    return [x as TensorType, { shape: [n, 3, groups], dtype: 'f32' }];
  },
  gradient: (node, [gy]) => {
    const [x, gamma] = node.inputs;
    if (!gy) return [];
    return [...apply(instanceNormGradientOp, [x, node.outputs[1], gamma, gy], node.attrs as Attrs).outputs];
  },
  variants: [
    {
      name: 'small',
      rejects: (call) => rejectsSmall(arg(call, 'x'), call.attrs, arg(call, 'y')),
      launch: (call) => {
        const { images, quads, pixels } = lanesOf(arg(call, 'x'), call.attrs);
        const params = { count: images * quads, quads, pixels, epsilon: call.attrs.epsilon };
        return { dispatches: [{ shader: small, params, workgroups: grid(params.count, 64) }] };
      },
    },
    { name: 'one', rejects: rejectsOne, launch: launchOne },
    {
      name: 'tree',
      rejects: (call) => rejectsChunks(arg(call, 'x'), call.attrs, arg(call, 'y')),
      avoid: ({ device }) => device.software,
      launch: launchTree,
    },
    {
      name: 'chunks',
      rejects: (call) => rejectsChunks(arg(call, 'x'), call.attrs, arg(call, 'y')),
      launch: launchChunks,
    },
    {
      name: 'naive',
      launch: (call) => {
        const params = naiveParams(arg(call, 'x'), call.attrs);
        return { dispatches: [{ shader: naive, params, workgroups: grid(params.count, 64) }] };
      },
    },
  ],
  cost: (call) => {
    const { rows, channels } = arg(call, 'x');
    return { flops: 6 * rows * channels, bytes: 8 * rows * channels };
  },
};

export interface InstanceNormOptions {
  mode?: Mode;
  /** Added to the variance (channel mode, 1e-5 when absent) or to the standard deviation (sample mode, 1e-3). */
  epsilon?: number;
}

/**
 * Instance normalisation of x [N, H, W, C] (spec §4), result of the same shape.
 *
 * - mode `'channel'` (default): for each image and channel over H·W, y = γ_c (x − μ) / √(σ² + ε) + β_c; γ and β are [C].
 * - mode `'sample'` (the authors' code): for each image over H·W·C, y = γ (x − μ) / (σ + ε) + β; γ and β are [1].
 *
 * σ² is the population variance. A constant group gives β, and no NaN in the gradient. `ShapeError` when x has not four
 * dimensions, when γ or β have another shape, or when ε is not positive.
 */
export function instanceNorm(x: Tensor, gamma: Tensor, beta: Tensor, options: InstanceNormOptions = {}): Tensor {
  const { mode = 'channel', epsilon = mode === 'channel' ? 1e-5 : 1e-3 } = options;
  return apply(instanceNormOp, [x, gamma, beta], { mode, epsilon }).outputs[0] as Tensor;
}
