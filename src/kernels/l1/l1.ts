import gradientCode from '../../../shaders/l1/gradient.wgsl?raw';
import gradientVec4Code from '../../../shaders/l1/gradient-vec4.wgsl?raw';
import naiveCode from '../../../shaders/l1/naive.wgsl?raw';
import partialCode from '../../../shaders/l1/partial.wgsl?raw';
import treeCode from '../../../shaders/l1/tree.wgsl?raw';
import { applyOne, arg, grid, type Op, vec4Ready } from '../../autograd/op.js';
import { expectShape, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor, combine, TREE_TERMS, treeChunksFor, treeCombine } from '../sum/sum.js';

const naive = shader('l1/naive', naiveCode);
const partial = shader('l1/partial', partialCode);
const tree = shader('l1/tree', treeCode);
const gradientNaive = shader('l1Gradient/naive', gradientCode);
const gradientVec4 = shader('l1Gradient/vec4', gradientVec4Code);

/** y = 1/n · Σ |a − b|. */
export const l1Op: Op<null> = {
  name: 'l1',
  args: ['a', 'b'],
  results: ['y'],
  strided: ['a', 'b'],
  infer: ([a, b]) => {
    expectShape('l1', 'b', b as TensorType, (a as TensorType).shape, 'the shape of a');
    return [{ shape: [1], dtype: 'f32' }];
  },
  // ga = gy/n · sign(a − b), and the same with a and b exchanged for gb
  gradient: (node, [gy], [needsA, needsB]) => {
    const [a, b] = node.inputs;
    if (!gy) return [];
    return [
      needsA ? applyOne(l1GradientOp, [a, b, gy], null) : undefined,
      needsB ? applyOne(l1GradientOp, [b, a, gy], null) : undefined,
    ];
  },
  variants: [
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
  ],
  cost: (call) => {
    const { rows, channels } = arg(call, 'a');
    return { flops: 3 * rows * channels, bytes: 8 * rows * channels };
  },
};

/** ga = gy/n · sign(a − b), 0 where a = b. */
export const l1GradientOp: Op<null> = {
  name: 'l1Gradient',
  args: ['a', 'b', 'gy'],
  results: ['ga'],
  strided: ['a', 'b', 'ga'],
  infer: ([a]) => [a as TensorType],
  variants: [
    {
      name: 'vec4',
      rejects: ({ arg: { a, b, ga } }) =>
        !vec4Ready(a, b, ga) && 'channels, strides and offsets must be multiples of 4',
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
  ],
  cost: (call) => {
    const { rows, channels } = arg(call, 'ga');
    return { flops: 3 * rows * channels, bytes: 12 * rows * channels };
  },
};

/**
 * Mean absolute difference of a and b of one shape: [1]. The reconstruction loss of the ablations (spec §6), on images or on
 * features. Its gradient is 0 where a = b. `ShapeError` when the shapes differ.
 */
export function l1(a: Tensor, b: Tensor): Tensor {
  return applyOne(l1Op, [a, b], null);
}
