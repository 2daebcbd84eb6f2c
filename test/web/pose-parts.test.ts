import { describe, expect, test } from 'vitest';
import { blank } from '../../src/data/image.js';
import { LAMP } from '../../src/data/synth-lamp.js';
import { PERSON, type Pose } from '../../src/pose/skeleton.js';
import { bonesOf, descendantsOf, sidesOf } from '../../web/src/pose/bones.js';
import { poseOfPicture, posesIn, sortFiles } from '../../web/src/pose/files.js';
import { crop, frameAround, personOf } from '../../web/src/pose/framing.js';
import { libraryFor } from '../../web/src/pose/library.js';
import { tour, walkFrames } from '../../web/src/pose/player.js';
import { standing } from '../person.js';

const MODEL = { height: 128, width: 64, skeleton: PERSON };
const index = (name: string) => PERSON.joints.indexOf(name);

describe('stick figures', () => {
  test('a person is a tree of 17 bones, each with its side', () => {
    const bones = bonesOf(PERSON);
    expect(bones).toHaveLength(PERSON.joints.length - 1);
    const reached = new Set([index('neck')]);
    for (const _ of bones)
      for (const { from, to } of bones) if (reached.has(from) || reached.has(to)) reached.add(from).add(to);
    expect(reached.size).toBe(PERSON.joints.length);
    expect(sidesOf(PERSON)[index('right_wrist')]).toBe('a');
    expect(bones.find((b) => b.to === index('left_ankle'))?.side).toBe('b');
    expect(bones.find((b) => b.to === index('nose') || b.from === index('nose'))?.side).toBe('middle');
  });

  test('a joint knows the joints that move with it', () => {
    const descendants = descendantsOf(PERSON);
    expect(descendants[index('right_shoulder')]).toEqual([index('right_elbow'), index('right_wrist')]);
    expect(descendants[index('nose')]?.map((i) => PERSON.joints[i])).toEqual([
      'right_eye',
      'left_eye',
      'right_ear',
      'left_ear',
    ]);
    expect(descendants[index('left_wrist')]).toEqual([]);
    const lamp = descendantsOf(LAMP)[LAMP.joints.indexOf('hinge')]?.map((i) => LAMP.joints[i]);
    expect(lamp).toContain('elbow');
    expect(lamp).toContain('head');
  });

  test('there are samples for people and lamps, but not for other skeletons', () => {
    expect(libraryFor(PERSON)?.poses).toHaveLength(12);
    expect(libraryFor(LAMP)?.object).toBe('lamp');
    expect(libraryFor({ ...PERSON, joints: PERSON.joints.slice(1) })).toBeUndefined();
  });
});

describe('the part of a picture that a model is shown', () => {
  const pose = (x: number, y: number, scale: number): Pose =>
    standing().map((p) => p && [x + scale * p[0], y + scale * p[1]]);

  test('is the whole picture if it has the proportions of the model', () => {
    expect(frameAround(pose(0, 0, 2), [256, 128], MODEL)).toEqual({ left: 0, top: 0, width: 128, height: 256 });
    expect(frameAround(pose(0, 0, 2), [256, 131], MODEL)).toEqual({ left: 0, top: 0, width: 131, height: 256 });
  });

  test('is otherwise around the joints, with the proportions of the model, and inside the picture if it fits', () => {
    const joints = pose(300, 40, 3);
    const frame = frameAround(joints, [300, 800], MODEL);
    expect(frame.width / frame.height).toBeCloseTo(0.5, 1);
    expect(frame.top).toBeGreaterThanOrEqual(0);
    expect(frame.top + frame.height).toBeLessThanOrEqual(300);
    for (const p of joints) {
      if (!p) continue;
      expect(p[0]).toBeGreaterThan(frame.left);
      expect(p[0]).toBeLessThan(frame.left + frame.width);
      expect(p[1]).toBeGreaterThan(frame.top);
      expect(p[1]).toBeLessThan(frame.top + frame.height);
    }
  });

  test('repeats the outermost pixels beyond the border', () => {
    const image = blank(2, 1);
    image.data.set([10, 20, 30, 40, 50, 60]);
    const wide = crop(image, { left: -1, top: -1, width: 4, height: 2 });
    const row = [10, 20, 30, 10, 20, 30, 40, 50, 60, 40, 50, 60];
    expect([...wide.data]).toEqual([...row, ...row]);
  });

  test('moves the joints with it, and refuses joints outside and a missing trunk', () => {
    const image = blank(800, 300);
    const joints = pose(300, 40, 3);
    const named = { label: 'p', where: 'p.json', pose: joints };
    const made = personOf('p', image, named, MODEL);
    expect([made.image.height, made.image.width]).toEqual([128, 64]);
    const frame = frameAround(joints, [300, 800], MODEL);
    const [x = 0] = joints[index('right_hip')] ?? [];
    expect(made.pose[index('right_hip')]?.[0]).toBeCloseTo(((x - frame.left + 0.5) * 64) / frame.width - 0.5, 6);
    const outside = joints.map((p, i) => (i ? p : ([900, 5] as const)));
    expect(() => personOf('p', image, { ...named, pose: outside }, MODEL)).toThrow(
      /p\.json: nose is at x 900, y 5, outside/,
    );
    const lacking = joints.map((p, i) => (i === index('left_hip') ? null : p));
    expect(() => personOf('p', image, { ...named, pose: lacking }, MODEL)).toThrow(/p\.json has no left_hip/);
  });
});

