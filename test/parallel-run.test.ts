import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Dataset } from '../src/data/dataset.js';
import { UsageError } from '../src/gpu/errors.js';
import type { Collective } from '../src/model/collective.js';
import { modelConfig } from '../src/model/config.js';
import { listCheckpoints } from '../src/node/checkpoint-files.js';
import { openDataset } from '../src/node/dataset.js';
import { expectSameRun } from '../src/node/follow.js';
import { type Launch, launchOf } from '../src/node/launch.js';
import { type RunOptions, type RunResult, trainRun } from '../src/node/run.js';
import { writeSynthDataset } from '../src/node/synth-dataset.js';
import { adapters, open } from '../src/node.js';
import { PERSON } from '../src/pose/skeleton.js';
import { shareDevice } from './gpu.js';
import { memoryRanks } from './memory-ranks.js';

shareDevice();

const [HEIGHT, WIDTH] = [32, 16];
let folder: string;
let train: Dataset;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parallel-run-'));
  const people = { trainIdentities: 4, testIdentities: 1, imagesPerIdentity: 4 };
  writeSynthDataset({ folder, name: 'd', ...people, height: HEIGHT, width: WIDTH, seed: 3 });
  train = await openDataset({ folder, name: 'd', split: 'train', height: HEIGHT, width: WIDTH, skeleton: PERSON });
});
afterAll(() => rmSync(folder, { recursive: true }));

const recipe = { preset: 'paper', size: 'small', width: 1 / 16, ablation: 'dsc' } as const;
const config = {
  ...modelConfig(recipe),
  ...{ height: HEIGHT, width: WIDTH, encoder: [8, 8], decoder: [8, 3], deformedLevels: 1, dropoutBlocks: 1 },
  discriminator: [8, 1],
};
const options = (name: string, more: Partial<RunOptions> = {}): RunOptions => ({
  ...{ folder: join(folder, name), train, config, recipe, seed: 5, batch: 4, iterations: 5, logEvery: 1 },
  ...{ sampleEvery: 2, saveEvery: 2, keep: 9, resume: false, features: { kind: 'none' }, workers: 1 },
  open: () => open(),
  ...more,
});

/** Runs on several ranks. Those other than 0 get a folder of their own, in which they may not write. */
function runTogether(
  name: string,
  size: number,
  more: Partial<RunOptions> = {},
  ofRank: (ranks: Collective) => Partial<RunOptions> = () => ({}),
): Promise<RunResult[]> {
  return Promise.all(
    memoryRanks(size).map((ranks) =>
      trainRun(options(ranks.rank ? `${name} of rank ${ranks.rank}` : name, { ...more, ranks, ...ofRank(ranks) })),
    ),
  );
}

/** Returns the files that a run leaves; the log is without its seconds. */
function left(name: string): Record<string, string> {
  const names = readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names
      .filter((f) => f.includes('.'))
      .map((f) => {
        const bytes = readFileSync(join(folder, name, f));
        return [f, f === 'log.jsonl' ? String(bytes).replaceAll(/"seconds":[^,]*,/g, '') : bytes.toString('base64')];
      }),
  );
}

