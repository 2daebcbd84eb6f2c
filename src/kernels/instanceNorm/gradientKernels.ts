import applySource from '../../../shaders/instanceNorm/gradient-apply.wgsl';
import finishSource from '../../../shaders/instanceNorm/gradient-finish.wgsl';
import naiveSource from '../../../shaders/instanceNorm/gradient-naive.wgsl';
import parametersSource from '../../../shaders/instanceNorm/gradient-parameters.wgsl';
import partialSource from '../../../shaders/instanceNorm/gradient-partial.wgsl';
import smallSource from '../../../shaders/instanceNorm/gradient-small.wgsl';
import treePartialSource from '../../../shaders/instanceNorm/gradient-tree-partial.wgsl';
import treeSumsSource from '../../../shaders/instanceNorm/gradient-tree-sums.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, type Call, type Dispatch, grid, type Launch } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { type Attrs, chunksOf, lanesOf, naiveParams, rejectsChunks, rejectsSmall, treeOf } from './view.js';

const naive = shader('instanceNormGradient/naive', naiveSource);
const small = shader('instanceNormGradient/small', smallSource);
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

function launchTree(call: Call<Attrs>): Launch {
  const { images, size, ...view } = lanesOf(arg(call, 'x'), call.attrs);
  const { lanes, norm_groups, sample } = view;
  // eight elements for each load of γ, statistics and sums
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
}

function launchChunks(call: Call<Attrs>): Launch {
  const { images, size, ...lanes } = lanesOf(arg(call, 'x'), call.attrs);
  const { chunks, count, constants, workgroups } = chunksOf({ images, ...lanes });
  const view = { ...lanes, count, chunks };
  return {
    scratch: { partial: 8 * count },
    dispatches: [
      { shader: partial, constants, params: view, workgroups },
      { shader: finish, constants, params: { ...view, images, size }, workgroups },
    ],
  };
}

export const variants: readonly Variant<Attrs>[] = [
  {
    name: 'small',
    rejects: (call) => rejectsSmall(arg(call, 'x'), call.attrs, arg(call, 'gy'), arg(call, 'gx')),
    launch: (call) => {
      const { images, quads, pixels, norm_groups } = lanesOf(arg(call, 'x'), call.attrs);
      const params = { count: images * quads, quads, pixels, epsilon: call.attrs.epsilon };
      return {
        scratch: { sums: 2 * images * norm_groups },
        dispatches: [
          { shader: small, params, workgroups: grid(params.count, 64) },
          parameterDispatch(images, norm_groups),
        ],
      };
    },
  },
  {
    name: 'tree',
    rejects: (call) => rejectsChunks(arg(call, 'x'), call.attrs, arg(call, 'gy'), arg(call, 'gx')),
    avoid: ({ device }) => device.software,
    launch: launchTree,
  },
  {
    name: 'chunks',
    rejects: (call) => rejectsChunks(arg(call, 'x'), call.attrs, arg(call, 'gy'), arg(call, 'gx')),
    launch: launchChunks,
  },
  {
    name: 'naive',
    launch: (call) => {
      const x = arg(call, 'x');
      const params = naiveParams(x, call.attrs);
      const images = x.shape[0] as number;
      return {
        scratch: { sums: 2 * params.count },
        dispatches: [
          { shader: naive, params, workgroups: grid(params.count, 64) },
          parameterDispatch(images, params.norm_groups),
        ],
      };
    },
  },
];
