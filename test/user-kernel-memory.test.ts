import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { speedOf } from '../src/bench/suite.js';
import { roofText } from '../src/bench/text.js';
import { checkKernel } from '../src/bench/user-check.js';
import { type KernelOptions, userKernel } from '../src/bench/user-kernel.js';
import { checkText, suspectText, timedText } from '../src/bench/user-text.js';
import { isSuspect, type TimedCase, type TimedRow, timeKernel } from '../src/bench/user-time.js';
import { Engine } from '../src/gpu/engine.js';
import { summarise } from '../src/gpu/measure.js';
import { rooms } from '../src/kernels/rooms.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

afterEach(() => void vi.restoreAllMocks());

const conv = readFileSync('shaders/conv2d/naive.wgsl', 'utf8');
const GRID = 'grid(y.rows * y.channels, 64)';
const STORE = 'y[p.y_offset + row * p.y_stride + o] = sum;';

interface Faulty {
  /** The code that replaces the store of y. */
  readonly store: string;
  /** The code before the sums are computed; `element` is where y is stored. */
  readonly begin?: string;
  readonly scratch?: string;
}

/** Returns the naive convolution of this package with a scratch buffer and another end. */
function faulty({ store, begin = '', scratch }: Faulty): KernelOptions {
  const declared = scratch ? '@group(0) @binding(5) var<storage, read_write> s: array<f32>;\n@compute' : '@compute';
  const code = conv
    .replace('@compute', declared)
    .replace('var sum = 0.0;', `let element = p.y_offset + row * p.y_stride + o;\n  ${begin}\n  var sum = 0.0;`)
    .replace(STORE, store);
  return { op: 'conv2d', scratch: scratch && `s = ${scratch}`, sources: [{ name: 'my.wgsl', code, workgroups: GRID }] };
}

const check = async (options: KernelOptions, allowNondeterminism = false) =>
  checkKernel(engine, await userKernel(engine, rooms, options), { cases: '2×5×3×3', allowNondeterminism });
const ALL = 'y.rows * y.channels';

describe('a kernel that depends on what memory held before is found', () => {
  test.each<[string, Faulty, { run: number; kind: string }, RegExp]>([
    [
      'it accumulates in scratch that it never zeroes',
      { scratch: ALL, store: 's[index] += sum; y[element] = s[index];' },
      { run: 1, kind: 'wrong' },
      /^the results are right only if the scratch s holds zeros at the start/,
    ],
    [
      'it accumulates in scratch and treats NaN as zero',
      {
        scratch: ALL,
        store: 'if (bitcast<u32>(s[index]) == 0x7fa0deadu) { s[index] = 0.0; } s[index] += sum; y[element] = s[index];',
      },
      { run: 3, kind: 'wrong' },
      /^the results are right only in the first run: the kernel reads the scratch s before it writes it\. Scratch holds/,
    ],
    [
      'it computes once, by a mark in scratch',
      { scratch: ALL, begin: 'if (s[index] == 1.0) { return; }', store: 's[index] = 1.0; y[element] = sum;' },
      { run: 3, kind: 'unwritten' },
      /reads the scratch s before it writes it, and computes nothing if it finds what an earlier run left/,
    ],
    [
      'it computes once, by a mark in scratch that starts at zero',
      {
        scratch: ALL,
        begin: 'if (bitcast<u32>(s[index]) != 0u) { return; }',
        store: 's[index] = 1.0; y[element] = sum;',
      },
      { run: 1, kind: 'unwritten' },
      /^the results are right only if the scratch s holds zeros at the start/,
    ],
    [
      'it computes only where its result is 0 or NaN',
      {
        begin: 'let old = bitcast<u32>(y[element]); if ((old & 0x7f800000u) != 0x7f800000u && old != 0u) { return; }',
        store: 'y[element] = sum;',
      },
      { run: 3, kind: 'unwritten' },
      /^the kernel reads its own result before it writes it, and computes nothing/,
    ],
    [
      'it writes only half of its result in the second run',
      {
        scratch: '1 + y.rows * y.channels',
        begin: 'if (s[index] == 1.0 && index % 2u == 0u) { return; }',
        store: 's[index] = 1.0; y[element] = sum;',
      },
      { run: 3, kind: 'unwritten' },
      /reads the scratch s before it writes it/,
    ],
    [
      'it adds to its result',
      { store: 'y[element] += sum;' },
      { run: 1, kind: 'wrong' },
      /^the results are right only if y holds zeros at the start: the kernel reads or adds to its own result/,
    ],
    [
      'it adds a small part of its earlier result',
      { store: 'let old = y[element]; y[element] = sum * (1.0 + select(0.0, 1e-6, abs(old) < 1e6));' },
      { run: 3, kind: 'changing' },
      /^the kernel reads its own result before it writes it\. A result/,
    ],
    [
      'it adds a small part of its scratch',
      {
        scratch: ALL,
        store: 'let old = s[index]; s[index] = 1.0; y[element] = sum * (1.0 + select(0.0, 1e-6, old == 1.0));',
      },
      { run: 3, kind: 'changing' },
      /^the results are right only in the first run: the kernel reads the scratch s/,
    ],
  ])('%s', async (_, kernel, failure, hint) => {
    const result = await check(faulty(kernel));
    expect(result.passed).toBe(false);
    expect(result.failures[0]).toMatchObject(failure);
    expect(result.looksLike).toEqual([expect.stringMatching(hint)]);
  });

  test('a kernel that clears the memory it uses is right', async () => {
    const result = await check(
      faulty({ scratch: ALL, store: 's[index] = 0.0; s[index] += sum; y[element] = s[index];' }),
    );
    expect(result).toMatchObject({ passed: true, deterministic: true });
  });

  test('runs that start alike and end differently are reported as a race', async () => {
    // This imitates a race: in the second run, other bits are in the scratch that decides the last digits.
    const write = vi.spyOn(engine, 'write');
    const fill = write.getMockImplementation() ?? Engine.prototype.write;
    let times = 0;
    write.mockImplementation(function (this: Engine, buffer, offset, data, outcomes) {
      if (buffer.label.includes('scratch s') && times++ % 2) (data as Uint32Array).fill(0x7fa0deae);
      return fill.call(engine, buffer, offset, data, outcomes);
    });
    const noisy = faulty({
      scratch: ALL,
      store: 'y[element] = sum * (1.0 + 1e-6 * f32(bitcast<u32>(s[index]) % 7u));',
    });
    const result = await check(noisy);
    expect(result.failures[0]).toMatchObject({ run: 2, kind: 'changing', differing: 150 });
    expect(result.looksLike).toEqual([
      expect.stringMatching(/^runs with the same memory give different results, so invocations race/),
    ]);
  });

  test('results with other bits fail unless that is allowed', async () => {
    const trace = faulty({
      scratch: ALL,
      store: 'let old = s[index]; s[index] = 1.0; y[element] = sum * (1.0 + select(0.0, 1e-6, old == 1.0));',
    });
    const text = checkText(await check(trace), 1e-7);
    expect(text).toMatch(/WRONG on 1 cases of 1[\s\S]*\(plain; right in the first run, not in the third\)/);
    expect(text).toMatch(
      /y\[n=0, i=0, j=0, o=0\], element 0 of 2×5×3×5: got -?[\d.]+, but -?[\d.]+ in the first run\n/,
    );
    expect(await check(trace, true)).toMatchObject({ passed: true, deterministic: false });
  });
});

