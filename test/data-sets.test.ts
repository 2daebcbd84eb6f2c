import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blank, fromTensor, resize, toTensor } from '../src/data/image.js';
import { batchOrder } from '../src/data/order.js';
import { parsePairs } from '../src/data/pairs.js';
import { type DatasetOptions, openDataset } from '../src/node/dataset.js';
import { DecodePool } from '../src/node/decode-pool.js';
import { encodePng, readImage } from '../src/node/images.js';
import { Loader, type LoaderOptions } from '../src/node/loader.js';
import { writeSynthDataset } from '../src/node/synth-dataset.js';
import { halfPlanes, partTransforms } from '../src/pose/geometry.js';
import { jointValues, PERSON } from '../src/pose/skeleton.js';

const root = mkdtempSync(join(tmpdir(), 'pose-gan-data-'));
const original = join(root, 'original');
const loaders: Loader[] = [];

beforeAll(() => {
  writeSynthDataset({
    folder: original,
    name: 'toy',
    trainIdentities: 3,
    testIdentities: 1,
    imagesPerIdentity: 4,
    height: 32,
    width: 16,
    seed: 5,
  });
});
afterAll(async () => {
  await Promise.all(loaders.map((l) => l.close()));
  rmSync(root, { recursive: true });
});

let copies = 0;
/** Makes a copy of the dataset that a test may damage. */
function copy() {
  const folder = join(root, `copy${copies++}`);
  cpSync(original, folder, { recursive: true });
  const file = (name: string) => join(folder, name);
  return {
    folder,
    images: file('toy-dataset/train'),
    annotations: file('toy-annotation-train.csv'),
    pairs: file('toy-pairs-train.csv'),
    edit: (path: string, change: (text: string) => string) => writeFileSync(path, change(readFileSync(path, 'utf8'))),
  };
}

const open = (folder: string, options: Partial<DatasetOptions> = {}) =>
  openDataset({ folder, name: 'toy', split: 'train', height: 32, width: 16, skeleton: PERSON, workers: 1, ...options });

async function loader(folder: string, options: Partial<LoaderOptions> = {}): Promise<Loader> {
  const made = new Loader(await open(folder, { thorough: false }), {
    batch: 3,
    geometry: 'rectangles',
    seed: 1,
    workers: 1,
    ...options,
  });
  loaders.push(made);
  return made;
}

test('a good dataset opens, with or without its pairs file', async () => {
  const seen: [number, number][] = [];
  const { images, pairs, skipped } = await open(original, { onProgress: (done, total) => seen.push([done, total]) });
  const file = parsePairs(readFileSync(join(original, 'toy-pairs-train.csv'), 'utf8'), 'p').pairs;
  const named = (p: Uint32Array, list: typeof images) =>
    Array.from({ length: p.length / 2 }, (_, i) => [list[p[2 * i] ?? -1]?.name, list[p[2 * i + 1] ?? -1]?.name]);
  expect(named(pairs, images)).toEqual(file);
  expect(skipped).toMatchObject({ rows: 0, images: 0, pairs: 0 });
  expect(seen.at(-1)).toEqual([images.length, images.length]);
  const { folder, pairs: pairsFile } = copy();
  rmSync(pairsFile);
  const derived = await open(folder);
  expect(named(derived.pairs, derived.images)).toEqual(file);
});

