import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
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
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { progress, type Timer } from '../src/cli/progress.js';
import { lock } from '../src/node/lock.js';
import { processStart } from '../src/node/processes.js';
import { removeLeftovers } from '../src/node/temporary.js';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'cli-faults-'));
const at = (...names: string[]) => join(folder, ...names);
const cli = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 60_000 });
  // Dawn's own warnings are not ours.
  return { status, stdout, stderr: stderr.replaceAll(/^Warning: .*\n/gm, '') };
};
const SMALL = ['--size', 'small', '--width', '0.0625', '--ablation', 'dsc', '--batch', '1'];
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
  ])('%j', (args, line) => {
    const { status, stdout, stderr } = cli(...args);
    expect(stderr).toMatch(line);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('output to a full disk fails, output to a reader that went away does not', () => {
    const full = spawnSync('sh', ['-c', '"$0" "$1" --help > /dev/full', process.execPath, CLI], { encoding: 'utf8' });
    expect(full.stderr).toMatch(/^pose-gan --help: cannot write to standard output: ENOSPC, the disk is full\. .*\n$/);
    expect(full.status).toBe(1);
    const closed = '"$0" "$1" bench --list --json 2>err | head -c 1; cat err';
    expect(execFileSync('sh', ['-c', closed, process.execPath, CLI], { encoding: 'utf8', cwd: folder })).toBe('[');
  });

  test('devices are written to, not replaced', () => {
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
  /** Begins a run, and resolves when its log has so many lines. */
  async function begin(name: string, lines: number): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
    const args = [CLI, 'train', ...DATA, '--out', at(name), ...SMALL, ...EVERY, '--iterations', '100000'];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
    const log = at(name, 'log.jsonl');
    while (!existsSync(log) || readFileSync(log, 'utf8').split('\n').length <= lines)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return { child, ended };
  }

  test('is alone in its folder, saves at SIGHUP with 129, and after a kill goes on as if nothing had been', async () => {
    const first = await begin('a', 3);
    const second = cli('train', ...DATA, '--out', at('a'), ...SMALL, '--resume');
    expect(second.stderr).toMatch(
      new RegExp(
        `^pose-gan train: a run in .*a is under way: process ${first.child.pid} on ${hostname()}, since 20.*end it.*\n$`,
      ),
    );
    expect(second.status).toBe(2);
    first.child.kill('SIGHUP');
    expect(await first.ended).toBe(129);
    expect(existsSync(at('a', 'run.lock'))).toBe(false);

    const killed = await begin('b', 3);
    killed.child.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    expect(existsSync(at('b', 'run.lock'))).toBe(true);
    // What two more killed writers may have left: of an id that no process has, and of one that this process has.
    writeFileSync(at('b', '.pose-gan-4194305-0123456789abcdef.tmp'), '');
    writeFileSync(at('b', `.pose-gan-${process.pid}-0123456789abcdef.tmp`), '');
    const steps = [at('a'), at('b')].map((f) => readFileSync(join(f, 'log.jsonl'), 'utf8').trim().split('\n').length);
    const iterations = String(Math.max(...steps) + 3);
    for (const name of ['a', 'b'])
      expect(cli('train', '--out', at(name), '--resume', '--iterations', iterations).status).toBe(0);
    expect(existsSync(at('b', `.pose-gan-${process.pid}-0123456789abcdef.tmp`))).toBe(true);
    rmSync(at('b', `.pose-gan-${process.pid}-0123456789abcdef.tmp`));
    const whole = cli('train', ...DATA, '--out', at('c'), ...SMALL, ...EVERY, '--iterations', iterations);
    expect(whole.status).toBe(0);
    const left = (name: string) =>
      readdirSync(at(name), { recursive: true, encoding: 'utf8' })
        .filter((f) => f.includes('.'))
        .sort()
        .map((f) => [f, readFileSync(at(name, f), 'latin1').replaceAll(/"seconds":[^,]*,/g, '')]);
    expect(left('a')).toEqual(left('c'));
    expect(left('b')).toEqual(left('c'));
  });
});

test('a stale lock is taken over: of an ended process, of a later one with its id; a silent host is waited for', () => {
  const path = at('x.lock');
  const holder = { id: 'abc', host: hostname(), pid: process.pid, process: 'earlier', since: 'then' };
  for (const stale of [holder, { ...holder, pid: 4194305 }]) {
    writeFileSync(path, JSON.stringify(stale));
    const held = lock(path, 'work');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ host: hostname(), pid: process.pid });
    expect(() => lock(path, 'work')).toThrow(`work is under way: process ${process.pid} on ${hostname()}`);
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

test('where there is no terminal, a line comes at least every 30 s, with news or without', () => {
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
