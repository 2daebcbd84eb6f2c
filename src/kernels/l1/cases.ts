import type { Shape } from '../../autograd/tensor.js';
import { testSpecial } from '../oracle.js';
import { type Room, room, type Terms, termsOf } from '../room.js';
import { l1, l1GradientOp, l1Op } from './l1.js';
import * as oracle from './oracle.js';

const one = (shape: Shape, name = shape.join('×')) => ({
  name,
  inputs: { a: { shape }, b: { shape } },
  attrs: null,
});

export const rooms: readonly Room[] = [
  room(l1Op, {
    name: 'l1',
    build: ({ a, b }) => ({ y: l1(a, b) }),
    forward: ({ a, b }) => ({ y: oracle.l1(a, b) }),
    backward: ({ a, b }, _, { y: gy }) => oracle.l1Gradient(a, b, gy),
    cases: [
      one([1]),
      one([3, 5, 7, 3]),
      one([1, 1, 1, 1]),
      one([2, 3, 5, 8]),
      one([1, 17, 1, 4]),
      one([1, 29, 31, 5]),
      {
        name: 'equal elements',
        inputs: { a: { shape: [5, 4], fill: (i) => i % 3 }, b: { shape: [5, 4], fill: (i) => i % 2 } },
        attrs: null,
        kink: true,
      },
    ],
    nonFinite: [4, 5].map((channels) => ({
      name: `NaN and infinities, ${channels} channels`,
      inputs: { a: { shape: [3, 7, channels], fill: testSpecial }, b: { shape: [3, 7, channels], fill: testSpecial } },
      attrs: null,
    })),
    refuses: [
      {
        inputs: { a: { shape: [2, 3] }, b: { shape: [3, 2] } },
        attrs: null,
        error: /l1: b must be \[2, 3\] \(the shape of a\), got \[3, 2\]/,
      },
    ],
    bench: [one([4, 128, 64, 3], 'images'), one([4, 64, 32, 128], 'VGG conv2_1')],
  }),
];

const names = {
  count: 'number of elements of a; in the second kernel of split, number of results',
  channels: 'channels of a',
  factor: '1 / number of elements',
  chunks: 'number of partial sums',
  inner: 'number of results that lie side by side, which is 1',
  partial: 'partial sums [chunks]',
};

export const terms: Readonly<Record<string, Terms>> = {
  l1: termsOf(l1Op, { layout: { a: '… C', b: '… C', y: '1' }, names }),
  l1Gradient: termsOf(l1GradientOp, { layout: { a: '… C', b: '… C', gy: '1', ga: '… C' }, names }),
};
