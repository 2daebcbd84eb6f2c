import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Batches } from '../src/data/batches.js';
import { type DataSource, openDataset } from '../src/data/dataset.js';
import { drawnSource, filesSource, imageFile, textFile } from '../src/data/files-source.js';
import { blank } from '../src/data/image.js';
import { NonFiniteError } from '../src/gpu/errors.js';
import { iterate, type LogRow } from '../src/model/iterate.js';
import { openDataset as openFolder } from '../src/node/dataset.js';
import { Loader } from '../src/node/loader.js';
import { writeSynthDataset } from '../src/node/synth-dataset.js';
import { PERSON } from '../src/pose/skeleton.js';
import { curvesOf, rateOf } from '../web/src/train/curves.js';
import { namesIn } from '../web/src/train/datasets.js';
import { dataFolder } from '../web/src/train/folder.js';

const folder = mkdtempSync(join(tmpdir(), 'pose-gan-page-'));
const people = { trainIdentities: 3, testIdentities: 1, imagesPerIdentity: 4, height: 32, width: 16, seed: 7 };
const options = { name: 'synth', split: 'train', height: 32, width: 16, skeleton: PERSON } as const;

beforeAll(() => void writeSynthDataset({ ...people, folder, name: 'synth' }));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a data folder of files at hand', () => {
  test('drawn people have the images, poses, pairs and batches of pose-gan synth', async () => {
    const counts: number[] = [];
    const source = await drawnSource('synth', people, (done) => void counts.push(done));
    expect(counts).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    const drawn = await openDataset(source, options);
    const written = await openFolder({ ...options, folder, workers: 1 });
    expect(drawn.images.map(({ name, pose }) => ({ name, pose }))).toEqual(
      written.images.map(({ name, pose }) => ({ name, pose })),
    );
    expect(drawn.pairs).toEqual(written.pairs);
    const of = { batch: 3, geometry: 'rectangles', seed: 2, ahead: 0 } as const;
    const mine = new Batches(drawn, () => source.decoder(), of);
    const theirs = new Loader(written, { ...of, workers: 1 });
    try {
      for (const step of [0, 5]) expect(await mine.batch(step)).toEqual(await theirs.batch(step));
    } finally {
      await theirs.close();
    }
  });

  test('errors name missing files as for a folder on the disk', async () => {
    const none: DataSource = filesSource('mine', new Map([['d-dataset/train/a.png', imageFile(blank(16, 32))]]));
    await expect(openDataset(none, { ...options, name: 'd' })).rejects.toThrow(
      'the train half of dataset d needs mine/d-annotation-train.csv; mine holds the datasets d',
    );
    const joints = JSON.stringify(Array.from({ length: 18 }, (_, i) => i % 15));
    const table = `name:keypoints_y:keypoints_x\na.png: ${joints}: ${joints}\nb.png: ${joints}: ${joints}\n`;
    const files = new Map([
      ['d-dataset/train/a.png', imageFile(blank(16, 32))],
      ['d-dataset/train/b.png', textFile('no picture')],
      ['d-annotation-train.csv', textFile(table)],
      ['d-pairs-train.csv', textFile('from,to\na.png,b.png\n')],
    ]);
    const open = () => openDataset(filesSource('mine', files), { ...options, name: 'd' });
    await expect(open()).rejects.toThrow('mine/d-dataset/train/b.png is not a usable image: it is text');
    files.delete('d-dataset/train/b.png');
    await expect(open()).rejects.toThrow('cannot read the image mine/d-dataset/train/b.png: there is no such file');
    files.set('d-dataset/train/b.png', imageFile(blank(16, 30)));
    await expect(open()).rejects.toThrow(/b\.png is 30×16 \(height×width\), but the model takes 32×16/);
    expect(
      (await openDataset(filesSource('mine', files), { ...options, name: 'd', resize: true })).images,
    ).toHaveLength(2);
  });
});

describe('a dropped folder', () => {
  const at = (...paths: string[]) => paths.map((path) => ({ path, file: new File([], 'x') }));
  const below = (...paths: string[]) => {
    const { name, files } = dataFolder(at(...paths));
    return [name, ...files.map((f) => f.path)];
  };

  test('is searched for the topmost folder with a dataset', () => {
    expect(below('data/d-dataset/train/a.png', 'data/d-annotation-train.csv', 'data/.DS_Store')).toEqual([
      ...['data', 'd-dataset/train/a.png', 'd-annotation-train.csv'],
    ]);
    expect(below('home/data/d-dataset/train/a.png', 'home/notes.txt')).toEqual(['data', 'd-dataset/train/a.png']);
    expect(below('d-dataset/train/a.png', 'd-pairs-train.csv')).toEqual([
      ...['the dropped folder', 'd-dataset/train/a.png', 'd-pairs-train.csv'],
    ]);
    expect(below('pictures/a.png', 'pictures/b.png')).toEqual(['pictures', 'a.png', 'b.png']);
  });

  test('lists its datasets, even those without images, and without any the error says what a dataset is', () => {
    const source = (...names: string[]) => filesSource('mine', new Map(names.map((n) => [n, textFile('')])));
    expect(namesIn(source('b-dataset/train/a.png', 'a-annotation-test.csv', 'notes.txt'))).toEqual(['a', 'b']);
    expect(() => namesIn(source('notes.txt'))).toThrow(
      /mine holds no dataset\. A dataset named D consists of the folder D-dataset/,
    );
  });
});

