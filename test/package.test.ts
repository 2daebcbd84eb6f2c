import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

/** Makes a checkout with these sources and without dist/. */
let checkout: string;

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'checkout-'));
  for (const copied of ['bin', 'scripts', 'package.json']) cpSync(copied, join(checkout, copied), { recursive: true });
  for (const linked of ['node_modules', 'src', 'shaders', 'skeletons', 'bench'])
    symlinkSync(resolve(linked), join(checkout, linked));
});
beforeEach(() => rmSync(join(checkout, 'dist'), { recursive: true, force: true }));
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

/** Returns the builds in the checkout, finished or not. */
const builds = () => readdirSync(checkout).filter((name) => /^\.?dist/.test(name));
const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: checkout, encoding: 'utf8' });

function oldBuild(): void {
  mkdirSync(join(checkout, 'dist'));
  writeFileSync(join(checkout, 'dist', 'old.js'), '');
}

describe('the command of the package', () => {
  test('is an executable file of the repository and of the package', () => {
    const { bin, files } = JSON.parse(readFileSync('package.json', 'utf8'));
    const path: string = bin['pose-gan'];
    expect(statSync(path).mode & 0o111).toBe(0o111);
    expect(files).toContain(path.split('/')[0]);
    expect(files).toContain('dist');
  });

  test('says what to run before the first build', () => {
    const { status, stderr, stdout } = node('bin/pose-gan.js', 'doctor');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      'pose-gan is not built in this checkout: run npm install, or npm run build if it is installed.\n',
    );
  });

  test('runs the build with its arguments and passes its exit code on', () => {
    symlinkSync(resolve('dist'), join(checkout, 'dist'));
    const help = node('bin/pose-gan.js', '--help');
    expect(help.status).toBe(0);
    expect(help.stdout).toMatch(/^pose-gan COMMAND/);
    expect(node('bin/pose-gan.js', 'nonsense').status).toBe(2);
  });
});

describe('a build', () => {
  test('is not made by npx: the script with which npm prepares a linked checkout does nothing then', () => {
    const env = { ...process.env, npm_command: 'exec' };
    const { status } = spawnSync(process.execPath, ['scripts/prepare.mjs'], { cwd: checkout, env });
    expect(status).toBe(0);
    expect(builds()).toEqual([]);
  });

  test('that is interrupted leaves the previous one', async () => {
    oldBuild();
    const child = spawn(process.execPath, ['scripts/build.mjs'], { cwd: checkout, stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (builds().length < 2 && child.exitCode === null) await new Promise((r) => setTimeout(r, 5));
    child.kill('SIGINT');
    const [code] = await ended;
    expect(code).toBe(1);
    expect(builds()).toEqual(['dist']);
    expect(readdirSync(join(checkout, 'dist'))).toEqual(['old.js']);
  });

  test('that fails leaves the previous one', () => {
    oldBuild();
    rmSync(join(checkout, 'src'));
    const { status, stderr } = node('scripts/build.mjs');
    symlinkSync(resolve('src'), join(checkout, 'src'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/src\/index\.ts/);
    expect(readdirSync(join(checkout, 'dist'))).toEqual(['old.js']);
  });

  test('replaces the previous one completely', async () => {
    oldBuild();
    const both = [0, 1].map(() => spawn(process.execPath, ['scripts/build.mjs'], { cwd: checkout, stdio: 'inherit' }));
    const codes = await Promise.all(both.map(async (child) => (await once(child, 'exit'))[0]));
    expect(codes).toEqual([0, 0]);
    expect(builds()).toEqual(['dist']);
    expect(existsSync(join(checkout, 'dist', 'old.js'))).toBe(false);
    for (const entry of [
      'index',
      'node',
      'browser',
      'model',
      'cli',
      'bench',
      'decode-worker',
      'score-worker',
      'isa-worker',
    ])
      expect(existsSync(join(checkout, 'dist', `${entry}.js`))).toBe(true);
    expect(node('bin/pose-gan.js', '--help').status).toBe(0);
  });
});
