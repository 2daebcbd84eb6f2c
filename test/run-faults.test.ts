import fs, { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Dataset } from '../src/data/dataset.js';
import type { Engine } from '../src/gpu/engine.js';
import { DeviceLostError } from '../src/gpu/errors.js';
import { modelConfig } from '../src/model/config.js';
import { MAX_RETRIES, withRecovery } from '../src/model/recovery.js';
import { listCheckpoints } from '../src/node/checkpoint-files.js';
import { openDataset } from '../src/node/dataset.js';
import { type RunOptions, trainRun } from '../src/node/run.js';
import { writeSynthDataset } from '../src/node/synth-dataset.js';
import { open } from '../src/node.js';
import { PERSON } from '../src/pose/skeleton.js';
import { openAlone, shareDevice } from './gpu.js';

shareDevice();

// Few pixels, as training repeats.
const [HEIGHT, WIDTH] = [32, 16];
let folder: string;
let train: Dataset;
const stray: unknown[] = [];
const keep = (error: unknown) => void stray.push(error);
beforeAll(async () => {
  process.on('unhandledRejection', keep);
  folder = mkdtempSync(join(tmpdir(), 'run-faults-'));
  const people = { trainIdentities: 4, testIdentities: 1, imagesPerIdentity: 4 };
  writeSynthDataset({ folder, name: 'd', ...people, height: HEIGHT, width: WIDTH, seed: 3 });
  train = await openDataset({ folder, name: 'd', split: 'train', height: HEIGHT, width: WIDTH, skeleton: PERSON });
});
afterAll(() => {
  process.off('unhandledRejection', keep);
  rmSync(folder, { recursive: true });
});

// Few and plain kernels, because every device that is lost compiles its own; numbers of channels that 4 divides take larger ones.
const recipe = { preset: 'paper', size: 'small', width: 1 / 16, ablation: 'dsc' } as const;
const config = {
  ...modelConfig(recipe),
  ...{
    height: HEIGHT,
    width: WIDTH,
    encoder: [6, 6],
    decoder: [6, 3],
    deformedLevels: 1,
    dropoutBlocks: 1,
    discriminator: [6, 1],
  },
};
const options = (name: string, more: Partial<RunOptions> = {}): RunOptions => ({
  ...{ folder: join(folder, name), train, config, recipe, seed: 5, batch: 2, iterations: 5, logEvery: 1 },
  ...{ sampleEvery: 2, saveEvery: 2, keep: 2, resume: false, features: { kind: 'none' }, workers: 1 },
  open: () => open(),
  ...more,
});

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

