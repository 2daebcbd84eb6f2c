import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeApng } from '../src/data/apng.js';
import { CELL, drawText, textWidth } from '../src/data/font.js';
import { blank, type Image } from '../src/data/image.js';
import { encodePngFile } from '../src/data/png-file.js';
import { parsePose, parsePoses } from '../src/data/pose-json.js';
import { UsageError } from '../src/gpu/errors.js';
import { encodeGif } from '../src/node/gif.js';
import { decodeImage, encodePng } from '../src/node/images.js';
import type { Point } from '../src/pose/affine.js';
import { fillMissing, walk } from '../src/pose/sequence.js';
import { PERSON, type Pose, parseSkeleton } from '../src/pose/skeleton.js';
import { standing } from './person.js';

describe('poses from JSON', () => {
  const list = PERSON.joints.map((_, i) => (i % 5 ? [i, 2 * i] : null));

  test('arrays and objects give the same pose, and joints that are −1 or omitted are missing', () => {
    const named = Object.fromEntries(PERSON.joints.flatMap((n, i) => (i % 5 ? [[n, [i, 2 * i]]] : [])));
    expect(parsePose(named, 'a.json', PERSON)).toEqual(list);
    expect(parsePose({ ...named, nose: [-1, -1] }, 'a.json', PERSON)).toEqual(list);
    expect(parsePoses([list, named], 'a.json', PERSON)).toEqual([list, list]);
  });

  test.each<[unknown, RegExp]>([
    [list.slice(1), /a\.json has 17 joints, the skeleton "person" has 18/],
    [{ tail: [1, 2] }, /the joint "tail"; the skeleton has nose/],
    [{ nose: [1] }, /\[1\] for nose/],
    [{ nose: [-4, 2] }, /\[-4,2\] for nose/],
    [{ nose: ['1', 2] }, /for nose/],
    ['x', /a\.json is not a pose but "x"/],
    [null, /is not a pose/],
  ])('%j is refused', (json, message) => {
    expect(() => parsePose(json, 'a.json', PERSON)).toThrow(message);
  });

  test('the error for a bad pose of a list gives its number', () => {
    expect(() => parsePoses([list, { tail: [1, 2] }], 'a.json', PERSON)).toThrow(
      /a\.json, pose 2 names the joint "tail"/,
    );
    expect(() => parsePoses([], 'a.json', PERSON)).toThrow(UsageError);
  });
});

describe('missing joints in time', () => {
  const point = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 120 }));
  const track = fc.array(fc.option(point, { freq: 2 }), { minLength: 1, maxLength: 12 });

  test('seen joints stay, gaps are interpolated linearly, ends are held, and a joint that is never seen stays missing', () => {
    fc.assert(
      fc.property(track, (joint) => {
        const filled = fillMissing(joint.map((p) => [p, null])).map(([p]) => p as Point | null);
        const seen = joint.flatMap((p, t) => (p ? [{ p, t }] : []));
        if (!seen.length) expect(filled.every((p) => p === null)).toBe(true);
        if (!seen.length) return;
        for (const [t, p] of filled.entries()) {
          const before = seen.filter((s) => s.t <= t).at(-1) ?? (seen[0] as (typeof seen)[0]);
          const after = seen.find((s) => s.t >= t) ?? before;
          const k = after.t > before.t ? (t - before.t) / (after.t - before.t) : 0;
          expect(p?.[0]).toBeCloseTo(before.p[0] + k * (after.p[0] - before.p[0]), 9);
          expect(p?.[1]).toBeCloseTo(before.p[1] + k * (after.p[1] - before.p[1]), 9);
        }
      }),
    );
    expect(fillMissing([[null], [null]])).toEqual([[null], [null]]);
  });
});

