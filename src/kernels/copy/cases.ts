import { type Room, room, type Terms, termsOf } from '../room.js';
import { copy, copyOp } from './copy.js';
import * as oracle from './oracle.js';

const one = (shape: readonly number[]) => ({ name: shape.join('×'), inputs: { x: { shape } }, attrs: null });

export const rooms: readonly Room[] = [
  room(copyOp, {
    name: 'copy',
    build: ({ x }) => ({ y: copy(x) }),
    forward: ({ x }) => ({ y: oracle.copy(x) }),
    backward: (_, __, { y: gy }) => ({ x: oracle.copy(gy) }),
    cases: [one([1]), one([3, 5, 7, 3]), one([1, 1, 1, 1]), one([2, 3, 5, 8]), one([1, 17, 1, 4])],
    refuses: [{ inputs: {}, attrs: null, error: /copy: x must be a Tensor, got undefined/ }],
    bench: [one([4, 128, 64, 64]), one([4, 16, 8, 512])],
  }),
];

export const terms: Readonly<Record<string, Terms>> = {
  copy: termsOf(copyOp, {
    layout: { x: '… C', y: '… C' },
    names: {
      count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
      channels: 'number of channels of the result',
    },
  }),
};