describe('a device that is lost', () => {
  beforeAll(async () => {
    await trainRun(options('whole'));
    expect(Object.keys(left('whole')).sort()).toEqual([
      expect.stringMatching(/^checkpoint-00000004-.*state/),
      'checkpoint-00000004.safetensors',
      expect.stringMatching(/^checkpoint-00000005-.*state/),
      'checkpoint-00000005.safetensors',
      'log.jsonl',
      ...['2', '4', '5'].map((n) => `samples/sample-0000000${n}.png`),
    ]);
  });

  /** Opens devices, and damages the first of them. */
  const losing = (at: (engine: Engine) => void) => {
    let opened = 0;
    return async () => {
      if (opened++) return open();
      const engine = await openAlone();
      at(engine);
      return engine;
    };
  };
  /** Destroys the device when the copy for the n-th read-back of a buffer with such a label is queued. */
  const atRead = (label: RegExp, n: number) =>
    losing((engine) => {
      const { readBuffer } = engine;
      let count = 0;
      engine.readBuffer = function (buffer, ...range) {
        const reading = readBuffer.call(this, buffer, ...range);
        if (label.test(buffer.label) && ++count === n) engine.device.destroy();
        return reading;
      };
    });

  test.each<[string, () => Promise<Engine>]>([
    ['while losses are awaited', atRead(/\(concat\[3\]\)/, 3)],
    ['while it is awaited whether all values are finite', atRead(/^finite/, 1)],
    ['while a sample is drawn', atRead(/\(tanh\[4×/, 2)],
    ['while the first checkpoint is read back', atRead(/^parameters/, 1)],
    // A checkpoint reads six buffers.
    ['in the midst of reading a checkpoint back', atRead(/^parameters/, 10)],
    [
      'while the plan is compiled',
      losing((engine) => {
        const { pipeline } = engine;
        let count = 0;
        engine.pipeline = function (...of) {
          const compiling = pipeline.apply(this, of);
          if (++count === 5) engine.device.destroy();
          return compiling;
        };
      }),
    ],
    ['before anything is done', losing((engine) => engine.device.destroy())],
  ])('%s changes nothing: the files equal those of an undisturbed run', async (name, opening) => {
    const notes: string[] = [];
    await trainRun(options(name, { open: opening, onNote: (text) => notes.push(text) }));
    expect(notes.filter((n) => n.includes('device lost'))).toHaveLength(1);
    expect(left(name)).toEqual(left('whole'));
    expect(stray).toEqual([]);
  });

  test('while kernels are timed does not end the run', async () => {
    const notes: string[] = [];
    let lose = () => {};
    const result = await trainRun(
      options('tuning', {
        open: losing((engine) => {
          lose = () => engine.device.destroy();
        }),
        tune: { samples: 1, sampleMs: 0.1, budgetMs: 200, onProgress: () => lose() },
        iterations: 1,
        onNote: (text) => notes.push(text),
      }),
    );
    expect(result.step).toBe(1);
    expect(notes.filter((n) => n.includes('device lost'))).toHaveLength(1);
    expect(stray).toEqual([]);
  });
});

test('only losses in a row count: a save in between resets the count', async () => {
  const lost = () => Promise.reject(new DeviceLostError('unknown', 'test'));
  let attempts = 0;
  await expect(
    withRecovery(
      () => {
        attempts++;
        return lost();
      },
      () => {},
    ),
  ).rejects.toThrow(DeviceLostError);
  expect(attempts).toBe(MAX_RETRIES + 1);
  attempts = 0;
  const result = await withRecovery(
    async (saved) => {
      if (++attempts > 3 * MAX_RETRIES) return 'done';
      saved();
      return lost();
    },
    () => {},
  );
  expect([result, attempts]).toEqual(['done', 3 * MAX_RETRIES + 1]);
  await expect(
    withRecovery(
      () => Promise.reject(new Error('other')),
      () => {},
    ),
  ).rejects.toThrow('other');
});

describe('a folder that goes away', () => {
  test('during a run is created again for the state, and the error says so', async () => {
    const place = join(folder, 'gone');
    const run = trainRun(
      options('gone', {
        onStep: ({ step }) => {
          if (step === 3) rmSync(place, { recursive: true });
        },
      }),
    );
    await expect(run).rejects.toThrow(
      /ENOENT.*The run stops after \d iterations, as its folder was removed, renamed or emptied; its state is saved in .*checkpoint-/,
    );
    const [saved, ...others] = listCheckpoints(place);
    expect(others).toEqual([]);
    await trainRun(options('gone', { resume: true }));
    expect(saved?.step).toBeGreaterThan(2);
    const whole = readFileSync(join(folder, 'whole', 'checkpoint-00000005.safetensors'));
    expect(readFileSync(join(place, 'checkpoint-00000005.safetensors')).equals(whole)).toBe(true);
  });
});

test.each([
  // Every save writes the state first.
  ['training state', 3],
  ['checkpoint', 4],
])(
  'a disk that is full while the second %s is written: the first checkpoint stays, and the run goes on from it',
  async (what, n) => {
    const name = `full ${what}`;
    const { writeSync } = fs;
    let count = 0;
    fs.writeSync = ((fd: number, bytes: Uint8Array, at: number) => {
      const isTensors = bytes[8] === '{'.charCodeAt(0);
      if (!isTensors || ++count !== n) return writeSync(fd, bytes, at);
      writeSync(fd, bytes, 0, 1000);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
    }) as typeof writeSync;
    syncBuiltinESMExports();
    try {
      await expect(trainRun(options(name))).rejects.toThrow(
        /^cannot write .*checkpoint-00000004.*: ENOSPC, the disk is full\. .* The run stops after 4 iterations; --resume continues from .*checkpoint-00000002\.safetensors\.$/,
      );
    } finally {
      fs.writeSync = writeSync;
      syncBuiltinESMExports();
    }
    const files = readdirSync(join(folder, name));
    expect(files.filter((f) => f.endsWith('.tmp') || f === 'run.lock')).toEqual([]);
    expect(listCheckpoints(join(folder, name)).map((c) => c.step)).toEqual([2]);
    await trainRun(options(name, { resume: true }));
    expect(left(name)).toEqual(left('whole'));
  },
);
