import gradientSource from '../../../shaders/l1/gradient.wgsl';
import gradientVec4Source from '../../../shaders/l1/gradient-vec4.wgsl';
import naiveSource from '../../../shaders/l1/naive.wgsl';
import partialSource from '../../../shaders/l1/partial.wgsl';
import treeSource from '../../../shaders/l1/tree.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, grid, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor, combine, TREE_TERMS, treeChunksFor, treeCombine } from '../sum/kernels.js';

const naive = shader('l1/naive', naiveSource);
const partial = shader('l1/partial', partialSource);
const tree = shader('l1/tree', treeSource);
const gradientNaive = shader('l1Gradient/naive', gradientSource);
const gradientVec4 = shader('l1Gradient/vec4', gradientVec4Source);

export const l1Variants: readonly Variant<null>[] = [
  {
    name: 'tree',
    rejects: ({ arg: { a } }) => (a ? a.rows * a.channels : 0) < TREE_TERMS && 'it is for long sums',
    avoid: ({ device }) => device.software,
    launch: (call) => {
      const { rows, channels } = arg(call, 'a');
      const count = rows * channels;
      const chunks = treeChunksFor(count);
      return {
        scratch: { partial: chunks },
        dispatches: [
          { shader: tree, params: { count, chunks, channels }, workgroups: [chunks, 1, 1] },
          treeCombine(1, chunks, 1 / count),
        ],
      };
    },
  },
  {
    name: 'split',
    launch: (call) => {
      const { rows, channels } = arg(call, 'a');
      const count = rows * channels;
      const chunks = chunksFor(count);
      return {
        scratch: { partial: chunks },
        dispatches: [
          { shader: partial, params: { count, chunks, channels }, workgroups: grid(chunks, 64) },
          combine(1, chunks, 1, 1 / count),
        ],
      };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const { rows, channels } = arg(call, 'a');
      const count = rows * channels;
      return {
        dispatches: [{ shader: naive, params: { count, channels, factor: 1 / count }, workgroups: [1, 1, 1] }],
      };
    },
  },
];

export const l1GradientVariants: readonly Variant<null>[] = [
  {
    name: 'vec4',
    rejects: ({ arg: { a, b, ga } }) => !vec4Ready(a, b, ga) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => {
      const { rows, channels } = arg(call, 'ga');
      const params = { count: (rows * channels) / 4, channels, factor: 1 / (rows * channels) };
      return { dispatches: [{ shader: gradientVec4, params, workgroups: grid(params.count, 64) }] };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const { rows, channels } = arg(call, 'ga');
      const params = { count: rows * channels, channels, factor: 1 / (rows * channels) };
      return { dispatches: [{ shader: gradientNaive, params, workgroups: grid(params.count, 64) }] };
    },
  },
];
