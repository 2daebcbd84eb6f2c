import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../src/data/json.js';
import { checkTrunk, fitPose } from '../src/data/named-pose.js';
import { parsePose, parsePoses } from '../src/data/pose-json.js';
import { LAMP } from '../src/data/synth-lamp.js';
import { PERSON, type Pose } from '../src/pose/skeleton.js';

const caseText = (name: string) =>
  readFileSync(fileURLToPath(new URL(`fixtures/cases/poses/${name}`, import.meta.url)), 'utf8');
const given = (name: string) => parseJson(caseText(name), name);

/** Returns the poses of an estimator's file, and the notes about it. */
function read(json: unknown, picture?: string): { pose: Pose; notes: string[] } {
  const notes: string[] = [];
  return { pose: parsePose(json, 'a.json', PERSON, { picture, onNote: (n) => notes.push(n) }), notes };
}

/** A person whose joints are all in different places: joint j is at (10 + j, 20 + 3j). */
const place = (name: string): [number, number] => {
  const j = PERSON.joints.indexOf(name);
  return [10 + j, 20 + 3 * j];
};
const whole: Pose = PERSON.joints.map(place);
/** The same person without a neck of its own, which is then between the shoulders, joints 2 and 5. */
const withNeck: Pose = whole.map((p, j) => (j === 1 ? [13.5, 30.5] : p));
const NECK = 'a.json: its keypoints have no neck; one was added between the shoulders';

/** The order of COCO's keypoints as its documentation lists them. */
const COCO =
  'nose,left_eye,right_eye,left_ear,right_ear,left_shoulder,right_shoulder,left_elbow,right_elbow,left_wrist,right_wrist,left_hip,right_hip,left_knee,right_knee,left_ankle,right_ankle'.split(
    ',',
  );
/** The joints of OpenPose's BODY_25 in the order of its documentation, with the names of this package. */
const BODY_25 =
  'nose,neck,right_shoulder,right_elbow,right_wrist,left_shoulder,left_elbow,left_wrist,mid_hip,right_hip,right_knee,right_ankle,left_hip,left_knee,left_ankle,right_eye,left_eye,right_ear,left_ear,left_big_toe,left_small_toe,left_heel,right_big_toe,right_small_toe,right_heel'.split(
    ',',
  );
const at = (name: string): [number, number] => (PERSON.joints.includes(name) ? place(name) : [1, 2]);
const triples = (names: readonly string[], confidence = 0.5) => names.flatMap((name) => [...at(name), confidence]);
const points = (names: readonly string[]) => names.map(at);
const more = (names: readonly string[], count: number) => [...names, ...Array(count - names.length).fill('other')];
const halpe = [...COCO, 'head', 'neck', 'hip'];
const camel = (name: string) => name.replace(/_(.)/g, (_, c: string) => c.toUpperCase());

