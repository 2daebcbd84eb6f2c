import combineSource from '../../../shaders/sum/combine.wgsl';
import partialSource from '../../../shaders/sum/partial.wgsl';
import treeSource from '../../../shaders/sum/tree.wgsl';
import treeCombineSource from '../../../shaders/sum/tree-combine.wgsl';
import { type Dispatch, grid, type Launch } from '../../autograd/kernel.js';
import { shader, withVariable } from '../../gpu/shader.js';

/**
 * All sums in two stages share this file, whatever they sum: the number of partial sums, and the stage that adds those
 * up.
 */

const combineShader = shader('sum/combine', combineSource);
const treeCombineShader = shader('sum/tree-combine', treeCombineSource);
const ofTerms = {
  combine: withVariable('sum/combine', combineSource, 'partial', 'terms'),
  treeCombine: withVariable('sum/tree-combine', treeCombineSource, 'partial', 'terms'),
  partial: withVariable('sum/partial', partialSource, 'x', 'terms'),
  tree: withVariable('sum/tree', treeSource, 'x', 'terms'),
};

/**
 * Returns the number of partial sums per result that makes both stages of a two-stage sum of `count` terms equally
 * long.
 */
export const chunksFor = (count: number): number => Math.ceil(Math.sqrt(count));

/**
 * Launches the second stage of a two-stage sum: y[o, k] = factor · Σ_j partial[o, j, k], from scratch `partial` to
 * result `y`.
 */
export function combine(outer: number, chunks: number, inner: number, factor: number): Dispatch {
  const count = outer * inner;
  return { shader: combineShader, params: { count, inner, chunks, factor }, workgroups: grid(count, 64) };
}

/** The fewest terms for which a sum is worth a tree of workgroups. */
export const TREE_TERMS = 2048;

/**
 * Returns how many workgroups of 256 share a sum of `count` terms. Each invocation adds four terms, or more where the
 * second stage would otherwise have more than 1024 partial sums.
 */
export const treeChunksFor = (count: number): number => Math.min(1024, Math.ceil(count / 1024));

/** Launches the second stage of a tree: y[o] = factor · Σ_j partial[o, j], from scratch `partial` to result `y`. */
export function treeCombine(outer: number, chunks: number, factor: number): Dispatch {
  return { shader: treeCombineShader, params: { chunks, factor }, workgroups: [outer, 1, 1] };
}

/** The sum of `count` values in scratch `terms` to result `y`. */
export type Total = Pick<Launch, 'scratch' | 'dispatches'>;

/** By workgroups that add in trees, in one stage or two. */
export function totalByTree(count: number, factor: number): Total {
  if (count < TREE_TERMS) return { dispatches: [{ ...treeCombine(1, count, factor), shader: ofTerms.treeCombine }] };
  const chunks = treeChunksFor(count);
  const params = { mid: count, chunks, channels: count, x_offset: 0, x_stride: count };
  return {
    scratch: { partial: chunks },
    dispatches: [{ shader: ofTerms.tree, params, workgroups: [chunks, 1, 1] }, treeCombine(1, chunks, factor)],
  };
}

/** Without trees: in one stage, or, of 1024 values and more, in two that are equally long. */
export function totalBySplit(count: number, factor: number): Total {
  if (count < 1024) return { dispatches: [totalInOrder(count, factor)] };
  const chunks = chunksFor(count);
  const params = { count: chunks, mid: count, inner: 1, chunks, channels: count, x_offset: 0, x_stride: count };
  return {
    scratch: { partial: chunks },
    dispatches: [{ shader: ofTerms.partial, params, workgroups: grid(chunks, 64) }, combine(1, chunks, 1, factor)],
  };
}

/** By one invocation. */
export const totalInOrder = (count: number, factor: number): Dispatch => ({
  ...combine(1, count, 1, factor),
  shader: ofTerms.combine,
});
