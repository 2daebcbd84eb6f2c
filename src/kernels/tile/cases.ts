import { f32 } from '../../autograd/op.js';
import { type Room, room } from '../room.js';
import * as oracle from './oracle.js';
import { tile } from './tile.js';

const one = (n: number, channels: number, height: number, width: number) => ({
  name: `${n}×${channels} to ${height}×${width}`,
  inputs: { z: { shape: [n, channels] } },
  attrs: { height, width },
});

export const rooms: readonly Room[] = [
  room(
    { args: { z: f32 }, results: { y: f32 } },
    {
      name: 'tile',
      build: ({ z }, { height, width }) => ({ y: tile(z, height, width) }),
      forward: ({ z }, { height, width }) => ({ y: oracle.tile(z, height, width) }),
      backward: (_, __, { y: gy }) => ({ z: oracle.tileGradient(gy) }),
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
    },
  ),
];
