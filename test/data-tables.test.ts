import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatAnnotations, parseAnnotations } from '../src/data/annotations.js';
import { firstUnderscore, identityByName } from '../src/data/identity.js';
import { batchOrder, permute } from '../src/data/order.js';
import {
  allPairs,
  formatPairs,
  groupByIdentity,
  parsePairs,
  sample,
  summarise,
  unpairedOf,
  unpairedText,
} from '../src/data/pairs.js';
import { UsageError } from '../src/gpu/errors.js';
import { identityPattern } from '../src/node/identity.js';
import { PERSON, type Pose, parseSkeleton } from '../src/pose/skeleton.js';

const HEADER = 'name:keypoints_y:keypoints_x';
const full: Pose = PERSON.joints.map((_, i) => [i + 1, 2 * i]);
const without = (...joints: string[]): Pose => full.map((p, i) => (joints.includes(PERSON.joints[i] ?? '') ? null : p));
const list = (value: (i: number) => unknown, n = 18) => JSON.stringify(Array.from({ length: n }, (_, i) => value(i)));
const parse = (rows: string, header = HEADER) => parseAnnotations(`${header}\n${rows}`, 'a.csv', PERSON);

const point = fc.tuple(fc.nat(300), fc.nat(300));
const pose = fc.array(fc.option(point, { freq: 3 }), { minLength: 18, maxLength: 18 });
const fileName = fc.stringMatching(/^[\w-]{1,12}\.(jpg|png)$/);

test('written annotations are read back unchanged', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(fileName, pose), { selector: ([n]) => n, maxLength: 8 }), (rows) => {
      const poses = new Map<string, Pose>(rows);
      expect(parseAnnotations(formatAnnotations(poses), 'a.csv', PERSON)).toEqual(poses);
    }),
  );
});

test('y comes first, and −1 in either array is a missing joint', () => {
  const ys = list((i) => (i === 3 ? -1 : 100 + i));
  const xs = list((i) => (i === 5 ? -1 : i));
  const read = parse(`1_a.jpg: ${ys}: ${xs}\r\n\r\n`).get('1_a.jpg');
  expect(read?.[0]).toEqual([0, 100]);
  expect(read?.[3]).toBeNull();
  expect(read?.[5]).toBeNull();
  expect(read?.filter((p) => p)).toHaveLength(16);
});

const good = `1_a.jpg: ${list(() => 1)}: ${list(() => 2)}\n`;

test.each([
  ['no text', '', '', /a\.csv is empty; its first row must be name/],
  [
    'another header',
    good,
    'name,x,y',
    /a\.csv, row 1: the header must be name:keypoints_y:keypoints_x, found name,x,y/,
  ],
  ['a missing field', `${good}2_b.jpg: [1]`, HEADER, /row 3: it must have 3 fields.*found 2/],
  ['no name', `: ${list(() => 1)}: ${list(() => 1)}`, HEADER, /row 2: it has no image name/],
  [
    'a wrong count',
    `2_b.jpg: ${list(() => 1, 17)}: ${list(() => 1)}`,
    HEADER,
    /row 2: keypoints_y of 2_b\.jpg has 17 values.*"person" has 18/,
  ],
  [
    'no JSON',
    `${good}\n2_b.jpg: ${list(() => 1)}: [1, 2,`,
    HEADER,
    /row 4: keypoints_x of 2_b\.jpg is not a JSON array/,
  ],
  ['no array', '2_b.jpg: 5: 6', HEADER, /row 2: .*not a JSON array: 5/],
  [
    'a fraction',
    `2_b.jpg: ${list(() => 1)}: ${list((i) => i + 0.5)}`,
    HEADER,
    /keypoints_x of 2_b\.jpg has 0\.5 for nose/,
  ],
  ['a negative number', `2_b.jpg: ${list((i) => (i === 1 ? -7 : 1))}: ${list(() => 1)}`, HEADER, /has -7 for neck/],
  ['a name twice', good + good, HEADER, /row 3: 1_a\.jpg is already in row 2/],
])('annotations with %s are refused with file and row', (_, rows, header, message) => {
  expect(() => parse(rows, header)).toThrow(UsageError);
  expect(() => parse(rows, header)).toThrow(message);
});

