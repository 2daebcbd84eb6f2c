import type { Shape, Tensor } from '../../autograd/tensor.js';
import type { Nd } from '../oracle.js';
import { type Room, room, type Terms, termsOf } from '../room.js';
import * as oracle from './oracle.js';
import { logSoftmax, logSoftmaxGradientOp, logSoftmaxOp, softmax, softmaxGradientOp, softmaxOp } from './softmax.js';

const one = (shape: Shape, name = shape.join('×')) => ({ name, inputs: { x: { shape } }, attrs: null });
/** Returns numbers whose exponentials overflow or vanish. */
const wide = (i: number, random: () => number) => [0, 90, -90, 300, -300][i % 7] ?? 6 * random() - 3;
const extreme = (shape: Shape) => ({
  ...one(shape),
  name: `${shape.join('×')}, extreme values`,
  inputs: { x: { shape, fill: wide } },
});
/** Makes rows of ordinary numbers, of which one is `value`, and a row in which every number is `value`. */
const special = (channels: number, value: number) => ({
  ...one([4, channels]),
  name: `${value} in one row, and all over another, of ${channels}`,
  inputs: {
    x: {
      shape: [4, channels],
      fill: (i: number, random: () => number) =>
        i === channels + 1 || Math.floor(i / channels) === 3 ? value : 6 * random() - 3,
    },
  },
});

function roomOf(op: typeof softmaxOp, of: (x: Tensor) => Tensor, f: (x: Nd) => Nd, gx: (x: Nd, gy: Nd) => Nd): Room {
  return room(op, {
    name: op.name,
    build: ({ x }) => ({ y: of(x) }),
    forward: ({ x }) => ({ y: f(x) }),
    backward: ({ x }, _, { y: gy }) => ({ x: gx(x, gy) }),
    cases: [
      one([1]),
      one([3, 5, 7, 3]),
      one([2, 1]),
      one([2, 3, 5, 8]),
      one([67, 10]),
      one([13, 37]),
      one([3, 1009]),
      extreme([5, 12]),
      extreme([4, 97]),
    ],
    nonFinite: [5, 40].flatMap((channels) => [
      special(channels, Number.NaN),
      special(channels, Number.POSITIVE_INFINITY),
      special(channels, Number.NEGATIVE_INFINITY),
    ]),
    refuses: [
      { inputs: {}, attrs: null, error: new RegExp(`^${op.name}: x must be a Tensor, got undefined`) },
      { inputs: { x: { shape: [2], dtype: 'u32' } }, attrs: null, error: /x must be f32, got u32/ },
    ],
    bench: [one([128, 10], 'digits'), one([128, 1000], 'ImageNet'), one([4, 128, 64, 19], 'parts of every pixel')],
  });
}

export const rooms: readonly Room[] = [
  roomOf(softmaxOp, softmax, oracle.softmax, oracle.softmaxGradient),
  roomOf(logSoftmaxOp, logSoftmax, oracle.logSoftmax, oracle.logSoftmaxGradient),
];

const names = {
  rows: 'rows: the product of all dimensions but the last',
  channels: 'channels: the last dimension',
  LOG: 'whether it is the logarithm of the softmax',
  LANES: 'neighbouring invocations that make a row, a power of two',
};
const softmaxTerms = termsOf(softmaxOp, { layout: { x: '… C', y: '… C' }, names });
const gradientTerms = termsOf(softmaxGradientOp, { layout: { y: '… C', gy: '… C', gx: '… C' }, names });

export const terms: Readonly<Record<string, Terms>> = {
  [softmaxOp.name]: softmaxTerms,
  [logSoftmaxOp.name]: softmaxTerms,
  [softmaxGradientOp.name]: gradientTerms,
  [logSoftmaxGradientOp.name]: gradientTerms,
};
