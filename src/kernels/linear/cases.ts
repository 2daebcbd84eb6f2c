import { f32, optional, strided } from '../../autograd/op.js';
import type { Shape } from '../../autograd/tensor.js';
import { type Room, room } from '../room.js';
import { linear, matmul } from './linear.js';
import * as oracle from './oracle.js';

const linearArgs = { args: { x: strided, w: f32, bias: optional }, results: { y: strided } };
const matmulArgs = { args: { a: strided, b: f32 }, results: { y: strided } };

const layer = (x: Shape, w: Shape, bias = false) => ({
  name: `${x.join('×')} by ${w.join('×')}${bias ? ' + bias' : ''}`,
  inputs: { x: { shape: x }, w: { shape: w }, ...(bias && { bias: { shape: w.slice(-1) } }) },
  attrs: null,
});

const pair = (a: Shape, b: Shape) => ({
  name: `${a.join('×')} by ${b.join('×')}`,
  inputs: { a: { shape: a }, b: { shape: b } },
  attrs: null,
});

export const rooms: readonly Room[] = [
  room(linearArgs, {
    name: 'linear',
    build: ({ x, w, bias }) => ({ y: linear(x, w, bias) }),
    forward: ({ x, w, bias }) => ({ y: oracle.linear(x, w, bias) }),
    backward: ({ x, w, bias }, _, { y: gy }) => {
      const { bias: gb, ...g } = oracle.linearBackward(x, w, gy);
      return bias ? { ...g, bias: gb } : g;
    },
    cases: [
      layer([1], [1, 1], true),
      layer([13], [13, 7]),
      layer([3, 5], [5, 8], true),
      layer([2, 3, 5, 8], [8, 12], true),
      layer([67, 36], [36, 3]),
      layer([1, 4, 260], [260, 68], true),
    ],
    refuses: [
      {
        inputs: { x: { shape: [2, 3] }, w: { shape: [4, 5] } },
        attrs: null,
        error: /linear: w must be \[3, any\] \(as many rows as \[2, 3\] has channels\), got \[4, 5\]/,
      },
      {
        inputs: { x: { shape: [2, 3] }, w: { shape: [3] } },
        attrs: null,
        error: /linear: w must be \[3, any\].*got \[3\]/,
      },
      {
        inputs: { x: { shape: [2, 3] }, w: { shape: [3, 5] }, bias: { shape: [3] } },
        attrs: null,
        error: /linear: bias must be \[5\] \(output channels of w \[3, 5\]\), got \[3\]/,
      },
    ],
    bench: [
      layer([128, 784], [784, 512], true),
      layer([128, 512], [512, 10], true),
      layer([32, 3136], [3136, 128], true),
    ],
  }),
  room(matmulArgs, {
    name: 'matmul',
    build: ({ a, b }) => ({ y: matmul(a, b) }),
    forward: ({ a, b }) => ({ y: oracle.linear(a, b) }),
    backward: ({ a, b }, _, { y: gy }) => {
      const { x, w } = oracle.linearBackward(a, b, gy);
      return { a: x, b: w };
    },
    cases: [pair([1, 1], [1, 1]), pair([7, 5], [5, 11]), pair([9, 8], [8, 4]), pair([1, 3], [3, 1])],
    refuses: [
      {
        inputs: { a: { shape: [2, 2, 3] }, b: { shape: [3, 5] } },
        attrs: null,
        error: /matmul: a must have two dimensions, got \[2, 2, 3\]/,
      },
      {
        inputs: { a: { shape: [2, 3] }, b: { shape: [2, 5] } },
        attrs: null,
        error: /matmul: b must be \[3, any\] .*, got \[2, 5\]/,
      },
    ],
    bench: [pair([512, 512], [512, 512])],
  }),
];
