import type { Tensor } from '../../autograd/tensor.js';
import type { Nd } from '../oracle.js';
import { type Case, type Room, room } from '../room.js';
import * as oracle from './oracle.js';
import { tile } from './tile.js';

interface Attrs {
  height: number;
  width: number;
}

const one = (n: number, channels: number, height: number, width: number): Case<Attrs> => ({
  name: `${n}×${channels} to ${height}×${width}`,
  inputs: { z: { shape: [n, channels] } },
  attrs: { height, width },
});

export const rooms: readonly Room[] = [
  room<Attrs>({
    name: 'tile',
    build: ({ z }, { height, width }) => ({ y: tile(z as Tensor, height, width) }),
    forward: ({ z }, { height, width }) => ({ y: oracle.tile(z as Nd, height, width) }),
    backward: (_, __, { y: gy }) => ({ z: oracle.tileGradient(gy as Nd) }),
    cases: [one(1, 1, 1, 1), one(3, 5, 7, 3), one(2, 8, 5, 11), one(1, 4, 2, 1)],
    refuses: [
      {
        inputs: { z: { shape: [2, 1, 3] } },
        attrs: { height: 2, width: 2 },
        error: /tile: z must be \[batch, channels\], got \[2, 1, 3\]/,
      },
      {
        inputs: { z: { shape: [2, 3] } },
        attrs: { height: 0, width: 2 },
        error: /tile: height must be an integer of at least 1, got 0/,
      },
    ],
    bench: [one(4, 64, 4, 2)],
  }),
];
