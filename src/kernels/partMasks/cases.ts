import { type OpCase, type Room, room, type Terms, termsOf } from '../room.js';
import { forward } from './oracle.js';
import { type Attrs, partMasks, partMasksOp } from './partMasks.js';

/**
 * Makes half-planes through points inside the image. Their coefficients are off the grid, so that no pixel lies on a
 * border.
 */
function planes(n: number, parts: number, size: number) {
  return {
    planes: {
      shape: [n, parts, 12],
      fill: (i: number, random: () => number) => (i % 3 === 2 ? size * (0.3 + random()) : random() - 0.5),
    },
  };
}

const cases: OpCase<Attrs, typeof partMasksOp.args>[] = [
  { name: '1×1, one part', inputs: planes(1, 1, 1), attrs: { height: 1, width: 1, scale: 1 } },
  { name: '13×7, ten parts, batch 3', inputs: planes(3, 10, 4), attrs: { height: 13, width: 7, scale: 1 } },
  {
    name: '5×11 on a grid 4 times coarser, 31 parts',
    inputs: planes(2, 31, 12),
    attrs: { height: 5, width: 11, scale: 4 },
  },
  {
    name: 'everything and nothing',
    inputs: { planes: { shape: [1, 2, 12], fill: (i) => (i % 3 === 2 ? (i < 12 ? 1 : -1) : 0) } },
    attrs: { height: 3, width: 6, scale: 2 },
  },
];

export const rooms: readonly Room[] = [
  room(partMasksOp, {
    name: 'partMasks',
    build: ({ planes }, attrs) => ({ y: partMasks(planes, attrs) }),
    forward: ({ planes }, { height, width, scale }) => ({ y: forward(planes, height, width, scale) }),
    cases,
    refuses: [
      {
        inputs: { planes: { shape: [2, 10, 11] } },
        attrs: { height: 4, width: 4, scale: 1 },
        error: /planes must be \[batch, parts, 12\], got \[2, 10, 11\]/,
      },
      { inputs: { planes: { shape: [2, 33, 12] } }, attrs: { height: 4, width: 4, scale: 1 }, error: /33 parts/ },
      {
        inputs: { planes: { shape: [2, 3, 12] } },
        attrs: { height: 4, width: 4, scale: 0.5 },
        error: /scale must be an integer of at least 1, got 0\.5/,
      },
    ],
    bench: [1, 2, 4, 8].map((scale) => ({
      name: `4 × ${128 / scale}×${64 / scale}, 10 parts`,
      inputs: planes(4, 10, 64),
      attrs: { height: 128 / scale, width: 64 / scale, scale },
    })),
  }),
];

export const terms: Readonly<Record<string, Terms>> = {
  partMasks: termsOf(partMasksOp, {
    layout: { planes: 'N P 12', y: 'N H W' },
    names: {
      count: 'number of invocations with work; in the naive kernel, of pixels of the result',
      parts: 'number P of parts of an image',
      height: 'height of the result',
      width: 'width of the result',
      pixels: 'number of pixels of an image',
      runs: 'number of runs of four columns in a row',
      scale: 'how much coarser the grid is than the coordinates of the planes',
    },
  }),
};
