import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadTuning as loadFromBrowser, saveTuning as saveInBrowser } from '../src/browser-tuning.js';
import type { Engine } from '../src/gpu/engine.js';
import { UsageError } from '../src/gpu/errors.js';
import { type Choice, Tuning } from '../src/gpu/tuner.js';
import { loadTuning, readTuning, saveTuning, tuningPath } from '../src/node/tuning-files.js';
import { open } from '../src/node.js';
import { sharedEngine } from './gpu.js';
import { run } from './untrained.js';

let engine: Engine;
let folder: string;
beforeAll(async () => {
  engine = await sharedEngine();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tuning-'));
});
afterEach(() => {
  process.env.POSE_GAN_TUNING = 'off';
  rmSync(folder, { recursive: true });
});

const here = () => engine.adapter;
const choice: Choice = { variant: 'b', rule: 'a', times: { a: 2, b: 1 } };
function one(key = 'conv2d x', adapter = here(), library?: string): Tuning {
  const tuning = new Tuning(adapter, library);
  tuning.set(key, choice);
  return tuning;
}
const elsewhere = () => ({ ...here(), description: 'another card' });

describe('as JSON', () => {
  test('is read back unchanged', () => {
    const back = Tuning.fromJSON(JSON.parse(JSON.stringify(one().add(one('a first')))));
    expect(back.toJSON()).toEqual(one('a first').add(one()).toJSON());
    expect(Object.keys(back.toJSON().choices)).toEqual(['a first', 'conv2d x']);
    expect(back.get('conv2d x')).toEqual(choice);
    expect(back.mismatch(here())).toBeUndefined();
  });

  const file = (change: object) => ({ ...JSON.parse(JSON.stringify(one())), ...change });
  test.each<[string, () => unknown, RegExp]>([
    ['a number', () => 7, /mine is not a tuning/],
    ['an array', () => [], /is not a tuning/],
    ['another file', () => ({ format: 'webgpu-pose-gan checkpoint' }), /is not a tuning; make one with pose-gan tune/],
    ['a later format', () => file({ version: 2 }), /format version 2, this library reads 1/],
    ['no library', () => file({ library: undefined }), /version of the library/],
    ['half an adapter', () => file({ adapter: { vendor: 'x' } }), /adapter by vendor, architecture/],
    ['no choices', () => file({ choices: [] }), /has no choices/],
    ['a bare name', () => file({ choices: { k: 'subgroup' } }), /"k" that is not an object/],
    ['no rule', () => file({ choices: { k: { ...choice, rule: '' } } }), /lacks its variant or the rule/],
    ['no times', () => file({ choices: { k: { ...choice, times: { a: 'fast' } } } }), /no times in microseconds/],
    ['an untimed one', () => file({ choices: { k: { ...choice, times: { b: 1 } } } }), /has no time of a/],
  ])('%s is refused', (_, json, message) => {
    expect(() => Tuning.fromJSON(json(), 'mine')).toThrow(message);
    expect(() => Tuning.fromJSON(json(), 'mine')).toThrow(UsageError);
  });

  test('says when it does not apply because of another adapter or version', () => {
    expect(one('k', elsewhere()).mismatch(here())).toMatch(/measured on "another card".*description differs/);
    expect(one('k', here(), '0.0.1').mismatch(here())).toMatch(/measured by version 0\.0\.1/);
  });
});

