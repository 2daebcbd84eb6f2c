import { type Room, room } from '../../kernels/room.js';
import { shift, shiftBackward } from './oracle.js';
import { shift2d, shift2dOp } from './shift2d.js';

const one = (shape: readonly number[], rows: number, cols: number, outside = 0) => ({
  name: `${shape.join('×')} by ${rows}, ${cols}, outside ${outside}`,
  inputs: { x: { shape } },
  attrs: { rows, cols, outside },
});

const plain = { rows: 1, cols: 0, outside: 0 };

export const rooms: readonly Room[] = [
  room(shift2dOp, {
    name: 'shift2d',
    build: ({ x }, attrs) => ({ y: shift2d(x, attrs) }),
    forward: ({ x }, attrs) => ({ y: shift(x, attrs) }),
    backward: (_, attrs, { y }) => ({ x: shiftBackward(attrs, y) }),
    cases: [
      one([1, 1, 1, 1], 0, 0),
      one([3, 5, 7, 3], 1, -2),
      one([3, 5, 7, 4], -2, 1),
      one([2, 3, 5, 8], 0, 2, 7.5),
      one([1, 4, 3, 5], 2, 0, -3),
      one([2, 3, 2, 4], 3, -4, 2),
      one([1, 3, 2, 1], -9, 9),
    ],
    refuses: [
      { inputs: { x: { shape: [3, 4] } }, attrs: plain, error: /shift2d: x must be \[batch, height.*got \[3, 4\]/ },
      {
        inputs: { x: { shape: [1, 3, 4, 2] } },
        attrs: { ...plain, cols: 0.5 },
        error: /shift2d: shift.cols must be an integer, got 0\.5/,
      },
      {
        inputs: { x: { shape: [1, 3, 4, 2] } },
        attrs: { ...plain, outside: 1e39 },
        error: /shift2d: shift.outside must be a finite number, got 1e\+39/,
      },
    ],
    bench: [one([4, 128, 64, 64], 1, 1)],
  }),
];
