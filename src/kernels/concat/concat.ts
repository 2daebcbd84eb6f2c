import { any, apply, defineOp, type Op, type Specs } from '../../autograd/op.js';
import { channelsOf, TENSORS, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { slice } from '../slice/slice.js';
import { byCount, expectAlike, numbered } from './numbered.js';

type ConcatOp = Op<null, Specs, { readonly y: typeof any }>;

const concatOp = byCount(
  'x',
  (args): ConcatOp =>
    defineOp({
      name: 'concat',
      kind: 'view',
      args,
      results: { y: any },
      infer: (inputs, _: null) => {
        const xs = Object.values(inputs);
        const [first] = xs;
        if (!first) throw new ShapeError('concat', 'needs at least one tensor');
        expectAlike('concat', inputs, first, 'last');
        const channels = xs.reduce((n, x) => n + channelsOf(x.shape), 0);
        return { y: { shape: [...first.shape.slice(0, -1), channels], dtype: first.dtype } };
      },
      // y = [x0 | x1 | …]  ⇒  gxᵢ = the channels of gy that came from xᵢ
      gradient: (inputs, { y: gy }) =>
        Object.fromEntries(channelRanges(inputs).map(({ part, channel, end }) => [part, slice(gy, channel, end)])),
      view: (inputs) => channelRanges(inputs).map(({ part, whole, channel }) => ({ part, whole, channel })),
    }),
);

/** Returns where each argument lies in the result, which is in the channels [channel, end). */
function channelRanges(inputs: Readonly<Record<string, TensorType>>) {
  let end = 0;
  return Object.entries(inputs).map(([part, { shape }]) => {
    const channel = end;
    end += channelsOf(shape);
    return { part, whole: 'y', channel, end };
  });
}

/**
 * Concatenates tensors [..., Cᵢ] that agree in all other dimensions along the channels: the result is [x0 | x1 | …] of
 * shape [..., ΣCᵢ]. In a plan the producers write directly into it. Throws `ShapeError`.
 */
export function concat(...given: [xs: readonly Tensor[]]): Tensor {
  const [xs] = checked('concat', { xs: TENSORS }, given);
  return apply(concatOp(xs.length), numbered('x', xs), null).y;
}
