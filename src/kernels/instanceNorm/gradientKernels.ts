import applyCode from '../../../shaders/instanceNorm/gradient-apply.wgsl?raw';
import naiveCode from '../../../shaders/instanceNorm/gradient-naive.wgsl?raw';
import parametersCode from '../../../shaders/instanceNorm/gradient-parameters.wgsl?raw';
import partialCode from '../../../shaders/instanceNorm/gradient-partial.wgsl?raw';
import smallCode from '../../../shaders/instanceNorm/gradient-small.wgsl?raw';
import sumsCode from '../../../shaders/instanceNorm/gradient-sums.wgsl?raw';
import treePartialCode from '../../../shaders/instanceNorm/gradient-tree-partial.wgsl?raw';
import treeSumsCode from '../../../shaders/instanceNorm/gradient-tree-sums.wgsl?raw';
import type { Variant } from '../../autograd/op.js';
import { arg, type Call, type Dispatch, grid, type Launch } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor } from '../sum/kernels.js';
import { type Attrs, lanesOf, naiveParams, rejectsChunks, rejectsSmall, treeOf } from './view.js';

const naive = shader('instanceNormGradient/naive', naiveCode);
const small = shader('instanceNormGradient/small', smallCode);
const partial = shader('instanceNormGradient/partial', partialCode);
const sumsShader = shader('instanceNormGradient/sums', sumsCode);
const treePartial = shader('instanceNormGradient/tree-partial', treePartialCode);
const treeSums = shader('instanceNormGradient/tree-sums', treeSumsCode);
const parameters = shader('instanceNormGradient/parameters', parametersCode);
const applyShader = shader('instanceNormGradient/apply', applyCode);

const parameterDispatch = (images: number, norm_groups: number): Dispatch => ({
  shader: parameters,
  params: { images, norm_groups },
  workgroups: [Math.ceil(norm_groups / 64), 1, 1],
});

/** The last two passes of the split kernels. */
function finish(call: Call<Attrs>): Dispatch[] {
  const { images, size, ...view } = lanesOf(arg(call, 'x'), call.attrs);
  // eight elements for each load of γ, statistics and sums
  const strips = Math.ceil(view.mid / 8);
  const count = images * strips * view.lanes;
  return [
    parameterDispatch(images, view.norm_groups),
    { shader: applyShader, params: { ...view, count, chunks: strips, size }, workgroups: grid(count, 64) },
  ];
}

function launchTree(call: Call<Attrs>): Launch {
  const { images, size: _, ...view } = lanesOf(arg(call, 'x'), call.attrs);
  const { lanes, norm_groups, sample } = view;
  const { constants, chunks, partial, blocks, perLane } = treeOf({ images, ...view });
  return {
    scratch: { partial, sums: 2 * images * norm_groups },
    dispatches: [
      { shader: treePartial, constants, params: { ...view, chunks }, workgroups: blocks },
      { shader: treeSums, params: { lanes, chunks, norm_groups, sample }, workgroups: perLane },
      ...finish(call),
    ],
  };
}

function launchChunks(call: Call<Attrs>): Launch {
  const { images, mid, lanes, quads, pixels, norm_groups, sample } = lanesOf(arg(call, 'x'), call.attrs);
  const chunks = chunksFor(mid);
  const count = images * chunks * lanes;
  const view = { mid, lanes, quads, pixels, norm_groups, sample };
  return {
    scratch: { partial: 8 * count, sums: 2 * images * norm_groups },
    dispatches: [
      { shader: partial, params: { ...view, count, chunks }, workgroups: grid(count, 64) },
      {
        shader: sumsShader,
        params: { count: images * lanes, lanes, chunks, norm_groups, sample },
        workgroups: grid(images * lanes, 64),
      },
      ...finish(call),
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
