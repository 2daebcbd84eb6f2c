import applySource from '../../../shaders/instanceNorm/apply.wgsl';
import finishSource from '../../../shaders/instanceNorm/finish.wgsl';
import naiveSource from '../../../shaders/instanceNorm/naive.wgsl';
import oneSource from '../../../shaders/instanceNorm/one.wgsl';
import partialSource from '../../../shaders/instanceNorm/partial.wgsl';
import smallSource from '../../../shaders/instanceNorm/small.wgsl';
import treePartialSource from '../../../shaders/instanceNorm/tree-partial.wgsl';
import treeStatsSource from '../../../shaders/instanceNorm/tree-stats.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, type Call, grid, type Launch } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import {
  type Attrs,
  chunksOf,
  lanesOf,
  naiveParams,
  oneOf,
  rejectsChunks,
  rejectsOne,
  rejectsSmall,
  treeOf,
} from './view.js';

const naive = shader('instanceNorm/naive', naiveSource);
const small = shader('instanceNorm/small', smallSource);
const partial = shader('instanceNorm/partial', partialSource);
const finish = shader('instanceNorm/finish', finishSource);
const one = shader('instanceNorm/one', oneSource);
const treePartial = shader('instanceNorm/tree-partial', treePartialSource);
const treeStats = shader('instanceNorm/tree-stats', treeStatsSource);
const applyShader = shader('instanceNorm/apply', applySource);

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

export const variants: readonly Variant<Attrs>[] = [
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
];
