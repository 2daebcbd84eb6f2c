import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { duration, progress } from '../src/cli/progress.js';
import { writeFileAtomic } from '../src/node/files.js';

const root = mkdtempSync(join(tmpdir(), 'pose-gan-commands-'));
afterAll(() => rmSync(root, { recursive: true }));

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli.js', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('synth, pairs and flip work together, and report what they did', () => {
  const data = join(root, 'data');
  const drawn = cli(
    'synth',
    '--out',
    data,
    '--train-identities',
    '2',
    '--test-identities',
    '1',
    '--images-per-identity',
    '3',
    '--size',
    '32x16',
    '--json',
  );
  expect(drawn.stderr).toBe('');
  expect(JSON.parse(drawn.stdout)).toMatchObject({ train: { images: 6 }, test: { images: 3 }, height: 32, width: 16 });
  expect(readdirSync(data).sort()).toEqual([
    'synth-annotation-test.csv',
    'synth-annotation-train.csv',
    'synth-dataset',
    'synth-pairs-test.csv',
    'synth-pairs-train.csv',
  ]);
  const out = join(data, 'pairs.csv');
  const table = join(data, 'synth-annotation-train.csv');
  const made = cli('pairs', '--annotations', table, '--out', out);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  expect(made.stdout).toMatch(
    /6 rows → \d valid images\n2 identities → \d+ pairs\nimages per identity: at least \d.*0001 \(\d\)/,
  );
  expect(readFileSync(out, 'utf8')).toBe(readFileSync(join(data, 'synth-pairs-train.csv'), 'utf8'));
  const wrong = JSON.parse(
    cli('pairs', '--annotations', table, '--out', out, '--identity', '^.{19}', '--json').stdout || '{}',
  );
  expect(wrong).toEqual({});
  const sampled = JSON.parse(
    cli('pairs', '--annotations', table, '--out', out, '--sample', '2', '--seed', '4', '--json').stdout,
  );
  expect(sampled).toMatchObject({ identities: 2, written: 2, skipped: [] });
  const flipped = cli('flip', '--data', data, '--name', 'synth');
  expect(flipped.stdout).toMatch(/synth train: added 6 mirrored images and \d+ pairs/);
  expect(cli('flip', '--data', data, '--name', 'synth')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('already'),
  });
});

test.each([
  [['pairs'], /--annotations is needed/],
  [['pairs', '--annotations', 'nowhere.csv', '--out', 'x'], /cannot read the annotation table nowhere\.csv: ENOENT/],
  [['pairs', '--annotations', 'package.json', '--out', 'x'], /package\.json, row 1: the header must be/],
  [
    ['pairs', '--annotations', 'a', '--out', 'b', '--sample', '0'],
    /--sample must be a whole number of at least 1, got "0"/,
  ],
  [['pairs', '--annotations', 'a', '--out', 'b', '--skeleton', 'README.md'], /the skeleton README\.md is not JSON/],
  [['synth', '--out', 'x', '--size', '128'], /--size must be HEIGHTxWIDTH.*got "128"/],
  [['synth', 'x'], /the command does not take "x"/],
  [['train', '--resume', 'runs/a'], /--resume has no value; name the folder to continue by --out runs\/a/],
  [['synth', '--out', 'x', '--identities', '3'], /--identities.*See pose-gan synth --help/],
  [['flip', '--data', 'nowhere', '--name', 'x'], /cannot read the annotation table nowhere.x-annotation-train\.csv/],
  [['flip', '--data', 'x', '--name', 'x', '--split', 'dev'], /--split must be train or test, got "dev"/],
])('pose-gan %j is wrong usage', (args, message) => {
  const { status, stderr, stdout } = cli(...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect([status, stdout]).toEqual([2, '']);
});

test.each(['pairs', 'synth', 'flip'])('%s explains itself', (name) => {
  const { status, stdout } = cli(name, '--help');
  expect(status).toBe(0);
  expect(stdout).toMatch(new RegExp(`^pose-gan ${name} `));
  expect(stdout).toMatch(/Examples:\n {2}pose-gan/);
  for (const line of stdout.split('\n').filter((l) => l.startsWith('  -'))) expect(line).toMatch(/^ {2}-.*\S {2,}\S/);
});

test('files are written completely or not at all, and no temporary file stays behind', () => {
  const path = join(root, 'new', 'folder', 'file.txt');
  writeFileAtomic(path, 'first');
  writeFileAtomic(path, Uint8Array.of(104, 105));
  expect(readFileSync(path, 'utf8')).toBe('hi');
  expect(readdirSync(join(root, 'new', 'folder'))).toEqual(['file.txt']);
  const folder = join(root, 'taken');
  writeFileAtomic(join(folder, 'inside'), '');
  expect(() => writeFileAtomic(folder, 'x')).toThrow();
  expect(readdirSync(root).filter((f) => f.endsWith('.tmp'))).toEqual([]);
  writeFileSync(path, 'x');
  expect(existsSync(path)).toBe(true);
});

test('progress is a bar on a terminal after two seconds, and an occasional line elsewhere', () => {
  let time = 0;
  const written: string[] = [];
  const stream = { isTTY: true, columns: 100, write: (text: string) => written.push(text) };
  const bar = progress('working', 200, { unit: 'images', stream, now: () => time });
  time = 1000;
  bar.update(50);
  expect(written).toEqual([]);
  time = 2500;
  bar.update(100, 'loss 1.25');
  expect(written.join('')).toMatch(/working █{12}░{12} 100\/200 {2}40 images\/s {2}3 s left {2}loss 1\.25/);
  time = 2550;
  bar.update(102);
  expect(written).toHaveLength(1);
  bar.end();
  expect(written).toHaveLength(2);
  const log: string[] = [];
  const quiet = progress('working', 10, { stream: { write: (text) => log.push(text) }, now: () => time });
  time += 20_000;
  quiet.update(2);
  expect(log).toEqual([]);
  time += 20_000;
  quiet.update(5);
  quiet.end();
  expect(log).toEqual(['working: 5/10  0.13/s  40 s left\n']);
  expect([duration(3725), duration(200), duration(12.4)]).toEqual(['1 h 02 min', '3 min 20 s', '12 s']);
});
