import applySource from '../../../shaders/instanceNorm/apply.wgsl';
import finishSource from '../../../shaders/instanceNorm/finish.wgsl';
import naiveSource from '../../../shaders/instanceNorm/naive.wgsl';
import oneSource from '../../../shaders/instanceNorm/one.wgsl';
import partialSource from '../../../shaders/instanceNorm/partial.wgsl';
import smallSource from '../../../shaders/instanceNorm/small.wgsl';
import treePartialSource from '../../../shaders/instanceNorm/tree-partial.wgsl';
import treeStatsSource from '../../../shaders/instanceNorm/tree-stats.wgsl';
import { grid, type Kernels, type Launch, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { InstanceNormCall } from './instanceNorm.js';
import { chunksOf, chunksRefusal, lanesOf, naiveParams, oneOf, oneRefusal, smallRefusal, treeOf } from './view.js';

const naive = shader('instanceNorm/naive', naiveSource);
const smallShader = shader('instanceNorm/small', smallSource);
const partial = shader('instanceNorm/partial', partialSource);
const finish = shader('instanceNorm/finish', finishSource);
const oneShader = shader('instanceNorm/one', oneSource);
const treePartial = shader('instanceNorm/tree-partial', treePartialSource);
const treeStats = shader('instanceNorm/tree-stats', treeStatsSource);
const applyShader = shader('instanceNorm/apply', applySource);

export const small: Variant<InstanceNormCall> = {
  name: 'small',
  launch: ({ arg: { x, y }, attrs }) => {
    const refusal = smallRefusal(attrs, x, y);
    if (refusal) return refusal;
    const { images, quads, pixels } = lanesOf(x, attrs);
    const params = { count: images * quads, quads, pixels, epsilon: attrs.epsilon };
    return { dispatches: [{ shader: smallShader, params, workgroups: grid(params.count, 64) }] };
  },
};

/** One workgroup normalises some lanes of an image, if they have at most `most` vectors. */
export const oneUpTo = (most: number): Variant<InstanceNormCall> => ({
  name: 'one',
  launch: ({ arg: { x, y }, attrs }) => {
    const refusal = oneRefusal(attrs, x, y, most);
    if (refusal) return refusal;
    const { images, mid, lanes, quads, pixels, norm_groups, sample } = lanesOf(x, attrs);
    const params = { mid, lanes, quads, pixels, norm_groups, sample, epsilon: attrs.epsilon };
    return { dispatches: [{ shader: oneShader, params, ...oneOf({ lanes, images }) }] };
  },
});

export const tree: Variant<InstanceNormCall> = {
  name: 'tree',
  launch: ({ arg: { x, y }, attrs }): Launch | string => {
    const refusal = chunksRefusal(attrs, x, y);
    if (refusal) return refusal;
    const view = lanesOf(x, attrs);
    const { images, mid, lanes, quads, pixels, norm_groups, sample } = view;
    // Each load of γ, β and statistics serves eight vectors.
    const strips = Math.ceil(mid / 8);
    const { constants, ROWS, chunks, partial, blocks, perLane } = treeOf(view);
    return {
      scratch: { partial },
      dispatches: [
        { shader: treePartial, constants, params: { mid, lanes, chunks, quads, pixels }, workgroups: blocks },
        {
          shader: treeStats,
          constants: { ROWS },
          params: { mid, lanes, chunks, norm_groups, sample, epsilon: attrs.epsilon },
          workgroups: perLane,
        },
        {
          shader: applyShader,
          params: { count: images * strips * lanes, mid, lanes, chunks: strips, quads, pixels, norm_groups, sample },
          workgroups: grid(images * strips * lanes, 64),
        },
      ],
    };
  },
};

export const chunked: Variant<InstanceNormCall> = {
  name: 'chunks',
  launch: ({ arg: { x, y }, attrs }) => {
    const refusal = chunksRefusal(attrs, x, y);
    if (refusal) return refusal;
    const { images, mid, lanes, quads, pixels, norm_groups, sample } = lanesOf(x, attrs);
    const { chunks, count, constants, workgroups } = chunksOf({ images, mid, lanes });
    const view = { count, mid, lanes, chunks, quads, pixels };
    const params = { ...view, norm_groups, sample, epsilon: attrs.epsilon };
    return {
      scratch: { partial: 8 * count },
      dispatches: [
        { shader: partial, constants, params: view, workgroups },
        { shader: finish, constants, params, workgroups },
      ],
    };
  },
};

export const reference: Variant<InstanceNormCall> = {
  name: 'naive',
  launch: ({ arg: { x }, attrs }) => {
    const params = naiveParams(x, attrs);
    return { dispatches: [{ shader: naive, params, workgroups: grid(params.count, 64) }] };
  },
};

/** The most vectors that one workgroup normalises on a GPU. If there are more, several workgroups share them. */
const VECTORS = 4096;
const one = oneUpTo(VECTORS);

export const kernels: Kernels<InstanceNormCall> = {
  variants: [small, one, tree, chunked, reference],
  reference,
  choose: ({ arg: { x, y }, attrs }) => {
    if (!smallRefusal(attrs, x, y))
      return { variant: small, reason: 'the channels have few pixels, so one invocation takes four of them' };
    if (!oneRefusal(attrs, x, y, VECTORS))
      return { variant: one, reason: 'a workgroup takes whole lanes, so that one dispatch is enough' };
    const refusal = chunksRefusal(attrs, x, y);
    return refusal
      ? { variant: reference, reason: refusal }
      : { variant: tree, reason: 'the lanes are long, so several workgroups share each and add in trees' };
  },
};
