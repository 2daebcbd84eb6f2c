import type { Shape } from '../../autograd/tensor.js';
import { square } from '../elementwise/elementwise.js';
import { at, nd } from '../oracle.js';
import { type Room, room } from '../room.js';
import * as oracle from './oracle.js';
import { reshape, reshapeOp } from './reshape.js';

const one = (from: Shape, shape: Shape) => ({
  name: `${from.join('×')} to ${shape.join('×')}`,
  inputs: { x: { shape: from } },
  attrs: { shape },
});

export const rooms: readonly Room[] = [
  room(reshapeOp, {
    name: 'reshape',
    // reshape(x)²: a view as result would be a plain input
    build: ({ x }, { shape }) => ({ y: square(reshape(x, shape)) }),
    forward: ({ x }, { shape }) => {
      const y = oracle.reshape(x, shape);
      return { y: nd(shape, (i) => at(y, i) ** 2) };
    },
    backward: ({ x }, _, { y: gy }) => ({ x: nd(x.shape, (i) => 2 * at(x, i) * at(gy, i)) }),
    cases: [one([1], [1, 1]), one([2, 1, 3, 5, 3], [2, 3, 5, 3]), one([4, 3, 8], [12, 8]), one([6, 4], [1, 3, 2, 4])],
    refuses: [
      {
        inputs: { x: { shape: [2, 3, 4] } },
        attrs: { shape: [2, 4, 3] },
        error: /reshape: x \[2, 3, 4\] has 6 rows of 4 channels, got shape \[2, 4, 3\]/,
      },
      {
        inputs: { x: { shape: [2, 3, 4] } },
        attrs: { shape: [5, 4] },
        error: /reshape: x \[2, 3, 4\] has 6 rows of 4 channels, got shape \[5, 4\]/,
      },
      {
        inputs: { x: { shape: [2, 3] } },
        attrs: { shape: [2.5, 3] },
        error: /reshape: shape must be a list of positive/,
      },
    ],
  }),
];
