import { mul } from '../elementwise/elementwise.js';
import { channelsOf } from '../oracle.js';
import { type Room, room, type Terms, termsOf } from '../room.js';
import * as oracle from './oracle.js';
import { detach, detachOp, padChannels, padChannelsOp, slice, sliceOp } from './slice.js';

const one = (shape: readonly number[], start: number, end: number) => ({
  name: `channels [${start}, ${end}) of ${shape.join('×')}`,
  inputs: { x: { shape } },
  attrs: { start, end },
});
const pad = (shape: readonly number[], at: number, channels: number) => ({
  name: `${shape.join('×')} at ${at} of ${channels}`,
  inputs: { x: { shape } },
  attrs: { at, channels },
});
const outside = (start: number, end: number) => ({
  inputs: { x: { shape: [2, 5] } },
  attrs: { start, end },
  error: new RegExp(`slice: channels \\[${start}, ${end}\\) are not within x \\[2, 5\\]`),
});

export const rooms: readonly Room[] = [
  room(sliceOp, {
    name: 'slice',
    build: ({ x }, { start, end }) => ({ y: slice(x, start, end) }),
    forward: ({ x }, { start, end }) => ({ y: oracle.slice(x, start, end) }),
    backward: ({ x }, { start }, { y: gy }) => ({ x: oracle.padChannels(gy, start, channelsOf(x)) }),
    cases: [
      one([1], 0, 1),
      one([3, 5, 7, 3], 1, 2),
      one([1, 1, 1, 1], 0, 1),
      one([2, 3, 5, 12], 4, 12),
      one([2, 3, 5, 12], 3, 7),
      one([1, 17, 1, 8], 0, 8),
    ],
    refuses: [outside(-1, 2), outside(0, 6), outside(3, 3), outside(0.5, 2)],
  }),
  room(padChannelsOp, {
    name: 'padChannels',
    build: ({ x }, { at, channels }) => ({ y: padChannels(x, at, channels) }),
    forward: ({ x }, { at, channels }) => ({ y: oracle.padChannels(x, at, channels) }),
    backward: ({ x }, { at }, { y: gy }) => ({ x: oracle.slice(gy, at, at + channelsOf(x)) }),
    cases: [pad([3, 5, 7, 3], 2, 7), pad([1, 1, 1, 1], 0, 1), pad([2, 3, 5, 8], 4, 16), pad([1, 17, 1, 4], 4, 8)],
    refuses: [{ inputs: {}, attrs: { at: 0, channels: 1 }, error: /padChannels: x must be a Tensor, got undefined/ }],
    bench: [pad([4, 64, 32, 128], 128, 256)],
  }),
  room(detachOp, {
    name: 'detach',
    // In x·detach(x) the gradient flows through the first factor alone.
    build: ({ x }) => ({ y: mul(x, detach(x)) }),
    forward: ({ x }) => ({ y: oracle.product(x, x) }),
    backward: ({ x }, _, { y: gy }) => ({ x: oracle.product(x, gy) }),
    // Finite differences see both factors.
    cases: [
      { name: 'one factor of 3×5×7×3', inputs: { x: { shape: [3, 5, 7, 3] } }, attrs: null, kink: true },
      { name: 'one factor of 2×3×5×8', inputs: { x: { shape: [2, 3, 5, 8] } }, attrs: null, kink: true },
    ],
    refuses: [{ inputs: {}, attrs: null, error: /detach: x must be a Tensor, got undefined/ }],
  }),
];

export const terms: Readonly<Record<string, Terms>> = {
  padChannels: termsOf(padChannelsOp, {
    layout: { x: '… C', y: '… C' },
    names: {
      count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
      channels: 'number of channels of the result',
      at: 'the first channel of the result that comes from x',
      x_channels: 'number of channels of x',
    },
  }),
};