describe('walking', () => {
  const joint = (name: string) => PERSON.joints.indexOf(name);
  const length = (pose: Pose, a: string, b: string) => {
    const [p, q] = [pose[joint(a)] as Point, pose[joint(b)] as Point];
    return Math.hypot(p[0] - q[0], p[1] - q[1]);
  };

  test('limbs keep their lengths or take the other side’s, legs are half a cycle apart, and all joints are in the image', () => {
    const poses = walk(PERSON, standing(), 8, { height: 64, width: 32 });
    expect(poses).toHaveLength(8);
    for (const [t, pose] of poses.entries()) {
      expect(length(pose, 'right_hip', 'right_knee')).toBeCloseTo(10, 6);
      expect(length(pose, 'left_knee', 'left_ankle')).toBeCloseTo(10, 6);
      expect(length(pose, 'left_elbow', 'left_wrist')).toBeCloseTo(8, 6);
      expect(pose[joint('right_ear')]).toBeNull();
      for (const p of pose) if (p) expect(p[0] >= 0 && p[0] <= 31 && p[1] >= 0 && p[1] <= 63).toBe(true);
      const [right, left] = [pose[joint('right_knee')] as Point, poses[(t + 4) % 8]?.[joint('left_knee')] as Point];
      expect(right[0] - 13).toBeCloseTo(left[0] - 19, 6);
    }
    const knees = poses.map((p) => (p[joint('right_knee')] as Point)[0]);
    expect(Math.max(...knees) - Math.min(...knees)).toBeGreaterThan(5);
  });

  test('a skeleton without limbs at its trunk cannot walk', () => {
    const box = parseSkeleton({ ...PERSON, parts: PERSON.parts.filter((p) => p.kind !== 'limb') }, 'box.json');
    expect(() => walk(box, standing(), 4, { height: 64, width: 32 })).toThrow(/no limbs at its trunk.*--sequence/);
  });
});

describe('animated files', () => {
  const frame = (seed: number): Image => {
    const image = blank(9, 7);
    for (let i = 0; i < image.data.length; i++) image.data[i] = (i * 37 + seed * 91) % 256;
    return image;
  };
  const frames = [frame(1), frame(2), frame(3)];

  /**
   * Returns the frames of an animated PNG, each as a file of its own, so that the decoder checks structure and
   * checksums.
   */
  function framesOf(bytes: Uint8Array): { types: string[]; files: Uint8Array[] } {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const types: string[] = [];
    const images: Uint8Array[] = [];
    let header = new Uint8Array();
    for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
      const data = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
      const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      types.push(type);
      if (type === 'IHDR') header = data.slice();
      if (type === 'IDAT') images.push(data);
      if (type === 'fdAT') images.push(data.subarray(4));
    }
    const plain = encodePng(frames[0] as Image);
    expect([...plain.subarray(16, 29)]).toEqual([...header]);
    const files = images.map((data) =>
      encodePngFile([
        { type: 'IHDR', data: header },
        { type: 'IDAT', data },
        { type: 'IEND', data: new Uint8Array() },
      ]),
    );
    return { types, files };
  }

  test('an animated PNG has every frame, and a decoder without animation shows the first', () => {
    const bytes = encodeApng(frames.map(encodePng), 10);
    expect(decodeImage(bytes, 'a.png')).toEqual(frames[0]);
    const { types, files } = framesOf(bytes);
    expect(types).toEqual(['IHDR', 'acTL', 'fcTL', 'IDAT', 'fcTL', 'fdAT', 'fcTL', 'fdAT', 'IEND']);
    expect(files.map((f) => decodeImage(f, 'frame'))).toEqual(frames);
  });

  test('frames of different sizes are refused', () => {
    expect(() => encodeApng([encodePng(blank(4, 4)), encodePng(blank(4, 5))], 10)).toThrow(/frame 2.*another size/);
    expect(() => encodeApng([], 10)).toThrow(UsageError);
  });

  test('a GIF has its size, repeats, and has every frame', () => {
    const bytes = encodeGif(frames, 10);
    expect(new TextDecoder('latin1').decode(bytes.subarray(0, 6))).toBe('GIF89a');
    expect([bytes[6], bytes[8]]).toEqual([9, 7]);
    const controls = bytes.reduce(
      (n, b, i) => n + (b === 0x21 && bytes[i + 1] === 0xf9 && bytes[i + 2] === 4 ? 1 : 0),
      0,
    );
    expect(controls).toBe(3);
    expect(new TextDecoder('latin1').decode(bytes)).toContain('NETSCAPE2.0');
    expect(bytes.at(-1)).toBe(0x3b);
  });
});

test('text is drawn at its place and cut at the border, and small letters look like capitals', () => {
  const drawn = (text: string) => {
    const image = blank(20, 10);
    drawText(image, text, 1, 1, [255, 0, 0]);
    return image;
  };
  const rows = (image: Image) =>
    Array.from({ length: 10 }, (_, y) =>
      Array.from({ length: 6 }, (_, x) => (image.data[3 * (y * 20 + x)] ? '#' : '.')).join(''),
    );
  expect(rows(drawn('L'))).toEqual([
    '......',
    '.#....',
    '.#....',
    '.#....',
    '.#....',
    '.#....',
    '.#....',
    '.#####',
    '......',
    '......',
  ]);
  expect(drawn('l1')).toEqual(drawn('L1'));
  expect(drawn('LLLLLLLL').data).toHaveLength(600);
  expect(textWidth('ab', 2)).toBe(4 * CELL.width);
});
