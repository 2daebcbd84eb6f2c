import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAnnotations } from '../src/data/annotations.js';
import { parsePairs } from '../src/data/pairs.js';
import { openDataset } from '../src/node/dataset.js';
import { flipDataset, flippedName } from '../src/node/flip.js';
import { readImage } from '../src/node/images.js';
import { writeSynthDataset } from '../src/node/synth-dataset.js';
import { flipPose, PERSON } from '../src/pose/skeleton.js';

const root = mkdtempSync(join(tmpdir(), 'pose-gan-flip-'));
const original = join(root, 'original');
const drawing = {
  folder: original,
  name: 'toy',
  trainIdentities: 2,
  testIdentities: 1,
  imagesPerIdentity: 3,
  height: 32,
  width: 16,
  seed: 5,
};

beforeAll(() => {
  writeSynthDataset(drawing);
});
afterAll(() => rmSync(root, { recursive: true }));

/** Makes a copy of the dataset that a test may change. */
function copy(name: string) {
  const folder = join(root, name);
  cpSync(original, folder, { recursive: true });
  return {
    folder,
    images: join(folder, 'toy-dataset/train'),
    annotations: join(folder, 'toy-annotation-train.csv'),
    pairs: join(folder, 'toy-pairs-train.csv'),
  };
}

const open = (folder: string) =>
  openDataset({ folder, name: 'toy', split: 'train', height: 32, width: 16, skeleton: PERSON, workers: 1 });

test('mirroring exchanges sides, extends the pairs, and refuses to run twice', async () => {
  const c = copy('mirrored');
  const before = await open(c.folder);
  const untouched = readFileSync(c.annotations, 'utf8');
  const options = { folder: c.folder, name: 'toy', split: 'train', skeleton: PERSON } as const;
  const rows = parseAnnotations(untouched, 'a', PERSON);
  expect(flipDataset(options)).toEqual({ images: rows.size, pairs: before.pairs.length / 2 });
  const after = await open(c.folder);
  expect(after.pairs).toHaveLength(2 * before.pairs.length);
  for (const { name, path, pose } of before.images) {
    const mirrored = after.images.find((i) => i.name === flippedName(name));
    expect(mirrored?.pose).toEqual(flipPose(PERSON, pose, 16));
    const [a, b] = [readImage(path), readImage(mirrored?.path ?? '')];
    for (let x = 0; x < 16; x++)
      expect(b.data.subarray(3 * x, 3 * x + 3)).toEqual(a.data.subarray(3 * (15 - x), 3 * (15 - x) + 3));
  }
  const [from, to] = before.pairs;
  const last = parsePairs(readFileSync(c.pairs, 'utf8'), 'p').pairs[before.pairs.length / 2];
  expect(last).toEqual([from, to].map((i) => flippedName(before.images[i ?? -1]?.name ?? '')));
  const written = readFileSync(c.annotations, 'utf8');
  expect(() => flipDataset(options)).toThrow(/already has mirrored images, such as 0001_.*_flip\.png/);
  expect(readFileSync(c.annotations, 'utf8')).toBe(written);
  // An interrupted run leaves this state: the pairs are extended, but the annotations are not.
  writeFileSync(c.annotations, untouched);
  flipDataset(options);
  expect(readFileSync(c.annotations, 'utf8')).toBe(written);
  expect((await open(c.folder)).pairs).toEqual(after.pairs);
});

test('mirroring checks everything before it writes anything', () => {
  const c = copy('damaged');
  const files = readdirSync(c.images);
  rmSync(join(c.images, files.at(-1) ?? ''));
  expect(() => flipDataset({ folder: c.folder, name: 'toy', split: 'train', skeleton: PERSON })).toThrow(
    /cannot read the image/,
  );
  expect(readdirSync(c.images)).toEqual(files.slice(0, -1));
});

test('a drawn dataset is replaced only when asked for, and the same seed gives the same bytes', () => {
  const folder = join(root, 'again');
  const options = { ...drawing, folder, trainIdentities: 1, imagesPerIdentity: 2 };
  mkdirSync(folder);
  expect(writeSynthDataset(options)).toMatchObject({ train: { images: 2 }, test: { images: 2 } });
  const file = join(folder, 'toy-dataset/train/0001_c1s1_000001_01.png');
  expect(readFileSync(file)).toEqual(readFileSync(join(original, 'toy-dataset/train/0001_c1s1_000001_01.png')));
  expect(() => writeSynthDataset(options)).toThrow(/toy-annotation-train\.csv already exists.*--overwrite/);
  writeSynthDataset({ ...options, seed: 6, overwrite: true });
  expect(readFileSync(file)).not.toEqual(readFileSync(join(original, 'toy-dataset/train/0001_c1s1_000001_01.png')));
  expect(existsSync(join(folder, 'toy-dataset/test/0002_c1s1_000001_01.png'))).toBe(true);
  expect(() => writeSynthDataset({ ...options, name: '../x' })).toThrow(/cannot be the name/);
  expect(() => writeSynthDataset({ ...options, name: 'new', imagesPerIdentity: 1 })).toThrow(/at least 2/);
  expect(() => writeSynthDataset({ ...options, name: 'new', trainIdentities: 9999 })).toThrow(
    /can number at most 9999/,
  );
});
