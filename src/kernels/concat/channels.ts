import { any, apply, defineOp, type NamedRange, type Op, type Specs } from '../../autograd/op.js';
import { channelsOf, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { concat } from './concat.js';
import { byCount, numbered, zeros } from './numbered.js';

type SplitOp = Op<null, { readonly x: typeof any }, Specs>;

/** Where each result lies in x. */
function channelRanges(results: Readonly<Record<string, TensorType>>): NamedRange[] {
  return Object.entries(results).map(([part, { shape }], i) => ({ part, whole: 'x', channel: i * channelsOf(shape) }));
}

const splitOp = byCount(
  'y',
  (results): SplitOp =>
    defineOp({
      name: 'splitChannels',
      kind: 'view',
      args: { x: any },
      results,
      infer: ({ x: { shape, dtype } }, _: null) => {
        const count = Object.keys(results).length;
        const part = { shape: [...shape.slice(0, -1), channelsOf(shape) / count], dtype };
        return numbered(
          'y',
          Array.from({ length: count }, () => part),
        );
      },
      // x = [y0 | y1 | …]  ⇒  gx = [gy0 | gy1 | …]
      gradient: (_, gys, { outputs }) => ({
        x: concat(Object.entries(outputs).map(([name, y]) => gys[name] ?? zeros(y.shape))),
      }),
      view: (_, outputs) => channelRanges(outputs),
    }),
);

/** x [..., C] as `count` tensors [..., C / count], a whole number of channels each. In a plan it makes no copy. */
export function splitChannels(x: Tensor, count: number): readonly Tensor[] {
  return Object.values(apply(splitOp(count), { x }, null));
}
