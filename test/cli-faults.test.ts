import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { progress, type Timer } from '../src/cli/progress.js';
import { interruption } from '../src/cli/signals.js';
import { lock } from '../src/node/lock.js';
import { processStart } from '../src/node/processes.js';
import { removeLeftovers } from '../src/node/temporary.js';
import { shareDevice } from './gpu.js';
import { run } from './untrained.js';

shareDevice();

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'cli-faults-'));
const at = (...names: string[]) => join(folder, ...names);
const cli = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 60_000 });
  // Warnings of Dawn do not come from this package.
  return { status, stdout, stderr: stderr.replaceAll(/^Warning: .*\n/gm, '') };
};
// Three channels take plainer kernels than four.
const SMALL = ['--size', 'small', '--width', '0.047', '--ablation', 'dsc', '--batch', '1'];
const EVERY = ['--sample-every', '3', '--save-every', '2'];
const DATA = ['--data', at('data'), '--name', 'synth'];

beforeAll(() => {
  const counts = ['--train-identities', '2', '--test-identities', '1', '--images-per-identity', '4'];
  expect(cli('synth', '--out', at('data'), '--size', '64x32', ...counts).status).toBe(0);
  writeFileSync(at('file'), 'x');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('an error of the operating system is one line with the path and what to do', () => {
  test.each([
    [
      ['synth', '--out', '/proc/x'],
      /^pose-gan synth: cannot write to --out \/proc\/x: ENOENT, .*\. Name another path\.\n$/,
    ],
    [['synth', '--out', at('file')], /^pose-gan synth: --out .*file is a file; name a folder to write to\n$/],
    [
      ['synth', '--out', at('file', 'x')],
      /^pose-gan synth: cannot write to --out .*: ENOTDIR, part of the path is a file.*\n$/,
    ],
    [
      ['synth', '--out', at('n'.repeat(300))],
      /^pose-gan synth: cannot write to .*: ENAMETOOLONG, .* Name a shorter path\.\n$/,
    ],
    [
      ['pairs', '--annotations', at('data', 'synth-annotation-test.csv'), '--out', folder],
      /^pose-gan pairs: --out .* is a folder; name a file to write\n$/,
    ],
    [
      ['pairs', '--annotations', folder, '--out', at('p.csv')],
      /^pose-gan pairs: cannot read the annotation table .*: EISDIR, it is a folder\. Name a file\.\n$/,
    ],
    [['train', ...DATA, '--out', '/proc/x'], /^pose-gan train: cannot write to --out \/proc\/x: ENOENT, /],
  ])('%j is an error of one line', (args, line) => {
    const { status, stdout, stderr } = cli(...args);
    expect(stderr).toMatch(line);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('output to a full disk fails, but output to a reader that has gone does not', () => {
    const full = spawnSync('sh', ['-c', '"$0" "$1" --help > /dev/full', process.execPath, CLI], { encoding: 'utf8' });
    expect(full.stderr).toMatch(/^pose-gan --help: cannot write to standard output: ENOSPC, the disk is full\. .*\n$/);
    expect(full.status).toBe(1);
    const closed = '"$0" "$1" bench --list --json 2>err | head -c 1; cat err';
    expect(execFileSync('sh', ['-c', closed, process.execPath, CLI], { encoding: 'utf8', cwd: folder })).toBe('[');
  });

  test('device files are written to, not replaced', () => {
    const args = ['pairs', '--annotations', at('data', 'synth-annotation-train.csv'), '--out'];
    expect(cli(...args, '/dev/null').status).toBe(0);
    expect(cli(...args, '/dev/full')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/cannot write \/dev\/full: ENOSPC/),
    });
    for (const device of ['/dev/null', '/dev/full'])
      expect(execFileSync('stat', ['-c', '%F', device], { encoding: 'utf8' })).toBe('character special file\n');
  });
});

describe('a run', () => {
  const rowsIn = (name: string) =>
    existsSync(at(name, 'log.jsonl')) ? readFileSync(at(name, 'log.jsonl'), 'utf8') : '';
  const rows = (name: string) => rowsIn(name).split('\n').length - 1;

  /** Starts a run, and resolves when it has added so many lines to its log. */
  async function begin(name: string, lines: number, ...args: string[]) {
    const all = [CLI, 'train', '--out', at(name), ...args, '--iterations', '100000'];
    const before = rows(name);
    const child = spawn(process.execPath, all, { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
    while (rows(name) < before + lines) await new Promise((resolve) => setTimeout(resolve, 20));
    return { child, ended };
  }

  test('has its folder to itself, saves at SIGHUP and exits with 129, and resumes exactly after a kill', async () => {
    const first = await begin('a', 3, ...DATA, ...SMALL, ...EVERY);
    const second = cli('train', ...DATA, '--out', at('a'), ...SMALL, '--resume');
    expect(second.stderr).toMatch(
      new RegExp(
        `^pose-gan train: a run in .*a is in progress: process ${first.child.pid} on ${hostname()}, since 20.*end it.*\\n$`,
      ),
    );
    expect(second.status).toBe(2);
    first.child.kill('SIGHUP');
    expect(await first.ended).toBe(129);
    expect(existsSync(at('a', 'run.lock'))).toBe(false);

    const killed = await begin('a', 3, '--resume');
    killed.child.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    expect(existsSync(at('a', 'run.lock'))).toBe(true);
    // These are files that two more killed writers may have left: one whose process id is free, and one that has the id
    // of this process.
    const alive = at('a', `.pose-gan-${process.pid}-0123456789abcdef.tmp`);
    writeFileSync(at('a', '.pose-gan-4194305-0123456789abcdef.tmp'), '');
    writeFileSync(alive, '');
    const iterations = String(rows('a') + 3);
    expect(cli('train', '--out', at('a'), '--resume', '--iterations', iterations).status).toBe(0);
    expect(existsSync(alive)).toBe(true);
    rmSync(alive);
    // This run is the only one in this process.
    const whole = await run('train', ...DATA, '--out', at('b'), ...SMALL, ...EVERY, '--iterations', iterations);
    expect(whole.code).toBe(0);
    const left = (name: string) =>
      readdirSync(at(name), { recursive: true, encoding: 'utf8' })
        .filter((f) => f.includes('.'))
        .sort()
        .map((f) => [f, readFileSync(at(name, f), 'latin1').replaceAll(/"seconds":[^,]*,/g, '')]);
    expect(left('a')).toEqual(left('b'));
  });

  test('a second run asks for the lock before it reads files that are being replaced', () => {
    mkdirSync(at('held'));
    writeFileSync(at('held', 'checkpoint-00000004.safetensors'), 'cut short');
    const held = lock(at('held', 'run.lock'), 'work');
    expect(cli('train', '--out', at('held'), '--resume').stderr).toContain(`is in progress: process ${process.pid} on`);
    held.release();
  });
});

test.each([
  ['SIGHUP', 'SIGHUP', 129],
  ['SIGINT', 'SIGINT', 130],
  ['SIGINT', 'SIGTERM', 143],
] as const)('%s asks a run to end, and a following %s ends the process at once with %i', (one, two, code) => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((c) => {
    throw new Error(`ended with ${c}`);
  });
  const told: string[] = [];
  const listeners = process.listenerCount(one);
  const { signal, code: codeOf, release } = interruption((...lines) => void told.push(...lines));
  expect([signal.aborted, codeOf()]).toEqual([false, undefined]);
  process.emit(one, one);
  expect([signal.aborted, codeOf()]).toEqual([true, one === 'SIGHUP' ? 129 : 130]);
  expect(() => process.emit(two, two)).toThrow(`ended with ${code}`);
  expect(told).toHaveLength(1);
  release();
  expect(process.listenerCount(one)).toBe(listeners);
  exit.mockRestore();
});

test.each(['throw new Error("stray")', 'Promise.reject(new Error("stray"))'])(
  '%s, which nobody waits for, is one line, and a stack with --debug',
  (stray) => {
    const ready = 'process.listenerCount("uncaughtException")';
    const code = `const t = setInterval(() => { if (${ready}) { clearInterval(t); ${stray}; } }, 1)`;
    const preload = ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [...preload, CLI, 'bench', '--list', ...args], { encoding: 'utf8' });
    const line = /^pose-gan bench: internal error: Error: stray\..*/;
    const short = run();
    expect(short.stderr).toMatch(/^pose-gan bench: internal error: Error: stray\. Run again with --debug .*\n$/);
    const long = run('--debug');
    expect(long.stderr.split('\n')[0]).toMatch(line);
    expect(long.stderr).toMatch(/\nError: stray\n {4}at /);
    expect([short.status, long.status]).toEqual([1, 1]);
  },
);

test('the lock of an ended process is taken over, even if its id is in use again; that of another host only after a while', () => {
  const path = at('x.lock');
  const holder = { id: 'abc', host: hostname(), pid: process.pid, process: 'earlier', since: 'then' };
  for (const stale of [holder, { ...holder, pid: 4194305 }]) {
    writeFileSync(path, JSON.stringify(stale));
    const held = lock(path, 'work');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ host: hostname(), pid: process.pid });
    expect(() => lock(path, 'work')).toThrow(`work is in progress: process ${process.pid} on ${hostname()}`);
    held.check();
    held.release();
    expect(existsSync(path)).toBe(false);
    expect(held.check).toThrow(/was removed/);
  }
  writeFileSync(path, JSON.stringify({ ...holder, host: 'elsewhere' }));
  expect(() => lock(path, 'work')).toThrow(/on elsewhere, since then\..*remove .*x\.lock/);
  const old = Date.now() / 1000 - 660;
  utimesSync(path, old, old);
  lock(path, 'work').release();
  expect(readdirSync(folder).filter((f) => f.includes('lock') || f.endsWith('tmp'))).toEqual([]);
});