describe('the loop', () => {
  /** Makes a trainer whose losses are its step. */
  function counting(lossOf: (step: number) => number = (step) => step, badFrom = Number.POSITIVE_INFINITY) {
    const trainer = {
      step: 0,
      looked: [] as number[],
      train: () => {
        trainer.step++;
      },
      losses: async () => {
        const loss = lossOf(trainer.step);
        return { discriminator: loss, adversarial: loss, reconstruction: loss };
      },
      checkFinite: async () => {
        trainer.looked.push(trainer.step);
        if (trainer.step === badFrom) throw new NonFiniteError(trainer.step, 'a tensor is NaN');
      },
    };
    return trainer;
  }

  test('reports all losses in order, and before any action that is due', async () => {
    const trainer = counting();
    const told: number[] = [];
    const due: [step: number, told: number][] = [];
    await iterate(trainer, {
      batch: async () => ({}) as never,
      more: () => trainer.step < 7,
      logged: (step) => step === 2,
      onLosses: (step, { reconstruction }) => told.push(step === reconstruction ? step : Number.NaN),
      after: (step) => (step % 3 ? undefined : async () => void due.push([step, told.length])),
    });
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(due).toEqual([
      [3, 3],
      [6, 6],
    ]);
    // Losses are reported before a row that is kept, before an action that is due, and at the end.
    expect(trainer.looked).toEqual([2, 3, 6, 7]);
  });

  test('ends when a loss is not a number', async () => {
    const trainer = counting((step) => (step === 4 ? Number.NaN : 1));
    const told: number[] = [];
    const run = iterate(trainer, {
      batch: async () => ({}) as never,
      more: () => trainer.step < 20,
      logged: () => false,
      onLosses: (step) => told.push(step),
      after: () => undefined,
    });
    await expect(run).rejects.toThrow(
      'after iteration 4, the discriminator loss is NaN. Nothing of it was saved: the last checkpoint, if there is one, is from',
    );
    expect(told).toEqual([1, 2, 3]);
  });

  test.each([
    ['a row', (step: number) => step === 4, false],
    ['what is due', () => false, true],
  ])('ends before %s when a parameter is not a number, even if every loss is', async (_, logged, dueThen) => {
    const trainer = counting(() => 1, 4);
    const told: number[] = [];
    const run = iterate(trainer, {
      batch: async () => ({}) as never,
      more: () => trainer.step < 20,
      logged,
      onLosses: (step) => told.push(step),
      after: (step) => (dueThen && step === 4 ? async () => void told.push(-1) : undefined),
    });
    await expect(run).rejects.toThrow(NonFiniteError);
    expect(told).toEqual([1, 2, 3]);
  });
});

describe('curves', () => {
  const rows = (count: number): LogRow[] =>
    Array.from({ length: count }, (_, i) => ({
      ...{ step: i + 1, seconds: (i + 1) / 10 },
      ...{ reconstruction: i, discriminator: 1, adversarial: i % 2 },
    }));

  test('few rows are shown one by one, and many as means that cover all rows', () => {
    expect(curvesOf(rows(3))).toMatchObject({ steps: [1, 2, 3], means: { reconstruction: [0, 1, 2] } });
    const { steps, means, smooth } = curvesOf(rows(6000));
    expect(steps).toHaveLength(600);
    expect(steps.slice(0, 2)).toEqual([10, 20]);
    expect(means.reconstruction.slice(0, 2)).toEqual([4.5, 14.5]);
    expect(means.adversarial.every((m) => m === 0.5)).toBe(true);
    // This is a mean over the last 15 points of ten rows each.
    expect(smooth.reconstruction.at(-1)).toBeCloseTo(5999 - 74.5, 6);
    expect(curvesOf([]).steps).toEqual([]);
  });

  test('the rate is measured over the last seconds', () => {
    expect(rateOf(rows(100))).toBeCloseTo(10, 6);
    const slower = [...rows(100), { ...(rows(101).at(-1) as LogRow), seconds: 20 }];
    expect(rateOf(slower)).toBeCloseTo(0.1, 6);
    expect(rateOf([])).toBeUndefined();
  });
});
