import { applyOne, type Op } from '../../autograd/op.js';
import { channelsOf, formatShape, sameShape, TENSORS, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { slice } from '../slice/slice.js';

const ops = new Map<number, Op<null>>();

/** One op per number of arguments, so that each argument has a name. */
function concatOp(count: number): Op<null> {
  const found = ops.get(count);
  if (found) return found;
  const args = Array.from({ length: count }, (_, i) => `x${i}`);
  const op: Op<null> = {
    name: 'concat',
    kind: 'view',
    args,
    results: ['y'],
    infer: (inputs) => {
      const [first, ...rest] = inputs as Tensor[];
      if (!first) throw new ShapeError('concat', 'needs at least one tensor');
      for (const [i, t] of rest.entries()) {
        if (!sameShape(t.shape.slice(0, -1), first.shape.slice(0, -1)))
          throw new ShapeError(
            'concat',
            `x${i + 1} must be ${formatShape([...first.shape.slice(0, -1), -1]).replace('-1', 'any')} like x0, got ${formatShape(t.shape)}`,
          );
        if (t.dtype !== first.dtype) throw new ShapeError('concat', `x${i + 1} is ${t.dtype}, x0 is ${first.dtype}`);
      }
      const channels = (inputs as Tensor[]).reduce((n, t) => n + channelsOf(t.shape), 0);
      return [{ shape: [...first.shape.slice(0, -1), channels], dtype: first.dtype }];
    },
    // y = [x0 | x1 | …]  ⇒  gxᵢ = the channels of gy that came from xᵢ
    gradient: (node, [gy]) => {
      let at = 0;
      return (node.inputs as Tensor[]).map((x) => {
        const from = at;
        at += channelsOf(x.shape);
        return gy && slice(gy, from, at);
      });
    },
    view: (inputs) => {
      let channel = 0;
      return Object.entries(inputs).map(([part, { shape }]) => {
        const range = { part, whole: 'y', channel };
        channel += channelsOf(shape);
        return range;
      });
    },
    variants: [],
  };
  ops.set(count, op);
  return op;
}

/** Channel concatenation [x0 | x1 | …] of tensors [..., Cᵢ] that agree in all other dimensions. In a plan the producers write straight into it. */
export function concat(...args: [xs: readonly Tensor[]]): Tensor {
  const [xs] = checked('concat', { xs: TENSORS }, args);
  return applyOne(concatOp(xs.length), xs, null);
}