describe('a timed kernel', () => {
  const copy = readFileSync('shaders/copy/scalar.wgsl', 'utf8');
  /** Returns the scalar copy of this package with a scratch buffer of counters, and a condition for copying. */
  const counting = async (condition: string) => {
    const code = copy
      .replace('@compute', '@group(0) @binding(9) var<storage, read_write> runs: array<u32>;\n@compute')
      .replace(/(y\[p\.[^;]*;)/, `runs[i] = select(runs[i] + 1u, 1u, runs[i] > 1000u); if (${condition}) { $1 }`);
    const sources = [{ name: 'my.wgsl', code }];
    return userKernel(engine, rooms, { op: 'copy', like: 'scalar', sources, scratch: 'runs = y.rows * y.channels' });
  };
  const time = async (condition: string, variants = ['scalar']) =>
    timeKernel(engine, await counting(condition), { filter: '4x16x8x512', samples: 1, variants });

  test('that stops computing after some runs is wrong', async () => {
    // Three runs are not enough to notice that.
    expect(await checkKernel(engine, await counting('runs[i] < 5u'))).toMatchObject({ passed: true });
    const { passed, cases } = await time('runs[i] < 5u');
    expect(passed).toBe(false);
    expect(cases[0]?.wrong).toMatchObject({ kind: 'wrong', when: 'again', result: 'y', differing: 4 * 16 * 8 * 512 });
    expect(timedText(cases[0] as TimedCase)).toMatch(
      /WRONG on this size in a run after the timing, before which its results were overwritten/,
    );
  });

  test('that returns results it has kept is wrong on other arguments, even if nothing of ours is timed', async () => {
    // It computes where it is told that its result was overwritten, so only other arguments show that it keeps results.
    const kept = 'runs[i] == 1u || abs(bitcast<f32>(y[p.y_offset + i])) == 1500.0';
    const { passed, suspect, cases } = await time(kept, []);
    expect([passed, suspect]).toEqual([false, []]);
    expect(cases[0]?.wrong).toMatchObject({ kind: 'wrong', when: 'other', result: 'y', total: 4 * 16 * 8 * 512 });
    expect(timedText(cases[0] as TimedCase)).toMatch(/WRONG on this size in a run on other arguments after the timing/);
  });

  test('that computes in every run is right', async () => {
    const { passed, cases } = await time('runs[i] > 0u');
    expect([passed, cases[0]?.wrong]).toEqual([true, undefined]);
  });
});

test('that is faster than 105 % of its roof is suspect', () => {
  const times = summarise([1]);
  const peaks = { gflops: 1, gbs: 1 };
  // 2·10⁶ operations in a millisecond are 2 GFLOP/s.
  const fast = speedOf(times, 2e6, 1e3, peaks);
  expect([fast.suspect, fast.share.roof, roofText(fast.share)]).toEqual([true, 2, '200 % suspect']);
  const usual = speedOf(times, 1.04e6, 1e3, peaks);
  expect([usual.suspect, roofText(usual.share)]).toEqual([undefined, '104 %']);
  const row = (yours: boolean, speed: TimedRow['speed']) => ({ yours, speed }) as TimedRow;
  expect(isSuspect({ rows: [row(true, fast), row(false, usual)] })).toBe(true);
  // If one of ours is above it as well, the data is in a cache.
  expect(isSuspect({ rows: [row(true, fast), row(false, fast)] })).toBe(false);
  expect(isSuspect({ rows: [row(true, usual), row(false, fast)] })).toBe(false);
  expect(suspectText({ suspect: [] })).toEqual([]);
  expect(suspectText({ suspect: ['copy: 4'] })[0]).toMatch(/^SUSPECT: .* none of ours is, on copy: 4$/);
});
