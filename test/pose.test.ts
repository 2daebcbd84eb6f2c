import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Affine, fitAffine, fitSimilarity, NOWHERE, onGrid, type Point, spread } from '../src/pose/affine.js';
import { halfPlanes, partTransforms, type Region, rasterise } from '../src/pose/geometry.js';
import { flipPose, isValid, PERSON, type Pose, parseSkeleton } from '../src/pose/skeleton.js';

const apply = (m: Affine, [x, y]: Point): Point => [m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]];
const near = (a: readonly number[], b: readonly number[], digits = 6) => {
  for (const [i, v] of a.entries()) expect(v).toBeCloseTo(b[i] as number, digits);
};

/** A person that stands upright in a 64×128 image, with every joint. */
const STANDING: Pose = [
  [32, 14],
  [32, 24],
  [24, 25],
  [20, 42],
  [18, 58],
  [40, 25],
  [44, 42],
  [46, 58],
  [27, 60],
  [26, 84],
  [26, 110],
  [37, 60],
  [38, 84],
  [38, 110],
  [30, 12],
  [34, 12],
  [28, 13],
  [36, 13],
];
const without = (pose: Pose, ...names: string[]): Pose =>
  pose.map((p, i) => (names.includes(PERSON.joints[i] as string) ? null : p));
const moved = (pose: Pose, f: (p: Point) => Point): Pose => pose.map((p) => p && f(p));
const part = (name: string) => PERSON.parts.findIndex((p) => p.name === name);

describe('affine maps', () => {
  const point = fc.tuple(fc.double({ min: -50, max: 50, noNaN: true }), fc.double({ min: -50, max: 50, noNaN: true }));
  const map = fc.tuple(
    ...Array.from({ length: 6 }, () => fc.double({ min: -3, max: 3, noNaN: true })),
  ) as unknown as fc.Arbitrary<Affine>;

  test('least squares finds the map that made the points', () => {
    fc.assert(
      fc.property(fc.array(point, { minLength: 4, maxLength: 8 }), map, (from, m) => {
        fc.pre(spread(from) > 0.05 && from.some(([x, y]) => Math.hypot(x, y) > 1));
        near(
          fitAffine(
            from,
            from.map((p) => apply(m, p)),
          ),
          m,
          4,
        );
      }),
    );
  });

  test('a similarity fit finds rotation, scale and shift, even on a line', () => {
    const m: Affine = [1.2, -0.5, 3, 0.5, 1.2, -7];
    const line: Point[] = [
      [0, 0],
      [1, 2],
      [2, 4],
    ];
    expect(spread(line)).toBeCloseTo(0, 9);
    near(
      fitSimilarity(
        line,
        line.map((p) => apply(m, p)),
      ),
      m,
    );
  });

  test('on a coarser grid a map takes pixel centres to the same places', () => {
    const m: Affine = [0.9, 0.2, 5, -0.3, 1.1, -4];
    for (const s of [1, 2, 4, 8]) {
      const full = (i: number) => s * i + (s - 1) / 2;
      const [x, y] = apply(onGrid(m, s), [3, 7]);
      near([full(x), full(y)], apply(m, [full(3), full(7)]));
    }
  });
});

describe.each(['rectangles', 'keypoints'] as const)('with %s geometry', (kind) => {
  test('the same pose twice gives identity maps', () => {
    for (const { affine } of partTransforms(kind, PERSON, STANDING, STANDING)) near(affine, [1, 0, 0, 0, 1, 0]);
  });

  test('when a person moves as a whole, every part has the same map', () => {
    const target = moved(STANDING, ([x, y]) => [x + 5, y - 3]);
    for (const { affine } of partTransforms(kind, PERSON, STANDING, target)) near(affine, [1, 0, -5, 0, 1, 3]);
  });

  test('the joints of a limb that turns are mapped onto those of the source', () => {
    const target = STANDING.map((p, i) => (PERSON.joints[i] === 'right_wrist' ? ([10, 30] as const) : p));
    const { affine } = partTransforms(kind, PERSON, STANDING, target)[part('right_forearm')] ?? { affine: NOWHERE };
    near(apply(affine, [20, 42]), [20, 42], 4);
    near(apply(affine, [10, 30]), [18, 58], 4);
  });

  test('a limb that is missing in the source is taken from the other side, or omitted if it is missing on both sides', () => {
    const i = part('right_forearm');
    const one = partTransforms(kind, PERSON, without(STANDING, 'right_wrist'), STANDING)[i];
    near(apply(one?.affine ?? NOWHERE, [20, 42]), [44, 42], 4);
    const none = partTransforms(kind, PERSON, without(STANDING, 'right_wrist', 'left_wrist'), STANDING)[i];
    expect(none?.affine).toBe(NOWHERE);
    // The released code keeps the region of the target, which then gets zeros.
    expect(none?.mask === 'none').toBe(kind === 'rectangles');
  });

  test('a part that is missing in the target contributes nothing', () => {
    const parts = partTransforms(
      kind,
      PERSON,
      STANDING,
      without(STANDING, 'nose', 'right_eye', 'left_eye', 'right_ear', 'left_ear'),
    );
    expect(parts[part('head')]).toEqual({ affine: NOWHERE, mask: 'none' });
  });

  test('a missing hip or shoulder is an error that names it', () => {
    expect(() => partTransforms(kind, PERSON, without(STANDING, 'left_hip'), STANDING)).toThrow(
      /source pose has no left_hip/,
    );
    expect(() => partTransforms(kind, PERSON, STANDING, without(STANDING, 'right_shoulder'))).toThrow(
      /target pose has no right_shoulder/,
    );
    expect(isValid(PERSON, without(STANDING, 'left_hip'))).toBe(false);
    expect(isValid(PERSON, without(STANDING, 'nose'))).toBe(true);
  });

  test('joints in one place give finite maps', () => {
    const heap = moved(STANDING, () => [30, 60]);
    for (const [a, b] of [
      [heap, STANDING],
      [STANDING, heap],
      [heap, heap],
    ] as const)
      for (const { affine, mask } of partTransforms(kind, PERSON, a, b)) {
        expect(affine.every(Number.isFinite)).toBe(true);
        if (typeof mask !== 'string') expect(mask.flat().every(Number.isFinite)).toBe(true);
      }
  });
});

