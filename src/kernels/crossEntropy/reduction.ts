import { rowsOf, type TensorType } from '../../autograd/tensor.js';

export type Reduction = 'mean' | 'sum' | 'none';

/** Returns the factor of the sum of the losses. */
export const factorOf = (logits: TensorType, reduction: Reduction): number =>
  reduction === 'mean' ? 1 / rowsOf(logits.shape) : 1;