test.each<[string, (c: ReturnType<typeof copy>, first: string) => void, RegExp, Partial<DatasetOptions>?]>([
  [
    'a malformed row',
    (c) => c.edit(c.annotations, (t) => t.replace(': [', ': [7, ')),
    /toy-annotation-train\.csv, row 2: .*19 values/,
  ],
  [
    'a broken image',
    (c, first) => writeFileSync(join(c.images, first), 'no'),
    /copy.*0001_.*\.png is not a usable image: it is a text that begins "no"; PNG and JPEG are read/,
  ],
  [
    'an image cut short after its header',
    (c, first) => writeFileSync(join(c.images, first), readFileSync(join(c.images, first)).subarray(0, 200)),
    /0001_.*\.png is not a usable image/,
  ],
  [
    'an image that is not there',
    (c, first) => rmSync(join(c.images, first)),
    /row \d+: cannot read the image .*0001_.*ENOENT/,
  ],
  [
    'an image of another size',
    (c, first) => writeFileSync(join(c.images, first), encodePng(blank(20, 40))),
    /0001_.*\.png is 40×20 \(height×width\), but the model takes 32×16\. Fix: --resize/,
  ],
  [
    'a pair that names an unknown image',
    (c) => c.edit(c.pairs, (t) => `${t}0001_nobody.png,0001_else.png\n`),
    /toy-pairs-train\.csv, row \d+: .*toy-annotation-train\.csv has no row for 0001_nobody\.png/,
  ],
  [
    'a paired image without a trunk joint',
    (c, first) =>
      c.edit(c.annotations, (t) =>
        t.replace(
          new RegExp(`^${first}:.*$`, 'm'),
          `${first}: ${JSON.stringify([1, 2, -1, ...Array(15).fill(3)])}: ${JSON.stringify(Array(18).fill(3))}`,
        ),
      ),
    /toy-pairs-train\.csv, row 2: .*toy-annotation-train\.csv, row \d+: 0001_.* is in a pair but has no right_shoulder/,
  ],
  [
    'a joint outside its image',
    (c, first) =>
      c.edit(c.annotations, (t) =>
        t.replace(
          new RegExp(`^${first}:.*$`, 'm'),
          `${first}: ${JSON.stringify(Array(18).fill(3))}: ${JSON.stringify(Array(18).fill(16))}`,
        ),
      ),
    /row \d+: nose is at x 16, y 3, outside .* of 32×16/,
  ],
])('%s is an error before training, and can be skipped and counted', async (_, damage, message) => {
  const c = copy();
  const first = parsePairs(readFileSync(c.pairs, 'utf8'), 'p').pairs[0]?.[0] ?? '';
  damage(c, first);
  await expect(open(c.folder)).rejects.toThrow(message);
  await expect(open(c.folder)).rejects.toMatchObject({ name: 'UsageError' });
  const { skipped, pairs, images } = await open(c.folder, { skipBad: true });
  expect(skipped.rows + skipped.images).toBeGreaterThan(0);
  expect(skipped.reasons[0]).toMatch(message);
  expect(pairs.length).toBeGreaterThan(0);
  expect(Math.max(...pairs)).toBeLessThan(images.length);
});

test('an empty pair list is an error that says how to make one', async () => {
  const c = copy();
  writeFileSync(c.pairs, 'from,to\n');
  await expect(open(c.folder)).rejects.toThrow(/toy-pairs-train\.csv has no usable pair.*pose-gan pairs/);
  rmSync(c.pairs);
  c.edit(c.annotations, (t) => t.replaceAll(/^0/gm, '-1'));
  await expect(open(c.folder)).rejects.toThrow(/does not exist and the annotations give no pair.*excludes every image/);
});

test('an unknown dataset is an error that lists the known ones', async () => {
  await expect(open(original, { name: 'market' })).rejects.toThrow(
    /half of dataset market needs .*market-annotation-train\.csv.*holds the datasets toy/,
  );
  await expect(open(join(root, 'nowhere'))).rejects.toThrow(/there is no folder/);
});

test('resizing fits images and joints', async () => {
  const small = await open(original);
  const large = await open(original, { resize: true, height: 64, width: 48 });
  for (const [i, { pose }] of large.images.entries())
    for (const [j, p] of pose.entries()) {
      const before = small.images[i]?.pose[j];
      expect(p === null).toBe(before === null);
      if (p && before) expect([p[0], p[1]]).toEqual([3 * (before[0] + 0.5) - 0.5, 2 * (before[1] + 0.5) - 0.5]);
    }
  // A joint in the corner pixel must stay inside the image, because outside it would count as missing.
  const tiny = await open(original, { resize: true, height: 8, width: 4 });
  for (const { pose } of tiny.images) for (const p of pose) if (p) expect(Math.min(...p)).toBeGreaterThanOrEqual(0);
  const l = new Loader(large, { batch: 1, geometry: 'rectangles', shuffle: false, workers: 1 });
  loaders.push(l);
  const { source } = await l.batch(0);
  const image = large.images[large.pairs[0] ?? 0];
  expect(source).toEqual(toTensor(resize(readImage(image?.path ?? ''), 48, 64)));
});

