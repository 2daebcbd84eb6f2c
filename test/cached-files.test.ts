import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AdapterError } from '../src/gpu/errors.js';
import { type CachedFiles, cacheFiles } from '../src/node/cached-files.js';
import { ARCHIVES, VERSION } from '../src/node/chromium-hashes.js';
import { packageProblem, unpacked } from '../src/node/chromium-package.js';
import { cacheFolder, dataFolder } from '../src/node/folders.js';

/** The environment variables that decide where files are kept, with their values outside of tests. */
const VARIABLES = ['HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME', 'TMPDIR'];
const before = VARIABLES.map((name) => process.env[name]);
let base: string;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'kept-')));
  process.env.XDG_CACHE_HOME = base;
  process.env.TMPDIR = base;
});

afterEach(() => {
  for (const [i, name] of VARIABLES.entries()) {
    if (before[i] === undefined) delete process.env[name];
    else process.env[name] = before[i];
  }
  rmSync(base, { recursive: true, force: true });
});

const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');
const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

const CONTENT: Readonly<Record<string, string>> = { 'lib.so': 'machine code', 'lib/other.so': 'more of it' };
let serial = 0;

/**
 * Two files, and the names that the package was asked for so far. The name is new each time, because temporary folders
 * are remembered by name.
 */
function twoFiles(content = CONTENT): CachedFiles & { asked: string[][]; slot: string } {
  const name = `two-${serial++}`;
  const asked: string[][] = [];
  return {
    name,
    asked,
    slot: join(base, 'webgpu-pose-gan', name),
    hashes: Object.fromEntries(Object.entries(CONTENT).map(([file, text]) => [file, sha256(text)])),
    unpack: (names) => {
      asked.push([...names]);
      return new Map(Object.entries(content).map(([file, text]) => [file, Buffer.from(text)]));
    },
  };
}

const held = (folder: string) =>
  Object.fromEntries(Object.keys(CONTENT).map((file) => [file, readFileSync(join(folder, file), 'utf8')]));

/** Expects the files in a temporary folder that only this user can access, and a note that says why. */
function expectElsewhere(files: CachedFiles & { slot: string }, why: RegExp, user?: number): void {
  const { folder, note } = cacheFiles(files, user);
  expect(note).toMatch(why);
  expect(dirname(folder)).toBe(realpathSync(tmpdir()));
  expect(modeOf(folder)).toBe('700');
  expect(held(folder)).toEqual(CONTENT);
}

describe('files that are loaded as machine code', () => {
  test('are unpacked once into a folder of mode 0700, and are found there', () => {
    const files = twoFiles();
    expect(cacheFiles(files)).toEqual({ folder: files.slot });
    expect(modeOf(files.slot)).toBe('700');
    expect(held(files.slot)).toEqual(CONTENT);
    expect(readdirSync(files.slot).sort(), 'no temporary file stays').toEqual(['lib', 'lib.so']);
    expect(cacheFiles(files)).toEqual({ folder: files.slot });
    expect(files.asked).toEqual([['lib.so', 'lib/other.so']]);
  });

  const damages: Readonly<Record<string, (path: string) => void>> = {
    'another byte': (path) => writeFileSync(path, 'machine c0de'),
    'a truncated file': (path) => truncateSync(path, 7),
    'an empty file': (path) => truncateSync(path, 0),
    'an absent file': (path) => rmSync(path),
    'a symbolic link to the right bytes': (path) => {
      writeFileSync(`${base}/right`, CONTENT['lib.so'] as string);
      rmSync(path);
      symlinkSync(`${base}/right`, path);
    },
    'a file that others can write': (path) => chmodSync(path, 0o777),
  };
  for (const [name, damage] of Object.entries(damages))
    test(`only ${name} is unpacked again`, () => {
      const files = twoFiles();
      cacheFiles(files);
      damage(join(files.slot, 'lib.so'));
      expect(cacheFiles(files)).toEqual({ folder: files.slot });
      expect(held(files.slot)).toEqual(CONTENT);
      expect(lstatSync(join(files.slot, 'lib.so')).isFile()).toBe(true);
      expect(modeOf(join(files.slot, 'lib.so'))).toBe('700');
      expect(files.asked.slice(1)).toEqual([['lib.so']]);
    });

  test('a folder of another mode is not used', () => {
    for (const mode of [0o777, 0o755, 0o750]) {
      const files = twoFiles();
      cacheFiles(files);
      chmodSync(files.slot, mode);
      expectElsewhere(files, new RegExp(`${files.name} cannot be used.*has the mode 0${mode.toString(8)}; remove it`));
    }
  });

  test('a folder that is a symbolic link is not used', () => {
    const files = twoFiles();
    mkdirSync(join(base, 'aim'), { mode: 0o700 });
    mkdirSync(dirname(files.slot));
    symlinkSync(join(base, 'aim'), files.slot);
    expectElsewhere(files, /is not a folder; remove it/);
    expect(readdirSync(join(base, 'aim'))).toEqual([]);
  });

  test('a folder below one that others can write is not used, unless each user can rename only their own files there', () => {
    const files = twoFiles();
    const above = join(base, 'above');
    process.env.XDG_CACHE_HOME = above;
    mkdirSync(above);
    chmodSync(above, 0o777);
    expectElsewhere(files, new RegExp(`other users can write ${above}$`));
    chmodSync(above, 0o1777);
    expect(cacheFiles(files)).toEqual({ folder: join(above, 'webgpu-pose-gan', files.name) });
    // Nor is a temporary folder made where another user could replace it.
    chmodSync(above, 0o777);
    process.env.TMPDIR = above;
    expect(() => cacheFiles(twoFiles())).toThrow(AdapterError);
    expect(() => cacheFiles(twoFiles())).toThrow(
      new RegExp(
        `other users can write ${above}\\. A temporary folder cannot be used either: other users can write ${above}$`,
      ),
    );
  });

  test('a folder of another user is not used', () => {
    const files = twoFiles();
    cacheFiles(files);
    // For a process with another user id, the folder of the current user belongs to someone else.
    const other = (process.getuid?.() ?? 0) + 4321;
    expectElsewhere(files, /cannot be used.*(belongs to user|a folder of user) \d+/, other);
  });

  test('without a home folder, or with one that cannot be created, they are in a temporary folder', () => {
    const files = twoFiles();
    writeFileSync(join(base, 'file'), '');
    process.env.XDG_CACHE_HOME = join(base, 'file');
    expectElsewhere(files, /file.*cannot be used: (ENOTDIR|EEXIST)/);
    delete process.env.XDG_CACHE_HOME;
    process.env.HOME = '';
    expect(cacheFolder()).toBeUndefined();
    expectElsewhere(twoFiles(), /no home folder; set XDG_CACHE_HOME/);
  });

  test('a package whose own files are damaged is named, and nothing of it is stored', () => {
    const files = twoFiles({ ...CONTENT, 'lib.so': 'not the code' });
    expect(() => cacheFiles(files)).toThrow(AdapterError);
    expect(() => cacheFiles(files)).toThrow(/lib\.so is damaged in the package.*reinstall/);
    expect(readdirSync(files.slot)).toEqual([]);
    expect(() => cacheFiles(twoFiles({ 'lib.so': 'machine code' }))).toThrow(
      /lib\/other\.so is missing in the package/,
    );
  });
});

