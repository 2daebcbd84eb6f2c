import naiveSource from '../../../shaders/sum/naive.wgsl';
import partialSource from '../../../shaders/sum/partial.wgsl';
import treeSource from '../../../shaders/sum/tree.wgsl';
import { grid, type KernelChoice, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor, combine, TREE_TERMS, treeChunksFor, treeCombine } from './reduction.js';
import type { SumCall } from './sum.js';
import { type View, viewOf } from './view.js';

const naive = shader('sum/naive', naiveSource);
const partial = shader('sum/partial', partialSource);
const tree = shader('sum/tree', treeSource);

const viewOfCall = ({ arg: { x }, attrs }: SumCall) => viewOf('sum', x, attrs.over);

/** Says whether the sums are so few and long that adding in trees is worth the barriers. */
const fewAndLong = ({ outer, mid, inner }: View) => inner === 1 && mid >= TREE_TERMS && outer <= 256;

/** Says whether the sums are long enough to be split, and too few to keep the device busy unsplit. */
const worthSplitting = ({ outer, mid, inner }: View) => mid >= 16 && outer * inner < 16384;

const treeVariant: Variant<SumCall> = {
  name: 'tree',
  launch: (call) => {
    const view = viewOfCall(call);
    if (!fewAndLong(view)) return `it is for at most 256 sums of at least ${TREE_TERMS} neighbouring elements each`;
    const { outer, mid } = view;
    const chunks = treeChunksFor(mid);
    const params = { mid, chunks, channels: call.arg.x.channels };
    return {
      scratch: { partial: outer * chunks },
      dispatches: [
        { shader: tree, params, workgroups: [chunks, outer, 1] },
        treeCombine(outer, chunks, call.attrs.factor),
      ],
    };
  },
};

export const split: Variant<SumCall> = {
  name: 'split',
  launch: (call) => {
    const view = viewOfCall(call);
    if (!worthSplitting(view))
      return 'splitting does not pay for sums of fewer than 16 terms, or for 16384 or more sums';
    const { outer, mid, inner } = view;
    const chunks = chunksFor(mid);
    const count = outer * chunks * inner;
    const params = { count, mid, inner, chunks, channels: call.arg.x.channels };
    return {
      scratch: { partial: count },
      dispatches: [
        { shader: partial, params, workgroups: grid(count, 64) },
        combine(outer, chunks, inner, call.attrs.factor),
      ],
    };
  },
};

const reference: Variant<SumCall> = {
  name: 'naive',
  launch: (call) => {
    const { outer, mid, inner } = viewOfCall(call);
    const count = outer * inner;
    const params = { count, mid, inner, channels: call.arg.x.channels, factor: call.attrs.factor };
    return { dispatches: [{ shader: naive, params, workgroups: grid(count, 64) }] };
  },
};

/** Chooses a variant without trees. */
export function splitOrNot(call: SumCall): KernelChoice<SumCall> {
  return worthSplitting(viewOfCall(call))
    ? { variant: split, reason: 'several invocations share each sum, because there are fewer than 16384' }
    : {
        variant: reference,
        reason: 'each sum has fewer than 16 terms, or there are at least 16384, which keep the device busy',
      };
}

export const kernels: Kernels<SumCall> = {
  variants: [treeVariant, split, reference],
  reference,
  choose: (call) =>
    fewAndLong(viewOfCall(call))
      ? {
          variant: treeVariant,
          reason: 'the sums are few, long and of neighbouring elements, so workgroups add in trees',
        }
      : splitOrNot(call),
};