test('a batch holds the images, joints and transforms of its pairs', async () => {
  const l = await loader(original);
  const { dataset } = l;
  const batch = await l.batch(2);
  const order = batchOrder(1, 2, 3, l.count);
  const of = (pair: number, side: number) => dataset.images[dataset.pairs[2 * pair + side] ?? -1];
  expect(batch.names).toEqual(order.map((p) => [of(p, 0)?.name, of(p, 1)?.name]));
  expect(batch.source).toHaveLength(3 * 32 * 16 * 3);
  for (const [n, p] of order.entries()) {
    const [a, b] = [of(p, 0), of(p, 1)];
    if (!a || !b) throw new Error('no such pair');
    expect(fromTensor(batch.source, 16, 32, n * 1536)).toEqual(readImage(a.path));
    expect(fromTensor(batch.target, 16, 32, n * 1536)).toEqual(readImage(b.path));
    expect([...batch.sourceJoints.subarray(36 * n, 36 * n + 36)]).toEqual(jointValues(a.pose));
    expect([...batch.targetJoints.subarray(36 * n, 36 * n + 36)]).toEqual(jointValues(b.pose));
    const parts = partTransforms('rectangles', PERSON, a.pose, b.pose);
    expect(batch.affine.subarray(60 * n, 60 * n + 60)).toEqual(Float32Array.from(parts.flatMap((t) => [...t.affine])));
    expect(batch.planes.subarray(120 * n, 120 * n + 120)).toEqual(
      Float32Array.from(parts.flatMap((t) => halfPlanes(t.mask))),
    );
  }
});

test('a loader that starts later gives the same batches, whatever the cache and the number of workers', async () => {
  const one = await loader(original);
  const two = await loader(original, { workers: 3, cacheBytes: 4000, ahead: 0 });
  const batches = [];
  for (let step = 0; step < 9; step++) batches.push(await one.batch(step));
  for (let step = 5; step < 9; step++) expect(await two.batch(step)).toEqual(batches[step]);
  expect(await two.batch(1)).toEqual(batches[1]);
  const other = await loader(original, { seed: 2 });
  expect((await other.batch(0)).names).not.toEqual(batches[0]?.names);
});

test('an image that is damaged after the check is an error of its batch, and the loader continues', async () => {
  const c = copy();
  const l = await loader(c.folder, { shuffle: false, batch: 1, ahead: 2, cacheBytes: 0 });
  await l.batch(0);
  const path = l.dataset.images[l.dataset.pairs[2 * 20] ?? 0]?.path ?? '';
  const bytes = readFileSync(path);
  writeFileSync(path, 'gone');
  await expect(l.batch(20)).rejects.toThrow(`${path} is not a usable image`);
  writeFileSync(path, bytes);
  await expect(l.batch(0)).resolves.toMatchObject({ step: 0 });
  await expect(l.batch(20)).resolves.toMatchObject({ step: 20 });
  await expect(l.batch(-1)).rejects.toThrow(/a step must be/);
});

test('closing ends the workers and rejects pending batches', async () => {
  const l = await loader(original);
  const pending = l.batch(0);
  const rejected = expect(pending).rejects.toThrow(/closed/);
  await l.close();
  await rejected;
  await expect(l.batch(1)).rejects.toThrow(/the loader is closed/);
  const pool = new DecodePool(2);
  await pool.close();
  await expect(pool.decode('x', 1, 1)).rejects.toThrow(/closed/);
  expect(() => new DecodePool(0)).toThrow(/1 to 64/);
});
