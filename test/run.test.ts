import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { candidates, shapeClass } from '../src/compiler/shape-class.js';
import type { Dataset } from '../src/data/dataset.js';
import type { Engine } from '../src/gpu/engine.js';
import { NonFiniteError } from '../src/gpu/errors.js';
import { Tuning } from '../src/gpu/tuner.js';
import { modelConfig } from '../src/model/config.js';
import { filterBank } from '../src/model/filter-bank.js';
import { trainingCalls } from '../src/model/trainer.js';
import { listCheckpoints } from '../src/node/checkpoint-files.js';
import { openDataset } from '../src/node/dataset.js';
import { type RunOptions, trainRun } from '../src/node/run.js';
import { writeSynthDataset } from '../src/node/synth-dataset.js';
import { readTuning } from '../src/node/tuning-files.js';
import { open } from '../src/node.js';
import { PERSON } from '../src/pose/skeleton.js';
import { openAlone, shareDevice, sharedEngine } from './gpu.js';

shareDevice();

let folder: string;
let train: Dataset;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
  const people = { trainIdentities: 4, testIdentities: 1, imagesPerIdentity: 4 };
  writeSynthDataset({ folder, name: 'd', ...people, height: 64, width: 32, seed: 3 });
  train = await openDataset({ folder, name: 'd', split: 'train', height: 64, width: 32, skeleton: PERSON });
});
afterAll(() => rmSync(folder, { recursive: true }));

