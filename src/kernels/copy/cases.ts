import type { Tensor } from '../../autograd/tensor.js';
import type { Nd } from '../oracle.js';
import { type Case, type Room, room, type Terms } from '../room.js';
import { copy } from './copy.js';
import * as oracle from './oracle.js';

const one = (shape: readonly number[]): Case<null> => ({
  name: shape.join('×'),
  inputs: { x: { shape } },
  attrs: null,
});

export const rooms: readonly Room[] = [
  room<null>({
    name: 'copy',
    build: ({ x }) => ({ y: copy(x as Tensor) }),
    forward: ({ x }) => ({ y: oracle.copy(x as Nd) }),
    backward: (_, __, { y: gy }) => ({ x: oracle.copy(gy as Nd) }),
    cases: [one([1]), one([3, 5, 7, 3]), one([1, 1, 1, 1]), one([2, 3, 5, 8]), one([1, 17, 1, 4])],
    refuses: [{ inputs: {}, attrs: null, error: /copy: x must be a Tensor, got undefined/ }],
    bench: [one([4, 128, 64, 64]), one([4, 16, 8, 512])],
  }),
];

export const terms: Readonly<Record<string, Terms>> = {
  copy: {
    layout: { x: '… C', y: '… C' },
    names: {
      count: 'elements of the result, or groups of four channels in kernels of vec4',
      channels: 'channels of the result',
    },
  },
};