describe('masks', () => {
  const box = (l: number, t: number, r: number, b: number): Region => [
    [l, t],
    [r, t],
    [r, b],
    [l, b],
  ];

  test('a box covers its pixels, border included, whatever the order of its corners', () => {
    const mask = rasterise(box(2, 1, 5, 3), 6, 8);
    expect(mask.reduce((a, b) => a + b, 0)).toBe(4 * 3);
    expect([mask[8 + 2], mask[3 * 8 + 5], mask[2], mask[8 + 6]]).toEqual([1, 1, 0, 0]);
    const reversed = [...(box(2, 1, 5, 3) as readonly Point[])].reverse() as unknown as Region;
    expect(rasterise(reversed, 6, 8)).toEqual(mask);
  });

  test('on a coarser grid a pixel is covered when its centre is', () => {
    expect(
      [...rasterise(box(1.5, 1.5, 9.5, 5.5), 16, 16, 4)].map((v, i) => (v ? i : -1)).filter((i) => i >= 0),
    ).toEqual([0, 1, 2, 4, 5, 6]);
  });

  test('a mask can cover every pixel or none', () => {
    expect(rasterise('all', 3, 4).every((v) => v === 1)).toBe(true);
    expect(rasterise('none', 3, 4).every((v) => v === 0)).toBe(true);
    expect(halfPlanes('all')).toHaveLength(12);
  });

  test('a turned rectangle covers about its area', () => {
    const [c, s] = [Math.cos(0.6), Math.sin(0.6)];
    const turned = (
      [
        [-20, -9],
        [20, -9],
        [20, 9],
        [-20, 9],
      ] as const
    ).map(([x, y]) => [64 + c * x - s * y, 64 + s * x + c * y]);
    const area = rasterise(turned as unknown as Region, 128, 128).reduce((a, b) => a + b, 0);
    expect(Math.abs(area / (40 * 18) - 1)).toBeLessThan(0.05);
  });
});

describe('skeletons', () => {
  test('a file may omit mirrored entries', () => {
    const { mirror: _, ...rest } = PERSON;
    expect(parseSkeleton(rest, 'x.json').mirror).toEqual([]);
  });

  test('flipping mirrors places and sides, and flipping twice changes nothing', () => {
    const once = flipPose(PERSON, without(STANDING, 'right_wrist'), 64);
    expect(once[7]).toBeNull();
    expect(once[4]).toEqual([63 - 46, 58]);
    expect(flipPose(PERSON, once, 64)).toEqual(without(STANDING, 'right_wrist'));
  });

  const copy = () => JSON.parse(JSON.stringify(PERSON));
  test.each<[string, (s: ReturnType<typeof copy>) => void, RegExp]>([
    [
      'an unknown joint',
      (s) => {
        s.parts[2].to = 'tail';
      },
      /limb.json.*right_thigh.*tail/,
    ],
    [
      'a joint twice',
      (s) => {
        s.joints[1] = 'nose';
      },
      /twice/,
    ],
    [
      'a mirror that is not a limb',
      (s) => {
        s.parts[2].mirror = 'torso';
      },
      /right_thigh.*torso/,
    ],
    [
      'an unknown kind of part',
      (s) => {
        s.parts[2].kind = 'blob';
      },
      /limb, box or trunk/,
    ],
    [
      'no trunk',
      (s) => {
        delete s.trunk;
      },
      /"trunk"/,
    ],
    [
      'no name',
      (s) => {
        delete s.name;
      },
      /"name"/,
    ],
    [
      'a mirror that is not a pair',
      (s) => {
        s.mirror[0] = ['nose'];
      },
      /"mirror" must be a list of pairs/,
    ],
    [
      'a size that is measured from a joint that may be missing',
      (s) => {
        s.trunk.sides[0][0] = 'right_knee';
      },
      /right_knee, which is not in "trunk.joints"/,
    ],
    [
      'a box of no joints',
      (s) => {
        delete s.parts[1].joints;
      },
      /part head must be a list of joints/,
    ],
    [
      'two parts of one name',
      (s) => {
        s.parts[1].name = 'torso';
      },
      /two parts have one name/,
    ],
  ])('%s is refused', (_, damage, message) => {
    const skeleton = copy();
    damage(skeleton);
    expect(() => parseSkeleton(skeleton, 'limb.json')).toThrow(message);
  });
});
