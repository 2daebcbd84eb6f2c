import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { type Command, runCommand } from '../src/cli/command.js';
import { progress } from '../src/cli/progress.js';
import { complain, logger, say, sayJson, sayLayout } from '../src/cli/terminal.js';
import { printable } from '../src/data/printable.js';
import { UsageError } from '../src/gpu/errors.js';

afterEach(() => vi.restoreAllMocks());

/** Collects what is written to stderr from now on. */
function caught(): string[] {
  const err: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0);
  return err;
}

/** Returns what the body prints, by stream. */
function printed(body: () => void): { out: string; err: string } {
  const out: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void out.push(`${line}\n`));
  const err = caught();
  body();
  return { out: out.join(''), err: err.join('') };
}

test.each([
  ['\x1b[2Ja\x1b]0;title\x07', '\\u001b[2Ja\\u001b]0;title\\u0007'],
  ['a\r\nb\tc\0d\x7fe', 'a\\r\\nb\\tc\\u0000d\\u007fe'],
  ['\x9b2J\x85', '\\u009b2J\\u0085'],
  ['abc\u202egnp.exe\u2066\u200f\u061c\u2028', 'abc\\u202egnp.exe\\u2066\\u200f\\u061c\\u2028'],
  ['Zoë_日本_👩‍🎤_עברית.png', 'Zoë_日本_👩‍🎤_עברית.png'],
  ['line 3: what\n  x = 1 $\n      ^', 'line 3: what\n  x = 1 $\n      ^'],
  ['a\npose-gan: done', 'a\\npose-gan: done'],
])('%j is shown as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('all output to the terminal escapes foreign text and keeps the lines of the layout', () => {
  expect(printed(() => say('a\nb', 'c\x1bd'))).toEqual({ out: 'a\\nb\nc\\u001bd\n', err: '' });
  expect(printed(() => sayLayout('a\n\nb\x9b\n')).out).toBe('a\n\nb\\u009b\n');
  expect(printed(() => complain('a\x07', 'b')).err).toBe('a\\u0007\nb\n');
  expect(printed(() => logger(true)('x')).err).toBe('x\n');
  expect(printed(() => logger(false)('x')).out).toBe('x\n');
  const value = { name: 'a\x1b\x9b\u202e\n', list: [1] };
  const { out } = printed(() => sayJson(value));
  expect(out).toBe('{\n  "name": "a\\u001b\\u009b\\u202e\\n",\n  "list": [\n    1\n  ]\n}\n');
  expect(JSON.parse(out)).toEqual(value);
});

test('an error of a command is one line, whatever its text', async () => {
  const command: Command = {
    ...{ name: 'fail', summary: '', usage: '', options: {}, help: {}, examples: [] },
    run: () => Promise.reject(new UsageError('no row for a\x1b[31m\nb')),
  };
  const err = caught();
  expect(await runCommand(command, [])).toBe(2);
  expect(err).toEqual(['pose-gan fail: no row for a\\u001b[31m\\nb\n']);
});

test('the progress bar keeps its own controls and escapes those of its note', () => {
  const text: string[] = [];
  let now = 0;
  const stream = { isTTY: true, columns: 200, write: (t: string) => void text.push(t) };
  const bar = progress('checking', 4, { stream, now: () => now });
  now = 3000;
  bar.update(2, 'a\x1b[2J\rb');
  bar.end();
  const [before, line, after, ...rest] = text.join('').split('\r\x1b[K');
  expect([before, after, rest]).toEqual(['', '', []]);
  expect(line).toMatch(/^checking [█░]+ 2\/4 .* a\\u001b\[2J\\rb$/u);
});

test('a count of seconds is shown in whole seconds, without a rate of seconds per second', () => {
  const text: string[] = [];
  let now = 0;
  const stream = { write: (t: string) => void text.push(t) };
  const bar = progress('training', 120, { unit: 's', rate: false, stream, now: () => now });
  now = 26_000;
  bar.update(16.235693377000004, 'iteration 73');
  bar.end();
  expect(text).toEqual(['training: 16/120 s  2 min 46 s left  iteration 73\n']);
});

test('a command that fails leaves no progress running, which would write lines long after its error', async () => {
  vi.useFakeTimers();
  try {
    const err = caught();
    const run = async () => {
      progress('checking');
      throw new UsageError('no row');
    };
    const command: Command = { name: 'fail', summary: '', usage: '', options: {}, help: {}, examples: [], run };
    expect(await runCommand(command, [])).toBe(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(err).toEqual(['pose-gan fail: no row\n']);
  } finally {
    vi.useRealTimers();
  }
});

test('commands write to the terminal only through terminal.ts', () => {
  const folder = new URL('../src/cli/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name !== 'terminal.ts');
  const writes = files.filter((name) =>
    /console\.|process\.(stdout|stderr)\.write/.test(readFileSync(new URL(name, folder), 'utf8')),
  );
  expect(writes).toEqual([]);
});
