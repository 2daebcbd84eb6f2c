import { sizeOf, type TensorType } from '../../autograd/tensor.js';

/** The elements of a tensor are added up in blocks of so many. */
const BLOCK = 1024;
/** The most partial sums of a tensor. */
const MOST_PARTS = 256;
/** The names of the tensors that one call takes. With the result they are as many as every device can bind. */
export const NAMES = ['x0', 'x1', 'x2', 'x3', 'x4', 'x5'] as const;

/** The number of partial sums that a call makes of each of its tensors: that of the largest tensor's blocks, if not too many. */
export function partsOf(xs: readonly Pick<TensorType, 'shape'>[]): number {
  return Math.min(MOST_PARTS, Math.max(...xs.map((x) => Math.ceil(sizeOf(x.shape) / BLOCK))));
}
