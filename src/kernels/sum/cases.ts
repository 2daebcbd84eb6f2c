import type { Shape } from '../../autograd/tensor.js';
import { testNormal } from '../oracle.js';
import { type OpCase, type OpRefusal, type Room, room, type Terms, termsOf } from '../room.js';
import * as oracle from './oracle.js';
import { broadcast, broadcastOp, mean, sum, sumOp } from './sum.js';
import type { Over } from './view.js';

interface Attrs {
  over: Over;
}

type SumCase = OpCase<Attrs, typeof sumOp.args>;

const every: readonly Over[] = ['all', 'rows', 'pixels', 'channels'];
const shapes: readonly Shape[] = [
  [1, 1, 1, 1],
  [3, 5, 7, 3],
  [2, 3, 5, 8],
  [1, 17, 1, 4],
];
const cases: SumCase[] = [
  ...every.flatMap((over) =>
    shapes.map((shape) => ({ name: `${over} of ${shape.join('×')}`, inputs: { x: { shape } }, attrs: { over } })),
  ),
  ...(['all', 'rows', 'channels'] as const).flatMap((over) =>
    [[13], [97, 2]].map((shape) => ({
      name: `${over} of ${shape.join('×')}`,
      inputs: { x: { shape } },
      attrs: { over },
    })),
  ),
];
const long: SumCase = {
  name: 'all of 300,000 elements of mean 3',
  inputs: { x: { shape: [100, 100, 30], fill: (_, random) => 3 + testNormal(random) } },
  attrs: { over: 'all' },
  // Finite differences of 1e-6 are lost in the rounding of a sum of 900,000.
  kink: true,
};
const rowsOf5003: SumCase = {
  name: 'channels of 3×5003',
  inputs: { x: { shape: [3, 5003] } },
  attrs: { over: 'channels' },
};
const refuses = (op: string): OpRefusal<Attrs, typeof sumOp.args>[] => [
  {
    inputs: { x: { shape: [2, 3] } },
    attrs: { over: 'pixels' },
    error: new RegExp(`${op}: x must be \\[batch, height, width, channels\\], got \\[2, 3\\]`),
  },
  { inputs: { x: { shape: [2, 3], dtype: 'u32' } }, attrs: { over: 'all' }, error: /sum: x must be f32, got u32/ },
];
const bench: SumCase[] = [
  { name: 'bias of the first layer', inputs: { x: { shape: [4, 128, 64, 64] } }, attrs: { over: 'rows' } },
  { name: 'noise', inputs: { x: { shape: [4, 4, 2, 64] } }, attrs: { over: 'pixels' } },
];

const lossBench: SumCase = {
  name: 'nearest-neighbour loss',
  inputs: { x: { shape: [4, 128, 64] } },
  attrs: { over: 'all' },
};

export const rooms: readonly Room[] = [
  room(sumOp, {
    name: 'sum',
    build: ({ x }, { over }) => ({ y: sum(x, over) }),
    forward: ({ x }, { over }) => ({ y: oracle.sum(x, over) }),
    backward: ({ x }, { over }, { y: gy }) => ({ x: oracle.broadcast(gy, x.shape, over) }),
    cases: [...cases, rowsOf5003, long],
    refuses: refuses('sum'),
    bench,
  }),
  room(sumOp, {
    name: 'mean',
    build: ({ x }, { over }) => ({ y: mean(x, over) }),
    forward: ({ x }, { over }) => ({
      y: oracle.times(oracle.sum(x, over), 1 / oracle.terms(x.shape, over)),
    }),
    backward: ({ x }, { over }, { y: gy }) => {
      const { shape } = x;
      return { x: oracle.times(oracle.broadcast(gy, shape, over), 1 / oracle.terms(shape, over)) };
    },
    cases,
    refuses: refuses('mean'),
    bench: [lossBench],
  }),
  room(broadcastOp, {
    name: 'broadcast',
    build: ({ x }, { shape, over, factor }) => ({ y: broadcast(x, shape, over, factor) }),
    forward: ({ x }, { shape, over, factor }) => ({
      y: oracle.times(oracle.broadcast(x, shape, over), factor),
    }),
    backward: (_, { over, factor }, { y: gy }) => ({ x: oracle.times(oracle.sum(gy, over), factor) }),
    cases: cases.map((c) => {
      const { shape } = c.inputs.x;
      const { over } = c.attrs;
      const reduced = oracle.sum({ shape, data: new Float64Array() }, over).shape;
      return { name: c.name, inputs: { x: { shape: reduced } }, attrs: { over, shape, factor: -0.7 } };
    }),
    refuses: [
      {
        inputs: { x: { shape: [3] } },
        attrs: { over: 'rows', shape: [5, 4], factor: 1 },
        error: /broadcast: x must be \[4\] \(the sum of \[5, 4\] over rows\), got \[3\]/,
      },
    ],
    bench: [
      {
        name: 'gradient of a mean over an image',
        inputs: { x: { shape: [1] } },
        attrs: { over: 'all', shape: [4, 128, 64, 64], factor: 1 },
      },
    ],
  }),
];

const names = {
  count: 'number of results, in broadcast of elements of the result, in the first kernel of split of partial sums',
  mid: 'number of elements that are summed into one result; x is seen as outer × mid × inner',
  inner: 'number of results that lie side by side',
  channels: 'number of channels of the larger tensor',
  factor: 'factor of the sum',
  chunks: 'number of partial sums of a result',
  partial: 'partial sums [outer, chunks, inner]',
};

export const terms: Readonly<Record<string, Terms>> = {
  sum: termsOf(sumOp, { layout: { x: '… C', y: '…' }, names }),
  broadcast: termsOf(broadcastOp, { layout: { x: '…', y: '… C' }, names }),
};
