import type { Shape } from '../../autograd/tensor.js';
import { square } from '../elementwise/elementwise.js';
import { at, type Nd, nd } from '../oracle.js';
import { type Room, room, type Terms, termsOf } from '../room.js';
import * as oracle from './oracle.js';
import { flatten, reshape, reshapeCopyOp, reshapeOp } from './reshape.js';

const one = (from: Shape, shape: Shape, note = '') => ({
  name: `${from.join('×')} to ${shape.join('×')}${note}`,
  inputs: { x: { shape: from } },
  attrs: { shape },
});

const flat = (from: Shape, start: number, shape: Shape) => ({ ...one(from, shape), attrs: { start, shape } });

// The result is squared: a view as result would be a plain input.
const squared = (x: Nd, shape: Shape) => {
  const y = oracle.reshape(x, shape);
  return { y: nd(y.shape, (i) => at(y, i) ** 2) };
};
const backward = (x: Nd, gy: Nd) => ({ x: nd(x.shape, (i) => 2 * at(x, i) * at(gy, i)) });
const refusal = (shape: Shape, error: RegExp) => ({ inputs: { x: { shape: [2, 3, 4] } }, attrs: { shape }, error });

export const rooms: readonly Room[] = [
  room(reshapeOp, {
    name: 'reshape',
    build: ({ x }, { shape }) => ({ y: square(reshape(x, shape)) }),
    forward: ({ x }, { shape }) => squared(x, shape),
    backward: ({ x }, _, { y: gy }) => backward(x, gy),
    cases: [one([1], [1, 1]), one([2, 1, 3, 5, 3], [2, 3, 5, 3]), one([4, 3, 8], [12, 8]), one([6, 4], [1, 3, 2, 4])],
    refuses: [
      refusal([2, 4, 4], /reshape: x \[2, 3, 4\] has 24 elements, which do not fill shape \[2, 4, 4\]/),
      refusal([5, -1], /reshape: x \[2, 3, 4\] has 24 elements, which do not fill shape \[5, -1\]/),
      refusal([-1, 3, -1], /reshape: one dimension can be −1, got \[-1, 3, -1\]/),
      refusal([-2, -1], /reshape: x \[2, 3, 4\] .* shape \[-2, -1\]/),
      refusal([2.5, 3], /reshape: shape must be a list of positive/),
    ],
  }),
  room(reshapeCopyOp, {
    name: 'reshape to rows of another length',
    build: ({ x }, { shape }) => ({ y: reshape(x, shape) }),
    forward: ({ x }, { shape }) => ({ y: oracle.reshape(x, shape) }),
    backward: ({ x }, _, { y: gy }) => ({ x: oracle.reshape(gy, x.shape) }),
    cases: [
      one([3, 1], [1, 3]),
      one([3, 5, 7, 2], [7, -1], ', −1 being 30'),
      one([2, 3, 5, 8], [-1, 12], ', −1 being 20'),
      one([13, 4], [52]),
      one([1, 17, 1, 4], [17, 2, 2]),
    ],
    refuses: [
      { inputs: {}, attrs: { shape: [1] }, error: /reshape: x must be a Tensor, got undefined/ },
      refusal([], /reshape: shape must be a list of positive integers, got \[\]/),
    ],
    bench: [one([4, 7, 7, 511], [4, 25039]), one([4, 8, 4, 512], [4, 16384])],
  }),
  room(reshapeCopyOp, {
    name: 'flatten',
    build: ({ x }, { start }) => ({ y: square(start === 1 ? flatten(x) : flatten(x, { start })) }),
    forward: ({ x }, { shape }) => squared(x, shape),
    backward: ({ x }, _, { y: gy }) => backward(x, gy),
    cases: [
      flat([3, 5, 7, 2], 1, [3, 70]),
      flat([2, 3, 5, 8], 2, [2, 3, 40]),
      flat([2, 3], 0, [6]),
      flat([2, 3], 1, [2, 3]),
    ],
    refuses: [
      { inputs: { x: { shape: [5] } }, attrs: { start: 1, shape: [] }, error: /flatten: x \[5\] has no dimension 1/ },
    ],
  }),
];

export const terms: Readonly<Record<string, Terms>> = {
  reshapeCopy: termsOf(reshapeCopyOp, {
    layout: { x: '… C', y: '… D' },
    names: {
      count: 'elements, or groups of four in kernels of vec4',
      channels: 'channels of y',
      x_channels: 'channels of x',
    },
  }),
};
