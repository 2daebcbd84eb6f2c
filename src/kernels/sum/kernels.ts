import broadcastSource from '../../../shaders/sum/broadcast.wgsl';
import broadcastVec4Source from '../../../shaders/sum/broadcast-vec4.wgsl';
import combineSource from '../../../shaders/sum/combine.wgsl';
import naiveSource from '../../../shaders/sum/naive.wgsl';
import partialSource from '../../../shaders/sum/partial.wgsl';
import treeSource from '../../../shaders/sum/tree.wgsl';
import treeCombineSource from '../../../shaders/sum/tree-combine.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, type Dispatch, grid, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { type BroadcastAttrs, type SumAttrs, viewOf } from './sum.js';

const naive = shader('sum/naive', naiveSource);
const partial = shader('sum/partial', partialSource);
const combineShader = shader('sum/combine', combineSource);
const tree = shader('sum/tree', treeSource);
const treeCombineShader = shader('sum/tree-combine', treeCombineSource);
const broadcastNaive = shader('broadcast/naive', broadcastSource);
const broadcastVec4 = shader('broadcast/vec4', broadcastVec4Source);

/** Partial sums per result that make both stages of a two-stage sum of `count` terms equally long. */
export const chunksFor = (count: number): number => Math.ceil(Math.sqrt(count));

/** The second stage of a two-stage sum: y[o, k] = factor · Σ_j partial[o, j, k], from scratch `partial` to result `y`. */
export function combine(outer: number, chunks: number, inner: number, factor: number): Dispatch {
  const count = outer * inner;
  return { shader: combineShader, params: { count, inner, chunks, factor }, workgroups: grid(count, 64) };
}

/** Terms from which on a sum is worth a tree of workgroups. */
export const TREE_TERMS = 2048;

/** Workgroups of 256 that share a sum of `count` terms: four terms an invocation, more where one would add too many of them. */
export const treeChunksFor = (count: number): number => Math.min(1024, Math.ceil(count / 1024));

/** The second stage of a tree: y[o] = factor · Σ_j partial[o, j], from scratch `partial` to result `y`. */
export function treeCombine(outer: number, chunks: number, factor: number): Dispatch {
  return { shader: treeCombineShader, params: { chunks, factor }, workgroups: [outer, 1, 1] };
}

export const sumVariants: readonly Variant<SumAttrs>[] = [
  {
    name: 'tree',
    rejects: (call) => {
      const { outer, mid, inner } = viewOf('sum', arg(call, 'x'), call.attrs.over);
      return (inner > 1 || mid < TREE_TERMS || outer > 256) && 'it is for few, long sums of neighbouring elements';
    },
    avoid: ({ device }) => device.software,
    launch: (call) => {
      const x = arg(call, 'x');
      const { outer, mid } = viewOf('sum', x, call.attrs.over);
      const chunks = treeChunksFor(mid);
      const params = { mid, chunks, channels: x.channels };
      return {
        scratch: { partial: outer * chunks },
        dispatches: [
          { shader: tree, params, workgroups: [chunks, outer, 1] },
          treeCombine(outer, chunks, call.attrs.factor),
        ],
      };
    },
  },
  {
    name: 'split',
    rejects: (call) => {
      const { outer, mid, inner } = viewOf('sum', arg(call, 'x'), call.attrs.over);
      return (mid < 16 || outer * inner >= 16384) && 'short sums or many results keep the device busy unsplit';
    },
    launch: (call) => {
      const x = arg(call, 'x');
      const { outer, mid, inner } = viewOf('sum', x, call.attrs.over);
      const chunks = chunksFor(mid);
      const count = outer * chunks * inner;
      const params = { count, mid, inner, chunks, channels: x.channels };
      return {
        scratch: { partial: count },
        dispatches: [
          { shader: partial, params, workgroups: grid(count, 64) },
          combine(outer, chunks, inner, call.attrs.factor),
        ],
      };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const x = arg(call, 'x');
      const { outer, mid, inner } = viewOf('sum', x, call.attrs.over);
      const count = outer * inner;
      const params = { count, mid, inner, channels: x.channels, factor: call.attrs.factor };
      return { dispatches: [{ shader: naive, params, workgroups: grid(count, 64) }] };
    },
  },
];

export const broadcastVariants: readonly Variant<BroadcastAttrs>[] = [
  {
    name: 'vec4',
    rejects: ({ arg: { y } }) => !vec4Ready(y) && 'channels, stride and offset of y must be multiples of 4',
    launch: (call) => {
      const y = arg(call, 'y');
      const { mid, inner } = viewOf('broadcast', y, call.attrs.over);
      const count = (y.rows * y.channels) / 4;
      const params = { count, mid, inner, channels: y.channels, factor: call.attrs.factor };
      return { dispatches: [{ shader: broadcastVec4, params, workgroups: grid(count, 64) }] };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const y = arg(call, 'y');
      const { mid, inner } = viewOf('broadcast', y, call.attrs.over);
      const count = y.rows * y.channels;
      const params = { count, mid, inner, channels: y.channels, factor: call.attrs.factor };
      return { dispatches: [{ shader: broadcastNaive, params, workgroups: grid(count, 64) }] };
    },
  },
];