describe('files of pose estimators', () => {
  test('OpenPose’s COCO model has the order of this package, and confidence 0 means missing', () => {
    expect(read(given('01-openpose-coco18.json'))).toEqual({
      pose: [
        ...[null, [28, 26], [38, 26], [51, 40], [37, 49], [17, 26], [6, 39], [18, 49], [34, 62]],
        ...[[36, 89], [38, 114], [22, 62], [19, 89], [18, 114], null, null, null, [21, 13]],
      ],
      notes: [],
    });
  });

  test.each([
    ['OpenPose BODY_25', { people: [{ pose_keypoints_2d: triples(BODY_25) }] }, whole, []],
    ['an older OpenPose', { version: 1, people: [{ pose_keypoints: triples(PERSON.joints) }] }, whole, []],
    ['OpenPose in a list of one picture', [{ people: [{ pose_keypoints_2d: triples(BODY_25) }] }], whole, []],
    ['COCO results', [{ image_id: 7, category_id: 1, keypoints: triples(COCO), score: 0.9 }], withNeck, [NECK]],
    [
      'COCO annotations',
      { images: [{ id: 7, file_name: 'b.jpg' }], annotations: [{ image_id: 7, keypoints: triples(COCO, 2) }] },
      withNeck,
      [NECK],
    ],
    ['COCO-WholeBody', [{ image_id: 7, keypoints: triples(more(COCO, 133)) }], withNeck, [NECK]],
    ['Halpe', [{ image_id: 'b.jpg', keypoints: triples(more(halpe, 26)) }], whole, []],
    ['Halpe’s whole body', [{ image_id: 'b.jpg', keypoints: triples(more(halpe, 136)) }], whole, []],
    [
      'AlphaPose by picture',
      { 'b.jpg': { version: 'AlphaPose v0.3', bodies: [{ joints: triples(PERSON.joints) }] } },
      whole,
      [],
    ],
    ['MMPose', [{ keypoints: points(COCO), keypoint_scores: COCO.map(() => 0.7), bbox_score: 1 }], withNeck, [NECK]],
    ['MMPose’s predictions', { visualization: [], predictions: [[{ keypoints: points(COCO) }]] }, withNeck, [NECK]],
    [
      'a film of MMPose',
      { meta_info: {}, instance_info: [{ frame_id: 1, instances: [{ keypoints: points(COCO) }] }] },
      withNeck,
      [NECK],
    ],
    [
      'Ultralytics',
      [{ name: 'person', keypoints: { x: points(COCO).map(([x]) => x), y: points(COCO).map(([, y]) => y) } }],
      withNeck,
      [NECK],
    ],
    [
      'TensorFlow.js',
      [{ score: 0.9, keypoints: COCO.map((name) => ({ x: at(name)[0], y: at(name)[1], score: 0.5, name })) }],
      withNeck,
      [NECK],
    ],
    [
      'PoseNet',
      { keypoints: COCO.map((n) => ({ part: camel(n), position: { x: at(n)[0], y: at(n)[1] }, score: 0.5 })) },
      withNeck,
      [NECK],
    ],
  ])('%s is read', (_, json, pose, notes) => {
    expect(read(json)).toEqual({ pose, notes });
  });

  test('a joint with visibility 0 is missing, and without a shoulder the neck is missing too', () => {
    const keypoints = triples(COCO);
    keypoints[3 * COCO.indexOf('left_shoulder') + 2] = 0;
    const pose = withNeck.map((p, j) => (j === 1 || j === 5 ? null : p));
    expect(read([{ image_id: 1, keypoints }])).toEqual({ pose, notes: [] });
  });

  test('of several people the one with the highest confidence is taken, and a note says so', () => {
    const person = (confidence: number, shift: number) => ({
      pose_keypoints_2d: PERSON.joints.flatMap((n) => [place(n)[0] + shift, place(n)[1], confidence]),
    });
    const json = { people: [person(0.4, 30), person(0.8, 0), { pose_keypoints_2d: [] }, person(0.6, 5)] };
    expect(read(json)).toEqual({
      pose: whole,
      notes: ['a.json: it has 3 people; number 2 is taken, whose joints have the highest confidence'],
    });
  });

  test('of several pictures the requested one is taken', () => {
    const shifted = triples(COCO).map((v, i) => (i % 3 === 0 ? v + 1 : v));
    const json = [
      { image_id: 'x/a_1.jpg', keypoints: shifted },
      { image_id: 'a_2.jpg', keypoints: triples(COCO) },
    ];
    expect(read(json, 'a_2.png').pose).toEqual(withNeck);
    expect(read(json, 'a_1.jpg').pose).toEqual(withNeck.map((p) => p && [p[0] + 1, p[1]]));
    expect(() => read(json, 'b.png')).toThrow(
      'a.json has the poses of 2 pictures (x/a_1.jpg, a_2.jpg), none of them b.png; give a file of one',
    );
    expect(parsePoses(json, 'a.json', PERSON)).toEqual([read(json, 'a_1.jpg').pose, withNeck]);
  });

  test('frames of a film are a sequence, and one that shows nobody is a pose without joints with a note', () => {
    const frame = { people: [{ pose_keypoints_2d: triples(BODY_25) }] };
    const notes: string[] = [];
    const options = { onNote: (n: string) => notes.push(n) };
    const nobody = PERSON.joints.map(() => null);
    const frames = [frame, { people: [] }, frame, { people: [] }, { people: [] }];
    expect(parsePoses(frames, 'f.json', PERSON, options)).toEqual([whole, nobody, whole, nobody, nobody]);
    expect(notes).toEqual(['f.json, pose 2 and 2 others: nobody was found in it']);
  });

  test.each([
    [{ people: [] }, 'a.json shows no person'],
    [{ annotations: [], images: [] }, 'a.json shows no person'],
    [{ people: [{ pose_keypoints_2d: Array(54).fill(0) }] }, 'a.json shows no person'],
    [
      { people: [{ pose_keypoints_2d: Array(45).fill(1) }] },
      /pose_keypoints_2d has 15 keypoints; these can be read: .*OpenPose \(18 or 25\)/,
    ],
    [{ people: [{ pose_keypoints_2d: Array(55).fill(1) }] }, /has 55 numbers, which are not triples/],
    [
      { people: [{ pose_keypoints_2d: ['x', 1, 1, ...Array(51).fill(1)] }] },
      /has \["x",1,1\] for nose; .* must be numbers/,
    ],
    [{ people: [null] }, /a\.json, person 1 is null instead of a person’s keypoints/],
    [{ people: ['x'] }, /person 1 is "x" instead of/],
    [[{ image_id: 1, keypoints: triples(COCO).slice(3) }], /keypoints has 16 keypoints/],
    [[{ keypoints: [[1, 2], [3]] }], /keypoints has \[3\]; \[x, y\] and \[x, y, confidence\] are possible/],
    [[{ keypoints: { x: [1], y: [1, 2] } }], /must have as many x as y/],
    [
      Array(33).fill({ x: 0.5, y: 0.5, z: 0, visibility: 1 }),
      /MediaPipe’s landmarks, which are fractions of the picture/,
    ],
    [{ poseLandmarks: Array(33).fill({ x: 0.5, y: 0.5, z: 0 }) }, /MediaPipe’s landmarks/],
  ])('%j is refused', (json, message) => {
    expect(() => read(json)).toThrow(message);
  });

  test('keypoints of a person are refused for the skeleton of a lamp', () => {
    expect(() => parsePose(given('01-openpose-coco18.json'), 'o.json', LAMP)).toThrow(
      /o\.json has the keypoints of a person \(neck, .*\); the skeleton "lamp" has/,
    );
  });
});