const recipe = { preset: 'paper', size: 'small', width: 1 / 16 } as const;
const options = (name: string, more: Partial<RunOptions> = {}): RunOptions => ({
  folder: join(folder, name),
  train,
  config: modelConfig(recipe),
  recipe,
  seed: 5,
  batch: 2,
  iterations: 6,
  logEvery: 1,
  sampleEvery: 100,
  saveEvery: 100,
  keep: 1,
  resume: false,
  features: { kind: 'filter bank', weights: filterBank() },
  open: () => open(),
  workers: 1,
  ...more,
});
const rows = (name: string) =>
  readFileSync(join(folder, name, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((l) => {
      const { seconds: _, ...row } = JSON.parse(l);
      return row;
    });
const checkpoint = (name: string) => readFileSync(listCheckpoints(join(folder, name)).at(-1)?.path ?? '');

describe('a run', () => {
  test('that was interrupted and resumed has the same losses, weights and moments as one that was not, bit for bit', async () => {
    const whole = await trainRun(options('whole'));
    expect(whole).toMatchObject({ step: 6, interrupted: false });

    const stop = new AbortController();
    // Losses arrive one iteration late: the second iteration is running when those of the first are read.
    const first = await trainRun(
      options('parts', { signal: stop.signal, onStep: ({ step }) => step === 1 && stop.abort() }),
    );
    expect(first).toMatchObject({ step: 2, interrupted: true });
    await trainRun(options('parts', { resume: true }));

    expect(rows('parts')).toEqual(rows('whole'));
    expect(rows('whole').map((r) => r.step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(checkpoint('parts').equals(checkpoint('whole'))).toBe(true);
    const states = ['whole', 'parts'].map((n) =>
      readdirSync(join(folder, n)).filter((f) => f.endsWith('.state.safetensors')),
    );
    expect(states[1]).toEqual(states[0]);
    const [state] = states[0] ?? [];
    expect(
      readFileSync(join(folder, 'parts', state ?? '')).equals(readFileSync(join(folder, 'whole', state ?? ''))),
    ).toBe(true);
  });

  test.each([
    [
      'moment',
      'checkpoint',
      2,
      'parameters/generator.v#0',
      /^after iteration 4, 1 of the 756 values of v\.generator\.appear/,
    ],
    ['weight', 'row', 100, 'parameters/generator#0', /^after iteration 5, \d+ of the 756 values of generator\.appear/],
  ])('ends before a %s that is not a number gets into a %s', async (_, what, saveEvery, slab, message) => {
    let plant = () => {};
    const opened = async () => {
      const engine = await open();
      const make = engine.buffer.bind(engine);
      engine.buffer = (label, ...rest) => {
        const buffer = make(label, ...rest);
        if (label === slab) plant = () => engine.write(buffer, 0, Float32Array.of(Number.NaN));
        return buffer;
      };
      return engine;
    };
    // This imitates a fault of the driver. The row of iteration 3 is reported while iteration 4 is running.
    const onStep = ({ step }: { step: number }) => step === 3 && plant();
    const run = trainRun(options(what, { saveEvery, iterations: 9, open: opened, onStep }));
    const error = await run.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(NonFiniteError);
    expect((error as NonFiniteError).message).toMatch(message);
    expect(rows(what).map((r) => r.step)).toEqual([1, 2, 3, 4]);
    const saved = listCheckpoints(join(folder, what));
    expect(saved.map((c) => c.step)).toEqual(saveEvery === 2 ? [2] : []);
    if (saveEvery !== 2) return;
    const same = await trainRun(options('good', { iterations: 2 }));
    expect(readFileSync(same.checkpoint).equals(checkpoint(what))).toBe(true);
  });

  test('with a learning rate that is far too high ends after one iteration and saves nothing', async () => {
    const config = { ...modelConfig(recipe), learningRate: 1e20 };
    await expect(trainRun(options('steep', { config, saveEvery: 1 }))).rejects.toThrow(
      /^after iteration 1, \d+ of the/,
    );
    expect(listCheckpoints(join(folder, 'steep'))).toEqual([]);
    expect(readFileSync(join(folder, 'steep', 'log.jsonl'), 'utf8')).toBe('');
  });

  test('with another seed differs', async () => {
    await trainRun(options('other', { seed: 6, iterations: 1 }));
    expect(rows('other')[0]).not.toEqual(rows('whole')[0]);
  });

  test('writes a sample sheet, and refuses to overwrite a run or to resume one that does not exist', async () => {
    expect(readdirSync(join(folder, 'whole', 'samples'))).toEqual(['sample-00000006.png']);
    await expect(trainRun(options('whole'))).rejects.toThrow(/already holds a run; give --resume/);
    await expect(trainRun(options('none', { resume: true }))).rejects.toThrow(/no checkpoint to resume/);
    const seeded = trainRun(options('whole', { resume: true, seed: 9, iterations: 7 }));
    await expect(seeded).rejects.toThrow(/seed was 5, now it is 9/);
    const config = modelConfig({ ...recipe, ablation: 'dsc' });
    const other = trainRun(options('whole', { resume: true, config, features: { kind: 'none' }, iterations: 7 }));
    await expect(other).rejects.toThrow(
      /loss was .*nearest.* now it is .*l1.*features was "filter bank", now it is "none"/,
    );
    expect(existsSync(join(folder, 'none', 'log.jsonl'))).toBe(false);
  });

  test('keeps the kernels that it began with, whatever tuning a later device has', async () => {
    // The model has few kernels, because every run compiles its own.
    const config = {
      ...modelConfig({ ...recipe, ablation: 'dsc' }),
      ...{ encoder: [8, 8], decoder: [8, 3], deformedLevels: 1, dropoutBlocks: 1, discriminator: [8, 1] },
    };
    const engine = await sharedEngine();
    const forced = new Tuning(engine.adapter);
    for (const { op, kernel } of await trainingCalls(engine, { config, seed: 5, batch: 2 })) {
      const { call } = kernel;
      const among = candidates(op, call);
      const [rule, last] = [among[0], among.at(-1)].map((v) => v?.name ?? '') as [string, string];
      if (among.length > 1)
        forced.set(shapeClass(op, call, among), { variant: last, rule, times: { [rule]: 2, [last]: 1 } });
    }
    expect(forced.size).toBeGreaterThan(3);
    let last: Engine | undefined;
    const device = (tuning: Tuning | false) => async () => {
      last = await open({ tuning });
      return last;
    };
    const go = async (name: string, tuning: Tuning | false, more: Partial<RunOptions> = {}) => {
      const small = { config, features: { kind: 'none' }, iterations: 3, open: device(tuning) } as const;
      const { interrupted } = await trainRun(options(name, { ...small, ...more }));
      expect(interrupted).toBe(more.signal !== undefined);
      return rows(name);
    };
    const begin = (name: string, tuning: Tuning | false) => {
      const stop = new AbortController();
      return go(name, tuning, { signal: stop.signal, onStep: () => stop.abort() });
    };
    const whole = await go('tuned', forced);
    await begin('tuned-parts', forced);
    expect(await go('tuned-parts', false, { resume: true })).toEqual(whole);
    expect(checkpoint('tuned-parts').equals(checkpoint('tuned'))).toBe(true);

    await begin('without', forced);
    rmSync(join(folder, 'without', 'tuning.json'));
    await go('without', forced, { resume: true });
    // Three losses may round to equal numbers, but the weights differ.
    expect(checkpoint('without').equals(checkpoint('tuned'))).toBe(false);
    expect(last?.tuning).toBeUndefined();
  });

  test('tunes its kernels first when asked, and stores the choices for itself and for other runs', async () => {
    const path = join(folder, 'tuning.json');
    process.env.POSE_GAN_TUNING = path;
    try {
      const tune = { samples: 1, sampleMs: 0.1, budgetMs: 200 };
      await trainRun(options('fresh', { iterations: 1, tune }));
      const text = readFileSync(path, 'utf8');
      expect(readTuning(path).size).toBeGreaterThan(0);
      expect(readFileSync(join(folder, 'fresh', 'tuning.json'), 'utf8')).toBe(text);
    } finally {
      process.env.POSE_GAN_TUNING = 'off';
    }
  });

  test('continues from its last checkpoint when the device is lost', async () => {
    const notes: string[] = [];
    let lose: (() => void) | undefined;
    const result = await trainRun(
      options('lost', {
        saveEvery: 2,
        open: async () => {
          const engine = await openAlone();
          lose = () => engine.device.destroy();
          return engine;
        },
        onStep: ({ step }) => {
          if (step === 3 && !notes.length) lose?.();
        },
        onNote: (text) => notes.push(text),
      }),
    );
    expect(result).toMatchObject({ step: 6, interrupted: false });
    expect(notes.join('\n')).toMatch(/device lost[\s\S]*resuming .*after 2 iterations/);
    expect(rows('lost')).toEqual(rows('whole'));
    expect(checkpoint('lost').equals(checkpoint('whole'))).toBe(true);
  });
});
