import { constant } from '../../autograd/leaves.js';
import { any, type Specs } from '../../autograd/op.js';
import { formatShape, type Shape, sameShape, sizeOf, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';

/** Names values as an op with a variable number of arguments or results does: x0, x1, …. */
export function numbered<T>(prefix: string, values: readonly T[]): Record<string, T> {
  return Object.fromEntries(values.map((value, i) => [`${prefix}${i}`, value]));
}

/**
 * Returns a function from a number of arguments or results to the op that `make` returns for it. Each op is made once,
 * and all nodes share it.
 */
export function byCount<T>(prefix: string, make: (specs: Specs) => T): (count: number) => T {
  const made = new Map<number, T>();
  return (count) => {
    const op =
      made.get(count) ??
      make(
        numbered(
          prefix,
          Array.from({ length: count }, () => any),
        ),
      );
    made.set(count, op);
    return op;
  };
}

/** The gradient of a part that nothing reads. */
export const zeros = (shape: Shape): Tensor => constant(new Float32Array(sizeOf(shape)), shape, 'zeros');

/** Throws unless all arguments have the element type of the first one and, except for one dimension, its shape. */
export function expectAlike(
  op: string,
  inputs: Readonly<Record<string, TensorType>>,
  first: TensorType,
  but: 'first' | 'last',
): void {
  const rest = (shape: Shape) => (but === 'first' ? shape.slice(1) : shape.slice(0, -1));
  const wanted = rest(first.shape);
  const shown = but === 'first' ? ['any', ...wanted] : [...wanted, 'any'];
  for (const [name, { shape, dtype }] of Object.entries(inputs)) {
    if (!sameShape(rest(shape), wanted))
      throw new ShapeError(op, `${name} must be [${shown.join(', ')}] like x0, got ${formatShape(shape)}`);
    if (dtype !== first.dtype) throw new ShapeError(op, `${name} is ${dtype}, x0 is ${first.dtype}`);
  }
}
