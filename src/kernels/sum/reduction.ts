import combineSource from '../../../shaders/sum/combine.wgsl';
import treeCombineSource from '../../../shaders/sum/tree-combine.wgsl';
import { type Dispatch, grid } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';

/** What sums in two stages share, of whatever is summed: how many partial sums they make, and the stage that joins those. */

const combineShader = shader('sum/combine', combineSource);
const treeCombineShader = shader('sum/tree-combine', treeCombineSource);

/** Partial sums per result that make both stages of a two-stage sum of `count` terms equally long. */
export const chunksFor = (count: number): number => Math.ceil(Math.sqrt(count));

/** The second stage of a two-stage sum: y[o, k] = factor · Σ_j partial[o, j, k], from scratch `partial` to result `y`. */
export function combine(outer: number, chunks: number, inner: number, factor: number): Dispatch {
  const count = outer * inner;
  return { shader: combineShader, params: { count, inner, chunks, factor }, workgroups: grid(count, 64) };
}

/** The fewest terms for which a sum is worth a tree of workgroups. */
export const TREE_TERMS = 2048;

/** Workgroups of 256 that share a sum of `count` terms: four terms an invocation, more where one would add too many of them. */
export const treeChunksFor = (count: number): number => Math.min(1024, Math.ceil(count / 1024));

/** The second stage of a tree: y[o] = factor · Σ_j partial[o, j], from scratch `partial` to result `y`. */
export function treeCombine(outer: number, chunks: number, factor: number): Dispatch {
  return { shader: treeCombineShader, params: { chunks, factor }, workgroups: [outer, 1, 1] };
}