const rows = (name: string) =>
  readFileSync(join(folder, name, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);

describe('a run on several ranks', () => {
  test('writes what a run alone writes, from rank 0 only, and its losses are those of the whole batch', async () => {
    await trainRun(options('alone'));
    const results = await runTogether('together', 2);
    expect(results.map(({ step, interrupted }) => [step, interrupted])).toEqual([
      [5, false],
      [5, false],
    ]);
    const files = (name: string) => Object.keys(left(name)).map((f) => f.replace(/-[0-9a-f]{16}\./, '-….'));
    expect(files('together')).toEqual(files('alone'));
    expect(existsSync(join(folder, 'together of rank 1'))).toBe(false);
    for (const [i, row] of rows('together').entries())
      for (const [key, value] of Object.entries(row))
        if (key !== 'seconds') expect(value / (rows('alone')[i]?.[key] as number)).toBeCloseTo(1, 4);
  });

  test('that a signal to one rank ends can be resumed bit for bit, and by another number of ranks', async () => {
    const stop = new AbortController();
    const notes: string[] = [];
    const interrupted = await runTogether('parts', 2, {}, ({ rank }) =>
      rank === 1
        ? { signal: stop.signal }
        : { onNote: (text) => void notes.push(text), onStep: ({ step }) => step === 1 && stop.abort() },
    );
    const [step = 0] = interrupted.map((r) => r.step);
    expect(interrupted.map((r) => [r.step, r.interrupted])).toEqual([
      [step, true],
      [step, true],
    ]);
    expect(step).toBeLessThan(5);
    expect(notes).toEqual([
      `a signal asks to stop: stopping after ${step} iterations, and saving the run`,
      expect.stringMatching(/^exchanged 0\.\d MB of gradients per iteration, for which the device waited [\d.]+ ms$/),
    ]);
    expect(listCheckpoints(join(folder, 'parts')).at(-1)?.step).toBe(step);

    await runTogether('parts', 2, { resume: true });
    expect(left('parts')).toEqual(left('together'));

    await runTogether('parts', 4, { resume: true, iterations: 6 });
    await trainRun(options('parts', { resume: true, iterations: 7 }));
    expect(rows('parts').map((r) => r.step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await expect(trainRun(options('parts', { resume: true, iterations: 8, batch: 2 }))).rejects.toThrow(
      /batch was 4, now it is 2/,
    );
  });

  test('is refused on a rank whose options, data or features are not those of rank 0', async () => {
    const fewer = { ...train, pairs: train.pairs.slice(2) };
    const check = (more: (rank: number) => Partial<RunOptions>) =>
      Promise.all(
        memoryRanks(2).map((ranks) =>
          expectSameRun(options('other', more(ranks.rank)), ranks).catch((error: unknown) => error),
        ),
      );
    expect(await check(() => ({}))).toEqual([undefined, undefined]);
    const [none, error] = await check((rank) => (rank ? { train: fewer, seed: 6 } : {}));
    expect(none).toBeUndefined();
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(
      /^it differs from rank 0 in its options and images \(.*\)\. All ranks need the same version, options, data and feature weights\.$/,
    );
    const [, weights] = await check((rank) => ({
      features: { kind: 'vgg19', weights: new Map([['conv1_1.weight', Float32Array.of(rank)]]) },
    }));
    expect((weights as Error).message).toMatch(/^it differs from rank 0 in its features \(/);
  });
});

const started: Launch = { launcher: 'mpirun of Open MPI', size: 4, rank: 1, localRank: 1, localSize: 2 };

describe('a launcher', () => {
  test.each([
    ['none', {}, undefined],
    ['mpirun with one process', { OMPI_COMM_WORLD_SIZE: '1', OMPI_COMM_WORLD_RANK: '0', PMIX_RANK: '0' }, undefined],
    [
      'mpirun',
      {
        ...{ OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '1' },
        ...{ OMPI_COMM_WORLD_LOCAL_RANK: '1', OMPI_COMM_WORLD_LOCAL_SIZE: '2' },
      },
      started,
    ],
    [
      'srun --mpi=pmix',
      {
        ...{ SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '5', SLURM_LOCALID: '1' },
        ...{ SLURM_STEP_TASKS_PER_NODE: '4(x2)', PMIX_RANK: '5' },
      },
      { launcher: 'srun', size: 8, rank: 5, localRank: 1, localSize: 4 },
    ],
    ['srun alone', { SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '5', SLURM_LOCALID: '1' }, undefined],
    [
      'mpiexec of MPICH',
      { PMI_SIZE: '2', PMI_RANK: '1', MPI_LOCALRANKID: '1', MPI_LOCALNRANKS: '2' },
      { launcher: 'mpiexec of MPICH', size: 2, rank: 1, localRank: 1, localSize: 2 },
    ],
  ])('is known by its variables: %s', (_, env, launch) => {
    expect(launchOf(env)).toEqual(launch);
  });

  test('without koffi, and without a usable MPI library, leads to an error that says what to install', async () => {
    vi.stubEnv('POSE_GAN_MPI', '/nowhere/libmpi.so');
    const { joinMpi } = await import('../src/node/mpi.js');
    await expect(joinMpi(started)).rejects.toThrow(UsageError);
    await expect(joinMpi(started)).rejects.toThrow(
      /^mpirun of Open MPI has started 4 processes, and to train together they need Open MPI’s C library \(\/nowhere\/libmpi\.so\), which cannot be loaded: .*apt-get install openmpi-bin.*or name the file in POSE_GAN_MPI\.$/s,
    );
    vi.unstubAllEnvs();
    vi.doMock('koffi', () => {
      throw new Error('Cannot find package koffi');
    });
    await expect(joinMpi(started)).rejects.toThrow(
      /they need the npm package koffi, .*Fix: npm install koffi@[\d.]+$/s,
    );
    vi.doUnmock('koffi');
  });
});

describe('the adapter of a rank', () => {
  test('is the one with its number among those of the best kind, and after the last comes the first again', async () => {
    const all = await adapters();
    const best = all.filter(({ kind }) => kind === all[0]?.kind);
    const names = await Promise.all(
      [0, 1, best.length].map(async (index) => {
        const engine = await open({ index, adapter: all[0]?.name });
        engine.device.destroy();
        return engine.adapterName;
      }),
    );
    expect(new Set(names)).toEqual(new Set([all[0]?.description]));
    await expect(open({ index: -1 })).rejects.toThrow(/index must be an integer of 0 or more/);
  });
});
