import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

// `npm run fuzz` runs the whole campaign. It runs in a child process, so that an endless input does not block the
// tests.
test('each of 2,000 damaged files gives a valid value or an error that names the file, within a second and 256 MB', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['scripts/fuzz.mjs', '--inputs', '2000', '--seed', '11'],
    {
      encoding: 'utf8',
    },
  );
  const [total = ''] = stdout.trim().split('\n').slice(-1);
  expect({ total, status, stderr }, stdout).toEqual({
    total: '2000 inputs, 20 targets, 0 faults',
    status: 0,
    stderr: '',
  });
});

test('it finds a parser that throws an untyped error, gives an invalid value, names no file, takes too much or never ends', () => {
  const args = ['scripts/fuzz.mjs', '--inputs', '7', '--only', 'faulty', '--patience', '3'];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status).toBe(1);
  const faults = stdout.split('\n').filter((line) => /--seed 1 --input/.test(line));
  const told = faults.map((line) => line.replace(/\(.*|\d+(\.\d+)? (MB|s )/, '…')).sort();
  // On a busy machine, getting that much memory also takes long.
  expect(told.filter((line) => !/^takes much.*processor time/.test(line))).toMatchObject([
    expect.stringMatching(/^faulty, .* --input 5 .*: it has no end$/),
    expect.stringMatching(/^gives nonsense, .* --input 1 .*: the value is unsound: three eyes$/),
    expect.stringMatching(/^names no file, .*: an error that does not name the file: it is damaged$/),
    expect.stringMatching(/^takes long, .*: it took …of processor time$/),
    expect.stringMatching(/^takes much, .*: it took …$/),
    expect.stringMatching(/^throws, .*--input 0 .*: an untyped error: TypeError: a bare error/),
    expect.stringMatching(/^throws, .*--input 6 .*: an untyped error/),
  ]);
});
