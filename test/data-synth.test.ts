import { expect, test } from 'vitest';
import { firstUnderscore } from '../src/data/identity.js';
import { body } from '../src/data/synth/body.js';
import { person } from '../src/data/synth/person.js';
import { drawSynthetic, synthName } from '../src/data/synth.js';
import { isValid, PERSON, type Pose } from '../src/pose/skeleton.js';

const crowd = Array.from({ length: 60 }, (_, i) =>
  drawSynthetic({ seed: 1, identity: 1 + Math.floor(i / 6), index: i % 6 }),
);

const joint = (pose: Pose, name: string) => pose[PERSON.joints.indexOf(name)];

test('a picture is a pure function of its options', () => {
  const options = { seed: 3, identity: 7, index: 2, height: 64, width: 48 };
  const picture = drawSynthetic(options);
  expect(picture).toEqual(drawSynthetic(options));
  expect(picture.image).toMatchObject({ height: 64, width: 48 });
  for (const other of [{ seed: 4 }, { identity: 8 }, { index: 3 }])
    expect(drawSynthetic({ ...options, ...other }).image.data).not.toEqual(picture.image.data);
});

test('clothes and body belong to the identity, not to the picture', () => {
  expect(person(1, 5)).toEqual(person(1, 5));
  expect(person(1, 5)).not.toEqual(person(1, 6));
  expect(person(1, 5)).not.toEqual(person(2, 5));
});

test('names follow the identity rule', () => {
  expect(synthName(12, 0)).toBe('0012_c1s1_000001_01.png');
  expect(firstUnderscore(synthName(12, 7))).toBe('0012');
  expect(new Set(Array.from({ length: 50 }, (_, i) => synthName(1, i))).size).toBe(50);
});

test('nearly all pictures are valid, and every joint is missing in some and present in others', () => {
  expect(crowd.filter(({ pose }) => isValid(PERSON, pose)).length).toBeGreaterThan(0.85 * crowd.length);
  for (const name of PERSON.joints) {
    if (PERSON.trunk.joints.includes(name) || name === 'neck') continue;
    const present = crowd.filter(({ pose }) => joint(pose, name)).length;
    expect(present, name).toBeGreaterThan(crowd.length * 0.2);
    expect(present, name).toBeLessThan(crowd.length);
  }
});

test('joints are whole pixels inside the image', () => {
  for (const { pose, image } of crowd)
    for (const p of pose) {
      if (!p) continue;
      expect(p.every(Number.isInteger)).toBe(true);
      expect(p[0] >= 0 && p[0] < image.width && p[1] >= 0 && p[1] < image.height).toBe(true);
    }
});

test('people are seen from all sides, and from behind the nose is missing', () => {
  const views = { front: 0, back: 0 };
  for (const { pose } of crowd) {
    const [right, left] = [joint(pose, 'right_shoulder'), joint(pose, 'left_shoulder')];
    if (!right || !left || Math.abs(right[0] - left[0]) < 14) continue;
    const front = left[0] > right[0];
    views[front ? 'front' : 'back']++;
    if (!front) expect(joint(pose, 'nose')).toBeNull();
  }
  expect(Math.min(views.front, views.back)).toBeGreaterThan(5);
});

test('a limb has the same length in every pose', () => {
  const arm = { swing: 0.4, spread: 0.3, elbow: 1, towards: [-0.2, 0, 1] as const };
  const leg = { swing: 0.3, spread: 0.1, knee: 0.5 };
  const rest = { lean: 0.1, sway: 0.05, twist: 0.2, turn: 0.1, nod: 0 };
  const lengths = [0, 1, 2].map((k) => {
    const { joints } = body(
      person(1, 1),
      { ...rest, leftArm: { ...arm, elbow: k }, rightArm: arm, leftLeg: { ...leg, knee: 0.6 * k }, rightLeg: leg },
      k,
      0.1 * k,
    );
    const length = (a: string, b: string) => {
      const [p, q] = [joints[a] ?? [0, 0, 0], joints[b] ?? [0, 0, 0]];
      return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
    };
    return [
      length('left_shoulder', 'left_elbow'),
      length('left_elbow', 'left_wrist'),
      length('left_hip', 'left_knee'),
      length('left_knee', 'left_ankle'),
    ];
  });
  for (const row of lengths) for (const [i, l] of row.entries()) expect(l).toBeCloseTo(lengths[0]?.[i] ?? 0, 9);
});

test('the figure stands out from the background where its joints are', () => {
  // Two pictures of one identity share the shirt, so the colour at the chest identifies a person better than chance.
  const chest = ({ pose, image }: (typeof crowd)[number]) => {
    const points = PERSON.trunk.joints.map((n) => joint(pose, n)).filter((p) => p != null);
    const [x, y] = [0, 1].map((k) =>
      Math.round(points.reduce((s, p) => s + (p[k as 0 | 1] ?? 0), 0) / points.length),
    ) as [number, number];
    const at = 3 * (y * image.width + x);
    const [r = 0, g = 0, b = 0] = image.data.subarray(at, at + 3);
    return [r / (r + g + b + 1), g / (r + g + b + 1)] as const;
  };
  const colours = crowd.map(chest);
  let [same, sameCount, other, otherCount] = [0, 0, 0, 0];
  for (const [i, a] of colours.entries())
    for (const [j, b] of colours.entries()) {
      if (i >= j) continue;
      const d = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (Math.floor(i / 6) === Math.floor(j / 6)) [same, sameCount] = [same + d, sameCount + 1];
      else [other, otherCount] = [other + d, otherCount + 1];
    }
  expect(same / sameCount).toBeLessThan((0.7 * other) / otherCount);
});

test('in the studio the wall is the same behind every person', () => {
  const corner = (place: 'studio' | 'anywhere', identity: number) => {
    const { data, width } = drawSynthetic({ seed: 5, identity, index: 0, place }).image;
    return [0, 1, 2].map((c) => [data[c] as number, data[3 * (width - 1) + c] as number]);
  };
  const spread = (place: 'studio' | 'anywhere') => {
    const values = Array.from({ length: 12 }, (_, i) => corner(place, i + 1).flat());
    return Math.max(...values.map((v) => Math.max(...v) - Math.min(...v)));
  };
  // The exposure and tint of the camera vary in both. Both upper corners and all channels are alike only in the studio.
  expect(spread('studio')).toBeLessThan(30);
  expect(spread('anywhere')).toBeGreaterThan(60);
});