test('the images that are in no pair are counted, with the reason', () => {
  const poses = new Map([
    ['a_1.png', full],
    ['a_2.png', full],
    ['a_3.png', without('left_hip')],
    ['b_1.png', full],
  ]);
  const pairs = allPairs(groupByIdentity(poses, PERSON));
  const unpaired = unpairedOf(poses, pairs, PERSON);
  expect(unpaired).toEqual({ images: 2, incomplete: 1 });
  expect(unpairedText(unpaired, PERSON)).toBe(
    ` (2 more are in no pair, 1 of them because one of the joints ${PERSON.trunk.joints.join(', ')} is not visible)`,
  );
  expect(unpairedText({ images: 1, incomplete: 0 }, PERSON)).toBe(' (1 more is in no pair)');
  expect(unpairedText({ images: 0, incomplete: 0 }, PERSON)).toBe('');
});

test('malformed rows can be skipped and counted', () => {
  const bad: string[] = [];
  const text = `${HEADER}\n${good}2_b.jpg: x: y\n3_c.jpg: ${list(() => 1)}: ${list(() => 2)}\n`;
  const poses = parseAnnotations(text, 'a.csv', PERSON, { onBad: (e) => bad.push(e.message) });
  expect([...poses.keys()]).toEqual(['1_a.jpg', '3_c.jpg']);
  expect(bad).toEqual([expect.stringContaining('a.csv, row 3')]);
});

test('the identity is the name before the first _, and junk and distractors have none', () => {
  expect(firstUnderscore('0123_c1s1_000001_01.jpg')).toBe('0123');
  expect(firstUnderscore('-1_c1s1_000001_01.jpg')).toBeUndefined();
  expect(firstUnderscore('0000_c1s1_000001_01.jpg')).toBeUndefined();
  expect(firstUnderscore('00001_a.jpg')).toBe('00001');
  expect(firstUnderscore('alone.jpg')).toBe('alone');
});

test('pairs of DeepFashion are of one person in the same clothes, also where the name of the category has a _', () => {
  expect(identityByName('0123_c1s1_000001_01.jpg')).toBe('0123');
  expect(identityByName('-1_c1s1_000001_01.jpg')).toBeUndefined();
  const clothes = 'fashionMENJackets_Vestsid0000727201';
  const names = [`${clothes}_1front.jpg`, `${clothes}_4full.jpg`, 'fashionMENJackets_Vestsid0000727202_1front.jpg'];
  const row = (name: string) => `${name}: ${list(() => 1)}: ${list(() => 2)}\n`;
  const poses = parseAnnotations(`${HEADER}\n${names.map(row).join('')}`, 'a.csv', PERSON);
  expect(allPairs(groupByIdentity(poses, PERSON))).toEqual([
    [names[0], names[1]],
    [names[1], names[0]],
  ]);
});

test('pairs are all ordered pairs of different valid images of one identity', () => {
  const poses = new Map<string, Pose>([
    ['1_a', full],
    ['2_a', full],
    ['1_b', without('nose', 'left_ankle')],
    ['1_c', without('left_hip')],
    ['1_d', full],
    ['0000_a', full],
    ['0000_b', full],
    ['-1_a', full],
    ['-1_b', full],
  ]);
  const pairs = allPairs(groupByIdentity(poses, PERSON));
  const expected = ['1_a', '1_b', '1_d'].flatMap((a) =>
    ['1_a', '1_b', '1_d'].filter((b) => b !== a).map((b) => [a, b]),
  );
  expect(pairs).toEqual(expected);
  expect(parsePairs(formatPairs(pairs), 'p.csv').pairs).toEqual(pairs);
  const s = summarise(poses, PERSON);
  expect(s).toMatchObject({ rows: 9, valid: 8, neverPaired: 4, identities: 2, pairs: 6 });
  expect(s.imagesPerIdentity).toEqual({ min: 1, median: 1, max: 3 });
});

test('an identity pattern that is too large to compile is named, shortened', () => {
  expect(() => identityPattern('a'.repeat(100_000), ['a_1.png'])).toThrow(
    /^the identity pattern a{77}… cannot be used: a+\/: Regular expression too large$/,
  );
});

