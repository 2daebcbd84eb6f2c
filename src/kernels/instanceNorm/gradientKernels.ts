import applySource from '../../../shaders/instanceNorm/gradient-apply.wgsl';
import finishSource from '../../../shaders/instanceNorm/gradient-finish.wgsl';
import naiveSource from '../../../shaders/instanceNorm/gradient-naive.wgsl';
import parametersSource from '../../../shaders/instanceNorm/gradient-parameters.wgsl';
import partialSource from '../../../shaders/instanceNorm/gradient-partial.wgsl';
import smallSource from '../../../shaders/instanceNorm/gradient-small.wgsl';
import treePartialSource from '../../../shaders/instanceNorm/gradient-tree-partial.wgsl';
import treeSumsSource from '../../../shaders/instanceNorm/gradient-tree-sums.wgsl';
import { type Dispatch, grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { InstanceNormGradientCall } from './gradient.js';
import { chunksOf, chunksRefusal, lanesOf, naiveParams, smallRefusal, treeOf } from './view.js';

const naive = shader('instanceNormGradient/naive', naiveSource);
const smallShader = shader('instanceNormGradient/small', smallSource);
const partial = shader('instanceNormGradient/partial', partialSource);
const finish = shader('instanceNormGradient/finish', finishSource);
const treePartial = shader('instanceNormGradient/tree-partial', treePartialSource);
const treeSums = shader('instanceNormGradient/tree-sums', treeSumsSource);
const parameters = shader('instanceNormGradient/parameters', parametersSource);
const applyShader = shader('instanceNormGradient/apply', applySource);

const parameterDispatch = (images: number, norm_groups: number): Dispatch => ({
  shader: parameters,
  params: { images, norm_groups },
  workgroups: [Math.ceil(norm_groups / 64), 1, 1],
});

export const small: Variant<InstanceNormGradientCall> = {
  name: 'small',
  launch: ({ arg: { x, gy, gx }, attrs }) => {
    const refusal = smallRefusal(attrs, x, gy, gx);
    if (refusal) return refusal;
    const { images, quads, pixels, norm_groups } = lanesOf(x, attrs);
    const params = { count: images * quads, quads, pixels, epsilon: attrs.epsilon };
    return {
      scratch: { sums: 2 * images * norm_groups },
      dispatches: [
        { shader: smallShader, params, workgroups: grid(params.count, 64) },
        parameterDispatch(images, norm_groups),
      ],
    };
  },
};

const tree: Variant<InstanceNormGradientCall> = {
  name: 'tree',
  launch: ({ arg: { x, gy, gx }, attrs }) => {
    const refusal = chunksRefusal(attrs, x, gy, gx);
    if (refusal) return refusal;
    const { images, size, ...view } = lanesOf(x, attrs);
    const { lanes, norm_groups, sample } = view;
    // Each load of γ, statistics and sums serves eight vectors.
    const strips = Math.ceil(view.mid / 8);
    const count = images * strips * lanes;
    const { constants, chunks, partial, blocks, perLane } = treeOf({ images, ...view });
    return {
      scratch: { partial, sums: 2 * images * norm_groups },
      dispatches: [
        { shader: treePartial, constants, params: { ...view, chunks }, workgroups: blocks },
        { shader: treeSums, params: { lanes, chunks, norm_groups, sample }, workgroups: perLane },
        parameterDispatch(images, norm_groups),
        { shader: applyShader, params: { ...view, count, chunks: strips, size }, workgroups: grid(count, 64) },
      ],
    };
  },
};

export const chunked: Variant<InstanceNormGradientCall> = {
  name: 'chunks',
  launch: ({ arg: { x, gy, gx }, attrs }) => {
    const refusal = chunksRefusal(attrs, x, gy, gx);
    if (refusal) return refusal;
    const { images, size, ...lanes } = lanesOf(x, attrs);
    const { chunks, count, constants, workgroups } = chunksOf({ images, ...lanes });
    const view = { ...lanes, count, chunks };
    return {
      scratch: { partial: 8 * count },
      dispatches: [
        { shader: partial, constants, params: view, workgroups },
        { shader: finish, constants, params: { ...view, images, size }, workgroups },
      ],
    };
  },
};

const reference: Variant<InstanceNormGradientCall> = {
  name: 'naive',
  launch: ({ arg: { x }, attrs }) => {
    const params = naiveParams(x, attrs);
    return {
      scratch: { sums: 2 * params.count },
      dispatches: [
        { shader: naive, params, workgroups: grid(params.count, 64) },
        parameterDispatch(lanesOf(x, attrs).images, params.norm_groups),
      ],
    };
  },
};

export const kernels: Kernels<InstanceNormGradientCall> = {
  variants: [small, tree, chunked, reference],
  reference,
  choose: ({ arg: { x, gy, gx }, attrs }) => {
    if (!smallRefusal(attrs, x, gy, gx))
      return { variant: small, reason: 'the channels have few pixels, so one invocation takes four of them' };
    const refusal = chunksRefusal(attrs, x, gy, gx);
    return refusal
      ? { variant: reference, reason: refusal }
      : { variant: tree, reason: 'the lanes are long, so several workgroups share each and add in trees' };
  },
};