describe('poses that cannot be meant', () => {
  test('several joints at exactly 0, 0 are missing with a note; a single one stays', () => {
    const { pose, notes } = read(given('06-zeros-for-missing.json'));
    expect(pose.flatMap((p, j) => (p ? [] : [j]))).toEqual([0, 3, 4, 14, 15, 16, 17]);
    expect(notes).toEqual([
      'a.json: nose, right_elbow, right_wrist, right_eye, left_eye, right_ear, left_ear are at exactly 0, 0, and are taken as missing',
    ]);
    const one = whole.map((p, j) => (j === 0 ? [0, 0] : p));
    expect(read(one)).toEqual({ pose: one, notes: [] });
  });

  test('coordinates as fractions of the picture are told from pixels', () => {
    expect(() => read(given('09-normalised.json'))).toThrow(
      /a\.json looks normalised: no coordinate is above 0\.890625/,
    );
    const openPose = (scale: (v: number) => number) => ({
      people: [{ pose_keypoints_2d: whole.flatMap((p) => (p ? [scale(p[0]), scale(p[1]), 1] : [0, 0, 0])) }],
    });
    expect(() => read(openPose((v) => v / 100))).toThrow(/looks normalised/);
    // OpenPose scales like this with --keypoint_scale 4.
    expect(() => read(openPose((v) => v / 50 - 0.9))).toThrow(/looks normalised/);
  });

  test('a trunk under two pixels has no size', () => {
    const pose = read(given('17-all-same-point.json')).pose;
    expect(() => checkTrunk({ label: '', where: 'a.json', pose }, PERSON)).toThrow(
      'a.json has a trunk (right_shoulder, left_shoulder, right_hip, left_hip) of 0.0 pixels; under 2 parts have no size',
    );
    const tall = (pixels: number) => whole.map((_, j) => [20, [2, 5].includes(j) ? 10 : 10 + pixels] as const);
    expect(() => checkTrunk({ label: '', where: 'a', pose: tall(1.9) }, PERSON)).toThrow(/of 1\.9 pixels/);
    checkTrunk({ label: '', where: 'a', pose: tall(2) }, PERSON);
  });

  test('a joint less than a pixel beyond the outermost centres is moved onto them', () => {
    const model = { height: 128, width: 64, skeleton: PERSON };
    const fitted = (x: number, y: number) =>
      fitPose({ label: '', where: 'a', pose: whole.map((p, j) => (j ? p : [x, y])) }, [128, 64], model)[0];
    const edge = read(given('10-float-edge.json')).pose;
    expect(fitPose({ label: '', where: 'a', pose: edge }, [128, 64], model)[4]).toEqual([63, 49]);
    expect([fitted(63.6, 127.6), fitted(-0.4, -0.6), fitted(63, 127), fitted(0, 0)]).toEqual([
      [63, 127],
      [0, 0],
      [63, 127],
      [0, 0],
    ]);
    for (const [x, y] of [
      [64, 5],
      [5, 128],
      [-1, 5],
      [5, -1],
      [Number.NaN, 5],
    ] as const)
      expect(() => fitted(x, y)).toThrow(/a: nose is at x .* outside the image of 128×64/);
    expect(read(whole.map((p, j) => (j ? p : [-0.4, 5]))).pose[0]).toEqual([0, 5]);
  });
});
