import { constant } from '../../autograd/leaves.js';
import { apply, applyOne, type NamedRange, type Op } from '../../autograd/op.js';
import {
  formatShape,
  rowsOf,
  type Shape,
  sameShape,
  sizeOf,
  TENSOR,
  TENSORS,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { checked, NUMBERS } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

const joins = new Map<number, Op<null>>();
const parts = new Map<number, Op<{ counts: readonly number[] }>>();

/** One op per number of arguments or results, so that each has a name. */
function kept<A>(ops: Map<number, Op<A>>, count: number, make: (names: string[]) => Op<A>, prefix: string): Op<A> {
  let op = ops.get(count);
  if (!op) {
    op = make(Array.from({ length: count }, (_, i) => `${prefix}${i}`));
    ops.set(count, op);
  }
  return op;
}

/** Several tensors as ranges of rows of one, one behind the other. */
function rowRanges(parts: Readonly<Record<string, TensorType>>, whole: string): NamedRange[] {
  let row = 0;
  return Object.entries(parts).map(([part, { shape }]) => {
    const range = { part, whole, row };
    row += rowsOf(shape);
    return range;
  });
}

const joinOp = (args: string[]): Op<null> => ({
  name: 'concatBatch',
  kind: 'view',
  args,
  results: ['y'],
  infer: (inputs) => {
    const [first, ...rest] = inputs as Tensor[];
    if (!first || first.shape.length < 2)
      throw new ShapeError('concatBatch', `needs tensors [N, …, C], got ${first ? formatShape(first.shape) : 'none'}`);
    for (const [i, t] of rest.entries()) {
      if (!sameShape(t.shape.slice(1), first.shape.slice(1)))
        throw new ShapeError(
          'concatBatch',
          `x${i + 1} must be ${formatShape([-1, ...first.shape.slice(1)]).replace('-1', 'any')} like x0, got ${formatShape(t.shape)}`,
        );
      if (t.dtype !== first.dtype) throw new ShapeError('concatBatch', `x${i + 1} is ${t.dtype}, x0 is ${first.dtype}`);
    }
    return [{ shape: [countOf(inputs as Tensor[]), ...first.shape.slice(1)], dtype: first.dtype }];
  },
  // y = [x0; x1; …]  ⇒  gxᵢ = the batches of gy that came from xᵢ
  gradient: (node, [gy]) => (gy ? [...splitBatch(gy, (node.inputs as Tensor[]).map(batchOf))] : []),
  view: (inputs) => rowRanges(inputs, 'y'),
  variants: [],
});

const splitOp = (results: string[]): Op<{ counts: readonly number[] }> => ({
  name: 'splitBatch',
  kind: 'view',
  args: ['x'],
  results,
  infer: ([x], { counts }) => {
    const { shape, dtype } = x as Tensor;
    const fits = counts.every((n) => Number.isInteger(n) && n > 0) && counts.reduce((a, b) => a + b, 0) === shape[0];
    if (!fits || shape.length < 2)
      throw new ShapeError('splitBatch', `parts of ${counts.join(' + ')} do not make up x ${formatShape(shape)}`);
    return counts.map((n) => ({ shape: [n, ...shape.slice(1)], dtype }));
  },
  // x = [y0; y1; …]  ⇒  gx = [gy0; gy1; …]
  gradient: (node, gys) => [concatBatch(node.outputs.map(({ shape }, i) => gys[i] ?? zeros(shape)))],
  view: (_, outputs) => rowRanges(outputs, 'x'),
  variants: [],
});

const batchOf = ({ shape }: Tensor) => shape[0] as number;
const countOf = (xs: readonly Tensor[]) => xs.reduce((n, x) => n + batchOf(x), 0);
const zeros = (shape: Shape) => constant(new Float32Array(sizeOf(shape)), shape, 'zeros');

/**
 * Tensors [Nᵢ, …, C] that agree in all but the first dimension, one behind the other: [ΣNᵢ, …, C]. In a plan the producers write
 * straight into it. Throws `ShapeError`.
 */
export function concatBatch(...args: [xs: readonly Tensor[]]): Tensor {
  const [xs] = checked('concatBatch', { xs: TENSORS }, args);
  return applyOne(kept(joins, xs.length, joinOp, 'x'), xs, null);
}

/** The adjoint: x [ΣNᵢ, …, C] as tensors of `counts` Nᵢ; no copy is made in a plan. Throws `ShapeError`. */
export function splitBatch(...args: [x: Tensor, counts: readonly number[]]): readonly Tensor[] {
  const [x, counts] = checked('splitBatch', { x: TENSOR, counts: NUMBERS }, args);
  return apply(kept(parts, counts.length, splitOp, 'y'), [x], { counts }).outputs;
}