test('relative paths in the variables are ignored, as the XDG specification demands', () => {
  process.env.HOME = base;
  process.env.XDG_CACHE_HOME = 'cache';
  process.env.XDG_DATA_HOME = 'data';
  expect(cacheFolder()).toBe(join(base, '.cache', 'webgpu-pose-gan'));
  expect(dataFolder()?.startsWith(base)).toBe(true);
});

describe('@sparticuz/chromium', () => {
  test('is installed in the version that package.json asks for, whose hashes are recorded', () => {
    expect(JSON.parse(readFileSync('package.json', 'utf8')).optionalDependencies['@sparticuz/chromium']).toBe(VERSION);
    expect(packageProblem()).toBeUndefined();
  });

  test('its adapter is unpacked, and every file has the recorded hash', () => {
    const { folder, note } = unpacked('swiftshader', ['libvulkan.so.1', 'libvk_swiftshader.so']);
    expect(note).toBeUndefined();
    expect(readdirSync(folder).sort()).toEqual(['libvk_swiftshader.so', 'libvulkan.so.1']);
    for (const file of readdirSync(folder))
      expect(sha256(readFileSync(join(folder, file)))).toBe(ARCHIVES['swiftshader.tar.br']?.[file]);
  });
});

/**
 * Returns what a process prints that opens the embedded adapter and computes with it: relu(−1, 2, −3) and the path of
 * the driver.
 */
const SCRIPT = `
  import { compile, input, open, relu } from '${process.cwd()}/dist/node.js';
  import { readFileSync } from 'node:fs';
  const engine = await open({ adapter: 'swiftshader', tuning: false });
  const plan = await compile(engine, { y: relu(input('x', [3])) });
  plan.run({ x: Float32Array.of(-1, 2, -3) });
  const y = [...(await plan.read('y'))];
  const [, driver] = /(\\/\\S*libvk_swiftshader\\.so)/.exec(readFileSync('/proc/self/maps', 'utf8'));
  console.log(JSON.stringify({ y, driver }));
  engine.device.destroy();
`;

async function compute(env: Record<string, string> = {}): Promise<{ y: number[]; driver: string }> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    env: { ...process.env, POSE_GAN_ADAPTER: '', ...env },
  });
  return JSON.parse(stdout);
}

describe('the embedded adapter in a process of its own', () => {
  const slot = () => join(base, 'webgpu-pose-gan', `swiftshader-${VERSION}`);

  test('two processes that start at once both unpack it and compute, and one that finds it truncated repairs it', async () => {
    const right = { y: [0, 2, 0], driver: join(slot(), 'libvk_swiftshader.so') };
    expect(await Promise.all([compute(), compute()])).toEqual([right, right]);
    truncateSync(right.driver, 2 ** 20);
    expect(await compute()).toEqual(right);
    expect(sha256(readFileSync(right.driver))).toBe(ARCHIVES['swiftshader.tar.br']?.['libvk_swiftshader.so']);
  });

  test('where no cache folder can be written, it is in a folder that is removed when the process ends', async () => {
    writeFileSync(join(base, 'file'), '');
    const { y, driver } = await compute({ XDG_CACHE_HOME: join(base, 'file') });
    expect(y).toEqual([0, 2, 0]);
    expect(dirname(dirname(driver))).toBe(base);
    expect(existsSync(driver)).toBe(false);
    expect(readdirSync(base)).toEqual(['file']);
  });
});