test('a wrong identity rule causes a warning', () => {
  const poses = new Map(Array.from({ length: 60 }, (_, i): [string, Pose] => [`person${i % 10}-${i}.jpg`, full]));
  expect(summarise(poses, PERSON).warnings.join()).toMatch(/60 of 60 identities have one image only/);
  expect(summarise(poses, PERSON, () => 'all').warnings.join()).toMatch(/all 60 images are of one identity, "all"/);
  expect(summarise(poses, PERSON, () => undefined).warnings.join()).toMatch(/excludes every image/);
  expect(summarise(poses, PERSON, identityPattern('^(person\\d)-', [...poses.keys()])).warnings).toEqual([]);
  const none = new Map(Array.from(poses.keys(), (n): [string, Pose] => [n, full.map(() => null)]));
  expect(summarise(none, PERSON).warnings.join()).toMatch(/no image has all of right_shoulder/);
});

test.each([
  ['', /p\.csv is empty/],
  ['to,from\na,b', /row 1: the header must be from,to, found to,from/],
  ['from,to\na,b\nc', /row 3: it must be two image names.*: c/],
  ['from,to\na,b,c', /row 2: it must be two image names/],
  ['from,to\na,a', /row 2: an image is paired with itself/],
])('the pairs table %j is refused', (text, message) => {
  expect(() => parsePairs(text, 'p.csv')).toThrow(message);
});

test('another skeleton has another number of joints', () => {
  const lamp = parseSkeleton(
    {
      name: 'lamp',
      joints: ['foot', 'knee', 'head'],
      mirror: [],
      trunk: { joints: ['foot', 'knee'], diagonals: [['foot', 'knee']], sides: [['foot', 'knee']] },
      parts: [{ name: 'stand', kind: 'trunk' }],
    },
    'lamp.json',
  );
  expect(parseAnnotations(`${HEADER}\n1_a.png: [1, 2, -1]: [3, 4, -1]`, 'a.csv', lamp).get('1_a.png')).toEqual([
    [3, 1],
    [4, 2],
    null,
  ]);
  expect(() => parseAnnotations(`${HEADER}\n${good}`, 'a.csv', lamp)).toThrow(/has 18 values.*"lamp" has 3/);
});

test('every epoch is a permutation, and epochs and seeds differ', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(100), (count, seed, epoch) => {
      const all = Array.from({ length: count }, (_, i) => permute(i, count, seed, epoch));
      expect([...all].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    }),
  );
  const order = (seed: number, epoch: number) => Array.from({ length: 100 }, (_, i) => permute(i, 100, seed, epoch));
  expect(order(1, 0)).not.toEqual(order(1, 1));
  expect(order(1, 0)).not.toEqual(order(2, 0));
  expect(order(2 ** 40, 0)).not.toEqual(order(0, 0));
  expect(() => permute(5, 5, 0)).toThrow(UsageError);
});

test('a permutation moves neighbours apart, wherever it begins', () => {
  const count = 263_632;
  const mean = Array.from({ length: 1000 }, (_, i) => permute(i, count, 7, 0)).reduce((s, v) => s + v, 0) / 1000;
  // A uniform permutation gives half the count, give or take five standard errors.
  expect(Math.abs(mean / count - 0.5)).toBeLessThan((5 * Math.sqrt(1 / 12)) / Math.sqrt(1000));
  expect(permute(count - 1, count, 7, 0)).toBeLessThan(count);
});

test('batches cover the pairs without gaps, even across epochs and when a batch is larger than the data', () => {
  const items = (seed: number, batch: number, steps: number, count: number) =>
    Array.from({ length: steps }, (_, step) => batchOrder(seed, step, batch, count)).flat();
  const first = items(3, 4, 15, 10);
  for (let epoch = 0; epoch < 6; epoch++)
    expect(first.slice(10 * epoch, 10 * epoch + 10).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(items(3, 6, 10, 10)).toEqual(items(3, 4, 15, 10));
  expect(items(0, 5, 2, 2)).toHaveLength(10);
  expect(batchOrder(0, 1, 3, 5, false)).toEqual([3, 4, 0]);
});

test('a sample has no repetitions and depends only on the seed', () => {
  const all = Array.from({ length: 50 }, (_, i) => i);
  expect(new Set(sample(all, 50, 3)).size).toBe(50);
  expect(sample(all, 7, 3)).toEqual(sample(all, 50, 3).slice(0, 7));
  expect(sample(all, 7, 3)).not.toEqual(sample(all, 7, 4));
  expect(() => sample(all, 51, 0)).toThrow(/a sample of 51 was asked for; there are 50/);
});
