import { sizeOf, type TensorType } from '../../autograd/tensor.js';

/** The number of elements in a block. A partial sum adds whole blocks. */
const BLOCK = 1024;
/** The largest number of partial sums of a tensor. */
const MOST_PARTS = 256;
/** The names of the tensors of one call. With its result they are seven buffers; every WebGPU device can bind eight. */
export const NAMES = ['x0', 'x1', 'x2', 'x3', 'x4', 'x5'] as const;

/** Returns the number of partial sums of each tensor of a call: the number of blocks of the largest one, but at most 256. */
export function partsOf(xs: readonly Pick<TensorType, 'shape'>[]): number {
  return Math.min(MOST_PARTS, Math.max(...xs.map((x) => Math.ceil(sizeOf(x.shape) / BLOCK))));
}