test('temporary files of ended writers are removed, those of living ones and of others stay', () => {
  const place = at('left');
  mkdirSync(place);
  const start = processStart(process.ppid);
  const stay = ['notes.12-3.tmp', `.pose-gan-${process.ppid}-00112233445566aa.tmp`];
  const reused = `.pose-gan-${process.ppid}-ffffffffffffffff.tmp`;
  const go = ['.pose-gan-4194305-00112233445566aa.tmp', 'checkpoint-00000002.safetensors.4194305-0.tmp', reused];
  for (const name of [...stay, ...go]) writeFileSync(join(place, name), '');
  const before = (start as { at: number }).at / 1000 - 60;
  utimesSync(join(place, reused), before, before);
  removeLeftovers(place);
  expect(readdirSync(place).sort()).toEqual([...stay].sort());
});

test('without a terminal, a line is printed at least every 30 s, even without news', () => {
  const lines: string[] = [];
  let now = 0;
  let due: { tick: () => void; at: number } | undefined;
  const timer: Timer = (tick, ms) => {
    due = { tick, at: now + ms };
    return () => {
      due = undefined;
    };
  };
  const pass = (ms: number) => {
    const end = now + ms;
    while (due && due.at <= end) {
      now = due.at;
      due.tick();
    }
    now = end;
  };
  const options = { unit: 'images', from: 100, stream: { write: (t: string) => lines.push(t) }, now: () => now, timer };
  const bar = progress('drawing', 400, options);
  bar.update(101);
  expect(lines).toEqual([]);
  pass(30_000);
  expect(lines).toEqual(['drawing: 101/400  0.040 images/s  2 h 04 min left\n']);
  now = 50_000;
  bar.update(200, 'a note');
  expect(lines[1]).toBe('drawing: 200/400  2.0 images/s  1 min 40 s left  a note\n');
  bar.end();
  pass(1e6);
  expect(lines).toHaveLength(2);
});
