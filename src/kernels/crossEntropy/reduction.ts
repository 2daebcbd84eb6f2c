import { rowsOf, type TensorType } from '../../autograd/tensor.js';

export type Reduction = 'mean' | 'sum' | 'none';

/** What the sum of the losses is multiplied by. */
export const factorOf = (logits: TensorType, reduction: Reduction): number =>
  reduction === 'mean' ? 1 / rowsOf(logits.shape) : 1;
