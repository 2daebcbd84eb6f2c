import { formatShape, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { splitChannels } from '../concat/channels.js';
import { concat } from '../concat/concat.js';

/** Throws `ShapeError` unless the channels can be divided into this number of groups of equal size. */
export function expectGroups(op: string, what: string, { shape }: TensorType, channels: number, groups: number): void {
  if (channels % groups !== 0)
    throw new ShapeError(
      op,
      `the ${channels} channels of ${what} ${formatShape(shape)} cannot be divided into ${groups} groups of equal size`,
    );
}

/**
 * Convolves groups of channels: applies `one` to the channels of each group and concatenates the results. In the last
 * dimension of x, w and bias, the channels of the groups lie one after the other.
 */
export function byGroups(
  groups: number,
  x: Tensor,
  w: Tensor,
  bias: Tensor | undefined,
  one: (x: Tensor, w: Tensor, bias: Tensor | undefined) => Tensor,
): Tensor {
  const [ws, biases] = [splitChannels(w, groups), bias && splitChannels(bias, groups)];
  return concat(splitChannels(x, groups).map((part, i) => one(part, ws[i] ?? w, biases?.[i])));
}
