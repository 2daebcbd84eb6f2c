import { apply, f32, u32 } from '../../autograd/op.js';
import { nchwToNhwc } from '../layout.js';
import { testSpecial } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type OpCase,
  type Room,
  room,
  type Terms,
  termsOf,
} from '../room.js';
import {
  type NearestNeighbourAttrs,
  nearestNeighbourDistance,
  nearestNeighbourDistanceGradientOp,
  nearestNeighbourDistanceOp,
} from './nearestNeighbourDistance.js';
import { nearest, nearestBackward } from './oracle.js';

const { args } = nearestNeighbourDistanceOp;

type NearestCase = OpCase<NearestNeighbourAttrs, typeof args>;

function sample(shape: readonly [number, number, number, number], window: number): NearestCase {
  return {
    name: `${shape.join('×')}, window ${window}`,
    inputs: { generated: { shape }, reference: { shape } },
    attrs: { window },
  };
}

/** Makes inputs of few values, so that distances tie and many differences are 0. */
function ties(shape: readonly [number, number, number, number], window: number): NearestCase {
  const fill = (_: number, random: () => number) => Math.floor(3 * random());
  return {
    ...sample(shape, window),
    name: `ties: ${shape.join('×')}, window ${window}`,
    inputs: { generated: { shape, fill }, reference: { shape, fill } },
    kink: true,
  };
}

function special(shape: readonly [number, number, number, number], window: number): NearestCase {
  return {
    ...sample(shape, window),
    name: `NaN and infinities: ${shape.join('×')}, window ${window}`,
    inputs: { generated: { shape, fill: testSpecial }, reference: { shape, fill: testSpecial } },
  };
}

const far: NearestCase = {
  ...sample([1, 5, 5, 4], 3),
  name: 'every distance infinite',
  inputs: {
    generated: { shape: [1, 5, 5, 4] },
    reference: { shape: [1, 5, 5, 4], fill: () => Number.POSITIVE_INFINITY },
  },
};
const nonFinite = [
  special([1, 9, 11, 4], 3),
  special([1, 7, 9, 5], 5),
  special([2, 6, 9, 8], 7),
  special([1, 6, 7, 4], 9),
  far,
];

const smooth = [
  sample([1, 1, 1, 1], 1),
  sample([1, 1, 1, 4], 3),
  sample([3, 5, 7, 3], 3),
  sample([1, 9, 2, 1], 5),
  sample([3, 5, 7, 4], 3),
  sample([1, 13, 11, 8], 5),
  sample([1, 3, 10, 12], 7),
  sample([2, 4, 9, 4], 1),
  sample([1, 6, 7, 4], 9),
  sample([1, 2, 17, 16], 3),
];
const tied = [ties([1, 5, 9, 1], 3), ties([2, 7, 5, 4], 3), ties([1, 9, 9, 4], 5), ties([1, 5, 9, 8], 7)];

/** These images have more pixels than one dispatch computes. */
const large: NearestCase[] = [sample([1, 257, 256, 4], 1)];

function fixture(file: FixtureFile): FixtureRun {
  const window = Number(file.attrs.n);
  return fixtureRun(nearestNeighbourDistanceOp, {
    inputs: { generated: nchwToNhwc(file.tensor('generated')), reference: nchwToNhwc(file.tensor('reference')) },
    build: ({ generated, reference }) => ({
      y: nearestNeighbourDistance(generated, reference, { window }),
    }),
    expected: { y: file.tensor('y'), g_generated: nchwToNhwc(file.tensor('g_generated')) },
    upstream: { y: file.tensor('gy') },
  });
}

/** The arguments and results of the public function. */
const published = { args, results: { y: f32 } };
/** The window positions that the op stores for its gradient. */
const kept = { args, results: { winner: u32 } };

export const rooms: readonly Room[] = [
  room(published, {
    name: 'nearestNeighbourDistance',
    build: ({ generated, reference }, attrs) => ({ y: nearestNeighbourDistance(generated, reference, attrs) }),
    forward: ({ generated, reference }, { window }) => ({ y: nearest(generated, reference, window).y }),
    backward: ({ generated, reference }, { window }, { y }) => ({
      generated: nearestBackward(generated, reference, window, y),
    }),
    cases: [...smooth, ...tied],
    nonFinite,
    refuses: [
      {
        inputs: { generated: { shape: [1, 4, 4, 3] }, reference: { shape: [1, 4, 4, 4] } },
        attrs: { window: 3 },
        error: /nearestNeighbourDistance: reference must be \[1, 4, 4, 3\] .*, got \[1, 4, 4, 4\]/,
      },
      {
        inputs: { generated: { shape: [4, 4, 3] }, reference: { shape: [4, 4, 3] } },
        attrs: { window: 3 },
        error: /nearestNeighbourDistance: generated must be \[batch, height, width, channels\], got \[4, 4, 3\]/,
      },
      {
        inputs: { generated: { shape: [1, 4, 4, 3] }, reference: { shape: [1, 4, 4, 3] } },
        attrs: { window: 4 },
        error: /nearestNeighbourDistance: options.window must be an odd number of pixels up to 32767, got 4/,
      },
    ],
    bench: [sample([4, 128, 64, 64], 3), sample([2, 256, 256, 64], 5)],
    fixtures: { nn_distance: fixture },
  }),
  room(kept, {
    name: 'nearestNeighbourDistance winners',
    build: (inputs, attrs) => ({ winner: apply(nearestNeighbourDistanceOp, inputs, attrs).winner }),
    forward: ({ generated, reference }, { window }) => ({
      winner: nearest(generated, reference, window).winner,
    }),
    cases: [...smooth, ...tied],
    nonFinite,
    refuses: [
      {
        inputs: {},
        attrs: { window: 3 },
        error: /nearestNeighbourDistance: generated must be a Tensor, got undefined/,
      },
    ],
  }),
  room(published, {
    name: 'nearestNeighbourDistance of large images',
    build: ({ generated, reference }, attrs) => ({ y: nearestNeighbourDistance(generated, reference, attrs) }),
    forward: ({ generated, reference }, { window }) => ({ y: nearest(generated, reference, window).y }),
    cases: large,
    refuses: [
      {
        inputs: {},
        attrs: { window: 3 },
        error: /nearestNeighbourDistance: generated must be a Tensor, got undefined/,
      },
    ],
  }),
];

const names = {
  start: 'first pixel (over all images) of the dispatch; in tile the first tile, in subgroup the first strip',
  end: 'last pixel + 1 of the dispatch; in tile the last tile + 1, in subgroup the last strip + 1',
  count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
  height: 'height of the images',
  width: 'width of the images',
  channels: 'number of channels of the images',
  strips: 'number of parts of an image row, each computed by a subgroup',
  LANES: 'number of lanes of a subgroup',
  tiles_x: 'number of tiles across an image',
  tiles_y: 'number of tiles down an image',
  WINDOW: 'side of the window in pixels',
  COLUMNS: 'number of columns of a window row that are searched at once',
  COLS: 'number of columns of a tile',
  ROWS: 'number of rows of a tile',
};

export const terms: Readonly<Record<string, Terms>> = {
  nearestNeighbourDistance: termsOf(nearestNeighbourDistanceOp, {
    layout: { generated: 'N H W C', reference: 'N H W C', y: 'N H W', winner: 'N H W' },
    names,
  }),
  nearestNeighbourDistanceGradient: termsOf(nearestNeighbourDistanceGradientOp, {
    layout: { generated: 'N H W C', reference: 'N H W C', winner: 'N H W', gy: 'N H W', gx: 'N H W C' },
    names,
  }),
};