describe('files', () => {
  beforeEach(() => {
    delete process.env.POSE_GAN_TUNING;
    process.env.XDG_CACHE_HOME = folder;
  });
  const cache = process.env.XDG_CACHE_HOME;
  afterEach(() => {
    if (cache === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cache;
  });

  test('are one per adapter in the cache folder, written completely and merged with the existing file', () => {
    const path = saveTuning(one('k')) as string;
    expect(path).toBe(tuningPath(here()));
    expect(path.startsWith(join(folder, 'webgpu-pose-gan', 'tuning'))).toBe(true);
    saveTuning(one('l'));
    expect(readdirSync(join(path, '..')).length, 'no temporary file stays').toBe(1);
    expect(Object.keys(JSON.parse(readFileSync(path, 'utf8')).choices)).toEqual(['k', 'l']);
    expect(loadTuning(here()).tuning?.get('l')).toEqual(choice);
    expect(saveTuning(one('k', elsewhere()))).not.toBe(path);
    expect(loadTuning(elsewhere()).tuning?.size).toBe(1);
  });

  test('that cannot be used are ignored with the reason, then replaced', () => {
    const path = saveTuning(one()) as string;
    for (const [content, reason] of [
      ['{', /is not JSON/],
      ['{}', /is not a tuning/],
      [JSON.stringify(one('k', elsewhere())), /was measured on "another card"/],
      [JSON.stringify(one('k', here(), '0.0.1')), /was measured by version 0\.0\.1/],
    ] as const) {
      writeFileSync(path, content);
      const found = loadTuning(here());
      expect(found.tuning).toBeUndefined();
      expect(found.ignored).toMatch(reason);
    }
    saveTuning(one('fresh'));
    expect([...Object.keys(readTuning(path).toJSON().choices)]).toEqual(['fresh']);
  });

  test('can be replaced by POSE_GAN_TUNING, which names another file, which must fit, or none', () => {
    const path = join(folder, 'mine.json');
    process.env.POSE_GAN_TUNING = path;
    expect(loadTuning(here())).toEqual({ path });
    expect(saveTuning(one())).toBe(path);
    expect(loadTuning(here()).tuning?.size).toBe(1);
    expect(() => loadTuning(elsewhere())).toThrow(/mine\.json was measured on/);
    expect(() => saveTuning(one('k', elsewhere()))).toThrow(/name another file/);
    writeFileSync(path, '"my diary"');
    expect(() => saveTuning(one())).toThrow(/is not a tuning/);
    expect(readFileSync(path, 'utf8')).toBe('"my diary"');
    process.env.POSE_GAN_TUNING = 'off';
    expect(loadTuning(here())).toEqual({});
    expect(saveTuning(one())).toBeUndefined();
  });

  test('are read by open, unless it is given another tuning or none', async () => {
    const tuned = async (tuning?: Tuning | string | false) => {
      const opened = await open({ tuning });
      opened.device.destroy();
      return opened.tuning?.size;
    };
    expect(await tuned()).toBeUndefined();
    const path = saveTuning(one()) as string;
    expect(await tuned()).toBe(1);
    expect(await tuned(false)).toBeUndefined();
    expect(await tuned(one('k').add(one('l')))).toBe(2);
    expect(await tuned(path)).toBe(1);
    await expect(tuned(one('k', elsewhere()))).rejects.toThrow(/the tuning given to open was measured on/);
    await expect(tuned(join(folder, 'none.json'))).rejects.toThrow(/cannot read the tuning/);
    expect(existsSync(path)).toBe(true);
  });
});

test('stored tunings do not affect the tests themselves', async () => {
  expect(process.env.POSE_GAN_TUNING).toBe('off');
  const opened = await open();
  expect(opened.tuning).toBeUndefined();
  opened.device.destroy();
});

describe('in a browser', () => {
  test('there is one tuning per adapter, which is merged in one transaction', async () => {
    const factory = new IDBFactory();
    expect(await loadFromBrowser(here(), factory)).toEqual({});
    await saveInBrowser(one('k'), factory);
    await Promise.all([saveInBrowser(one('l'), factory), saveInBrowser(one('m'), factory)]);
    const { tuning } = await loadFromBrowser(here(), factory);
    expect(Object.keys(tuning?.toJSON().choices ?? {})).toEqual(['k', 'l', 'm']);
    expect(await loadFromBrowser(elsewhere(), factory)).toEqual({});
    await expect(saveInBrowser(one('k', here(), '0.0.1'), factory)).rejects.toThrow(/to be stored was measured by/);
    expect((await loadFromBrowser(here(), factory)).tuning?.size).toBe(3);
  });

  test('without access to IndexedDB, an error says what to do instead', async () => {
    await expect(loadFromBrowser(here())).rejects.toThrow(UsageError);
    await expect(saveInBrowser(one())).rejects.toThrow(/indexedDB is not defined.*Tuning\.fromJSON/);
  });
});

describe('pose-gan tune', () => {
  const model = ['--size', 'small', '--width', '0.0625', '--batch', '1', '--features', 'bank'];

  test('times the layers of a model within its budget, stores the choices, and continues from them', async () => {
    const path = join(folder, 'a.json');
    const first = JSON.parse((await run('tune', ...model, '--budget', '0.2', '--json', '--out', path)).stdout);
    const [training, generator] = first.graphs;
    expect(first).toMatchObject({ path, adapter: engine.adapterName });
    expect(training.timed).toBeGreaterThan(0);
    expect(training.timed + training.left).toBeGreaterThan(10);
    expect(generator.timed, 'the budget is that of the whole command').toBe(0);
    expect(readTuning(path, here()).size).toBe(first.choices);

    process.env.POSE_GAN_TUNING = path;
    const { code, stdout } = await run('tune', ...model, '--budget', '0.2');
    expect(code).toBe(0);
    expect(stdout).toMatch(/training step: \d+ classes, \d+ timed now/);
    expect(stdout).toMatch(/class +calls +ms +chosen +gain\n/);
    expect(stdout).toMatch(/all these kernels: [\d.]+ ms by rule, [\d.]+ ms tuned/);
    const after = readTuning(path);
    expect(after.size).toBeGreaterThan(first.choices);
    expect(training.classes).toHaveLength(first.choices);
    for (const { key, choice } of training.classes as { key: string; choice: Choice }[]) {
      expect(stdout).toContain(`\n${key.split(' ').slice(0, -2).join(' ')} `);
      expect(after.get(key), key).toEqual(choice);
    }
  });

  test('imports a file from the same adapter and refuses others', async () => {
    process.env.POSE_GAN_TUNING = join(folder, 'mine.json');
    const shipped = join(folder, 'shipped.json');
    writeFileSync(shipped, JSON.stringify(one('conv2d of a card')));
    const { stdout } = await run('tune', '--from', shipped);
    expect(stdout).toMatch(/^1 choices of .*shipped\.json stored in .*mine\.json/);
    expect(loadTuning(here()).tuning?.get('conv2d of a card')).toEqual(choice);
    writeFileSync(shipped, JSON.stringify(one('k', elsewhere())));
    expect(await run('tune', '--from', shipped)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/measured on/),
    });
  });

  test('needs a place to store the choices, and a model that exists', async () => {
    expect((await run('tune', ...model)).stderr).toMatch(/POSE_GAN_TUNING is off/);
    const wrong = await run('tune', '--size', 'huge', '--out', join(folder, 'x.json'));
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/no size huge/) });
  });

  test('stores choices that doctor reports', async () => {
    process.env.POSE_GAN_TUNING = join(folder, 'mine.json');
    expect((await run('doctor')).stdout).toMatch(/tuning of kernels +none stored; pose-gan tune/);
    saveTuning(one());
    expect((await run('doctor')).stdout).toMatch(/tuning of kernels +1 choices in .*mine\.json/);
    const { adapters } = JSON.parse((await run('doctor', '--json')).stdout);
    const mine = adapters.find((a: { identity: object }) => JSON.stringify(a.identity) === JSON.stringify(here()));
    expect(mine.tuning).toEqual({ path: join(folder, 'mine.json'), choices: 1, ignored: null });
  });
});
