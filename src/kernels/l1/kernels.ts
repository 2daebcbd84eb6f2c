import naiveSource from '../../../shaders/l1/naive.wgsl';
import partialSource from '../../../shaders/l1/partial.wgsl';
import treeSource from '../../../shaders/l1/tree.wgsl';
import { grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor, combine, TREE_TERMS, treeChunksFor, treeCombine } from '../sum/reduction.js';
import type { L1Call } from './l1.js';

const naive = shader('l1/naive', naiveSource);
const partial = shader('l1/partial', partialSource);
const tree = shader('l1/tree', treeSource);

const treeVariant: Variant<L1Call> = {
  name: 'tree',
  launch: ({ arg: { a } }) => {
    const { rows, channels } = a;
    const count = rows * channels;
    if (count < TREE_TERMS) return `the sum has fewer than ${TREE_TERMS} terms`;
    const chunks = treeChunksFor(count);
    return {
      scratch: { partial: chunks },
      dispatches: [
        { shader: tree, params: { count, chunks, channels }, workgroups: [chunks, 1, 1] },
        treeCombine(1, chunks, 1 / count),
      ],
    };
  },
};

export const split: Variant<L1Call> = {
  name: 'split',
  launch: ({ arg: { a } }) => {
    const { rows, channels } = a;
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
};

const reference: Variant<L1Call> = {
  name: 'naive',
  launch: ({ arg: { a } }) => {
    const { rows, channels } = a;
    const count = rows * channels;
    return { dispatches: [{ shader: naive, params: { count, channels, factor: 1 / count }, workgroups: [1, 1, 1] }] };
  },
};

export const kernels: Kernels<L1Call> = {
  variants: [treeVariant, split, reference],
  reference,
  choose: ({ arg: { a } }) =>
    a.rows * a.channels < TREE_TERMS
      ? { variant: split, reason: `the sum has fewer than ${TREE_TERMS} terms` }
      : { variant: treeVariant, reason: `the sum has at least ${TREE_TERMS} terms, so workgroups add in trees` },
};
