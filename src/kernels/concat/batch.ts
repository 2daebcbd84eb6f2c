import { any, apply, defineOp, type NamedRange, type Op, type Specs } from '../../autograd/op.js';
import { formatShape, rowsOf, TENSOR, TENSORS, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, NUMBERS } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { byCount, expectAlike, numbered, zeros } from './numbered.js';

type JoinOp = Op<null, Specs, { readonly y: typeof any }>;
type SplitOp = Op<{ readonly counts: readonly number[] }, { readonly x: typeof any }, Specs>;

/** Describes several tensors as consecutive ranges of rows of one. */
function rowRanges(parts: Readonly<Record<string, TensorType>>, whole: string): NamedRange[] {
  let row = 0;
  return Object.entries(parts).map(([part, { shape }]) => {
    const range = { part, whole, row };
    row += rowsOf(shape);
    return range;
  });
}

const joinOp = byCount(
  'x',
  (args): JoinOp =>
    defineOp({
      name: 'concatBatch',
      kind: 'view',
      args,
      results: { y: any },
      infer: (inputs, _: null) => {
        const xs = Object.values(inputs);
        const [first] = xs;
        if (!first || first.shape.length < 2)
          throw new ShapeError(
            'concatBatch',
            `needs tensors [N, …, C], got ${first ? formatShape(first.shape) : 'none'}`,
          );
        expectAlike('concatBatch', inputs, first, 'first');
        const batch = xs.reduce((n, x) => n + batchOf(x), 0);
        return { y: { shape: [batch, ...first.shape.slice(1)], dtype: first.dtype } };
      },
      // y = [x0; x1; …]  ⇒  gxᵢ = the batches of gy that came from xᵢ
      gradient: (inputs, { y: gy }) => numbered('x', splitBatch(gy, Object.values(inputs).map(batchOf))),
      view: (inputs) => rowRanges(inputs, 'y'),
    }),
);

const splitOp = byCount(
  'y',
  (results): SplitOp =>
    defineOp({
      name: 'splitBatch',
      kind: 'view',
      args: { x: any },
      results,
      infer: ({ x: { shape, dtype } }, { counts }) => {
        const fits =
          counts.every((n) => Number.isInteger(n) && n > 0) && counts.reduce((a, b) => a + b, 0) === shape[0];
        if (!fits || shape.length < 2)
          throw new ShapeError(
            'splitBatch',
            `the counts ${counts.join(' + ')} do not add up to the batch of x ${formatShape(shape)}`,
          );
        return numbered(
          'y',
          counts.map((n) => ({ shape: [n, ...shape.slice(1)], dtype })),
        );
      },
      // x = [y0; y1; …]  ⇒  gx = [gy0; gy1; …]
      gradient: (_, gys, { outputs }) => ({
        x: concatBatch(Object.entries(outputs).map(([name, y]) => gys[name] ?? zeros(y.shape))),
      }),
      view: (_, outputs) => rowRanges(outputs, 'x'),
    }),
);

const batchOf = ({ shape: [batch = 0] }: TensorType) => batch;

/**
 * Concatenates tensors [Nᵢ, …, C] that agree in all but the first dimension to [ΣNᵢ, …, C]. In a plan the producers
 * write directly into it. Throws `ShapeError`.
 */
export function concatBatch(...given: [xs: readonly Tensor[]]): Tensor {
  const [xs] = checked('concatBatch', { xs: TENSORS }, given);
  return apply(joinOp(xs.length), numbered('x', xs), null).y;
}

/**
 * Splits x [ΣNᵢ, …, C] into tensors with batches `counts` = [N₀, N₁, …]. It is the adjoint of `concatBatch`. In a plan
 * it makes no copy. Throws `ShapeError`.
 */
export function splitBatch(...given: [x: Tensor, counts: readonly number[]]): readonly Tensor[] {
  const [x, counts] = checked('splitBatch', { x: TENSOR, counts: NUMBERS }, given);
  return Object.values(apply(splitOp(counts.length), { x }, { counts }));
}
