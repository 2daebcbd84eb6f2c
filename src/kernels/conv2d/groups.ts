import { formatShape, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { splitChannels } from '../concat/channels.js';
import { concat } from '../concat/concat.js';

/** Throws `ShapeError` unless so many groups have the same number of channels each. */
export function expectGroups(op: string, what: string, { shape }: TensorType, channels: number, groups: number): void {
  if (channels % groups !== 0)
    throw new ShapeError(
      op,
      `the ${channels} channels of ${what} ${formatShape(shape)} cannot be divided into ${groups} groups of equal size`,
    );
}

/**
 * A convolution by groups of channels: what `one` makes of the channels of each group, one behind the other. The last dimension of w
 * counts the groups' channels one after the other, as those of x and bias do.
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
