import { type OpCase, type Room, room, type Terms, termsOf } from '../room.js';
import { type HeatMapsAttrs, heatMaps, heatMapsOp } from './heatMaps.js';
import { heat } from './oracle.js';

type HeatMapsCase = OpCase<HeatMapsAttrs, typeof heatMapsOp.args>;

/**
 * Makes joints inside and a little beyond the image. Every fifth has a negative x, every seventh a negative y, and
 * every 35th both.
 */
function sample(images: number, joints: number, height: number, width: number, sigma = 6): HeatMapsCase {
  const coordinate = (i: number, random: () => number) => {
    const [joint, axis] = [Math.floor(i / 2), i % 2];
    const at = random() * 1.2 * (axis === 0 ? width : height);
    return (axis === 0 ? joint % 5 === 4 : joint % 7 === 6) ? -1 : at;
  };
  return {
    name: `${images}×${height}×${width}, ${joints} joints, σ = ${sigma}`,
    inputs: { joints: { shape: [images, joints, 2], fill: coordinate } },
    attrs: { height, width, sigma },
  };
}

export const rooms: readonly Room[] = [
  room(heatMapsOp, {
    name: 'heatMaps',
    build: ({ joints }, attrs) => ({ y: heatMaps(joints, attrs) }),
    forward: ({ joints }, { height, width, sigma }) => ({ y: heat(joints, height, width, sigma) }),
    cases: [
      sample(1, 1, 1, 1),
      sample(3, 5, 7, 11),
      sample(1, 18, 16, 8),
      sample(2, 8, 5, 9, 1.5),
      sample(1, 35, 3, 2, 0.5),
      { ...sample(1, 2, 4, 3), name: 'no joint', inputs: { joints: { shape: [1, 2, 2], fill: () => -1 } } },
      { ...sample(1, 2, 4, 3), name: 'joints at 0', inputs: { joints: { shape: [1, 2, 2], fill: () => 0 } } },
    ],
    nonFinite: [
      {
        ...sample(1, 9, 5, 11),
        name: 'NaN in either coordinate',
        inputs: { joints: { shape: [1, 9, 2], fill: (i) => [Number.NaN, -1][((i * i) % 7) % 3] ?? 2.5 } },
      },
    ],
    refuses: [
      {
        inputs: { joints: { shape: [2, 18, 3] } },
        attrs: { height: 4, width: 4, sigma: 6 },
        error: /heatMaps: joints must be \[batch, joints, 2\], got \[2, 18, 3\]/,
      },
      {
        inputs: { joints: { shape: [2, 18, 2], dtype: 'u32' } },
        attrs: { height: 4, width: 4, sigma: 6 },
        error: /heatMaps: joints must be f32, got u32/,
      },
      {
        inputs: { joints: { shape: [2, 18, 2] } },
        attrs: { height: 0, width: 4, sigma: 6 },
        error: /heatMaps: options.height must be an integer of at least 1, got 0/,
      },
      {
        inputs: { joints: { shape: [2, 18, 2] } },
        attrs: { height: 3, width: 4, sigma: 0 },
        error: /heatMaps: options.sigma must be positive, got 0/,
      },
    ],
    bench: [sample(4, 18, 128, 64)],
  }),
];

export const terms: Readonly<Record<string, Terms>> = {
  heatMaps: termsOf(heatMapsOp, {
    layout: { joints: 'N J 2', y: 'N H W J' },
    names: {
      count: 'number of invocations with work; in the naive kernel, of elements of the result',
      joint_count: 'joints J',
      height: 'height of the result',
      width: 'width of the result',
      scale: '−1 / 2σ²',
      strips: 'number of strips of columns in a row',
      COLUMNS: 'number of columns of a strip',
    },
  }),
};
