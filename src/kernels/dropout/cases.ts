import { apply } from '../../autograd/op.js';
import { testSpecial } from '../oracle.js';
import { type InputSpec, type Room, room, type Terms, termsOf } from '../room.js';
import { type DropoutAttrs, dropoutOp, type NoiseAttrs, noiseOp } from './dropout.js';
import * as oracle from './oracle.js';

/** The seed and the step of the cases, which use more than 32 bits. */
const words = [0xdeadbeef, 0x01234567, 0xfffffff0, 0x00000002];
const state: InputSpec = { shape: [4], dtype: 'u32', fill: (i) => words[i] ?? 0 };

const from = (start?: number) => (start === undefined ? '' : `, start ${start}`);
const one = (shape: readonly number[], rate: number, stream = 0, start?: number) => {
  const attrs: DropoutAttrs = { rate, stream, start };
  const name = `${shape.join('×')}, rate ${rate}, stream ${stream}${from(start)}`;
  return { name, inputs: { x: { shape }, state }, attrs };
};
const draw = (shape: readonly number[], distribution: NoiseAttrs['distribution'], stream = 0, start?: number) => {
  const attrs: NoiseAttrs = { shape, distribution, stream, start };
  return { name: `${distribution} ${shape.join('×')}, stream ${stream}${from(start)}`, inputs: { state }, attrs };
};

export const rooms: readonly Room[] = [
  room(dropoutOp, {
    name: 'dropout',
    build: ({ x, state }, attrs) => apply(dropoutOp, { x, state }, attrs),
    forward: ({ x, state }, attrs) => ({ y: oracle.dropout(x, state, attrs, attrs.rate) }),
    backward: ({ state }, attrs, { y: gy }) => ({
      x: oracle.dropout(gy, state, attrs, attrs.rate),
    }),
    cases: [
      one([1, 1, 1, 1], 0),
      one([3, 5, 7, 3], 0.5),
      one([2, 3, 5, 8], 0.5, 3),
      one([1, 17, 1, 4], 0.9),
      one([13], 0.25, 0xffffffff),
      one([31, 12], 0.3),
      one([3, 5, 7, 3], 0.5, 1, 105),
      one([2, 3, 5, 8], 0.25, 2, 0xffffff00),
    ],
    nonFinite: [4, 5].map((channels) => ({
      ...one([9, channels], 0.5),
      name: `NaN and infinities, ${channels} channels`,
      inputs: { x: { shape: [9, channels], fill: testSpecial }, state },
    })),
    refuses: [
      {
        inputs: { x: { shape: [2, 3] }, state },
        attrs: { rate: 1, stream: 0 },
        error: /rate must be in \[0, 1\), got 1/,
      },
      { inputs: { x: { shape: [2, 3] }, state }, attrs: { rate: Number.NaN, stream: 0 }, error: /rate must be in/ },
      {
        inputs: { x: { shape: [2, 3] }, state: { shape: [2], dtype: 'u32' } },
        attrs: { rate: 0.5, stream: 0 },
        error: /dropout: state must be u32 \[4\], got u32 \[2\]/,
      },
    ],
    bench: [one([4, 8, 4, 512], 0.5), one([4, 16, 8, 512], 0.5), one([4, 32, 16, 512], 0.5)],
  }),
  room(noiseOp, {
    name: 'noise',
    build: ({ state }, attrs) => apply(noiseOp, { state }, attrs),
    forward: ({ state }, { shape, distribution, ...place }) => ({
      y: (distribution === 'normal' ? oracle.normalNoise : oracle.uniformNoise)(shape, state, place),
    }),
    cases: (['normal', 'uniform'] as const).flatMap((d) => [
      draw([1], d),
      draw([3, 7], d),
      draw([3, 64], d, 5),
      draw([2, 3, 5, 4], d),
      draw([3, 7], d, 1, 21),
      draw([3, 64], d, 2, 48),
    ]),
    refuses: [
      {
        inputs: { state: { shape: [4] } },
        attrs: { shape: [3], distribution: 'normal', stream: 0 },
        error: /noise: state must be u32, got f32/,
      },
      {
        inputs: { state },
        attrs: { shape: [3, 0], distribution: 'normal', stream: 0 },
        error: /noise: shape must be a list of positive integers, got \[3, 0\]/,
      },
    ],
    bench: [draw([4, 64], 'normal')],
  }),
];

export const terms: Readonly<Record<string, Terms>> = {
  dropout: termsOf(dropoutOp, {
    layout: { x: '… C', state: '4', y: '… C' },
    names: {
      count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
      channels: 'number of channels of the result',
      stream: 'random stream of the op',
      start: 'number of the first group of four elements in the whole batch, of which the tensor may be a part',
      threshold: 'an element is dropped when the upper 24 bits of its random number are below this: rate · 2²⁴',
      factor: 'factor of the elements that are kept: 1 / (1 − rate)',
    },
  }),
  noise: termsOf(noiseOp, {
    layout: { state: '4', y: '… C' },
    names: {
      count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
      channels: 'number of channels of the result',
      stream: 'random stream of the op',
      start: 'number of the first group of four elements in the whole batch, of which the tensor may be a part',
      normal: '1 for normally distributed numbers, 0 for uniform ones',
    },
  }),
};