describe('sequences', () => {
  test('a tour goes from pose to pose on straight lines and back', () => {
    const a = standing();
    const b: Pose = a.map((p) => p && [p[0] + 12, p[1]]);
    const frames = tour([a, b]);
    expect(frames).toHaveLength(24);
    const [x = 0] = a[index('nose')] ?? [];
    expect(frames.map((f) => f[index('nose')]?.[0])).toEqual([
      ...Array.from({ length: 13 }, (_, i) => x + i),
      ...Array.from({ length: 11 }, (_, i) => x + 11 - i),
    ]);
    expect(tour([a])).toEqual([a]);
  });

  test('a walk moves both ankles and stays in the picture', () => {
    const frames = walkFrames(PERSON, standing(), { height: 64, width: 32 });
    for (const name of ['right_ankle', 'left_ankle'])
      expect(new Set(frames.map((f) => f[index(name)]?.[0])).size).toBeGreaterThan(5);
  });
});

describe('files', () => {
  const file = (name: string, text = '') => new File([text], name);

  test('are distinguished by their names', () => {
    const [png, csv, net] = [file('a.PNG'), file('a.csv'), file('n.safetensors')];
    expect(sortFiles([csv, png])).toEqual({ picture: png, poses: csv });
    expect(sortFiles([net])).toEqual({ checkpoint: net });
    expect(() => sortFiles([net, png])).toThrow(/the checkpoint n\.safetensors first/);
    expect(() => sortFiles([file('a.doc')])).toThrow(/a\.doc cannot be used here/);
  });

  test('of poses contain an array, an object or a list of them', async () => {
    const pose = standing();
    const named = Object.fromEntries(PERSON.joints.map((name, i) => [name, pose[i]]));
    for (const value of [pose, named]) {
      expect((await posesIn(file('a.json', JSON.stringify(value)), PERSON)).map((p) => p.pose)).toEqual([pose]);
      expect((await poseOfPicture(file('a.json', JSON.stringify(value)), 'a.png', PERSON)).pose).toEqual(pose);
      expect(await posesIn(file('a.json', JSON.stringify([value, value])), PERSON)).toHaveLength(2);
    }
    const keypoints = pose.flatMap((p) => (p ? [...p, 1] : [0, 0, 0]));
    const openPose = file('o.json', `\uFEFF${JSON.stringify({ people: [{ pose_keypoints_2d: keypoints }] })}`);
    expect((await poseOfPicture(openPose, 'a.png', PERSON)).pose).toEqual(pose);
    expect((await posesIn(openPose, PERSON)).map((p) => p.pose)).toEqual([pose]);
    const notes: string[] = [];
    const zeros = file('zeros.json', JSON.stringify(pose.map((p, i) => (i < 2 ? [0, 0] : p))));
    await posesIn(zeros, PERSON, (text) => notes.push(text));
    expect(notes).toEqual(['zeros.json: nose, neck are at exactly 0, 0, and are taken as missing']);
    const wide = new File([Uint8Array.of(0xff, 0xfe, 0x5b, 0)], 'wide.json');
    await expect(posesIn(wide, PERSON)).rejects.toThrow(/cannot read the poses wide\.json: it is a text in UTF-16/);
    const list = file('list.json', JSON.stringify([named, named]));
    await expect(poseOfPicture(list, 'a.png', PERSON)).rejects.toThrow(
      /list\.json is a list of 2 poses, but a\.png needs/,
    );
    await expect(posesIn(file('bad.json', '{'), PERSON)).rejects.toThrow(/cannot read the poses bad\.json/);
  });
});
