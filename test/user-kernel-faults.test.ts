import { beforeAll, describe, expect, test } from 'vitest';
import { exampleSource } from '../src/bench/contract.js';
import { multiples } from '../src/bench/further-hints.js';
import type { Outcome } from '../src/bench/hints.js';
import { knownOp, loadRooms } from '../src/bench/ops.js';
import { type CheckResult, checkKernel } from '../src/bench/user-check.js';
import { type KernelOptions, namesOf, userKernel } from '../src/bench/user-kernel.js';
import { caseName } from '../src/bench/user-run.js';
import { checkText, timedText } from '../src/bench/user-text.js';
import { benchCases, type TimedCase } from '../src/bench/user-time.js';
import type { Engine } from '../src/gpu/engine.js';
import { rooms } from '../src/kernels/rooms.js';
import { CONV, conv, GRID, LAYER, PAST, replaced, SUM, smallScratch, sum, TREE } from './faulty-kernels.js';
import { sharedEngine } from './gpu.js';
import { plainCalls } from './plain-calls.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

const check = async (options: KernelOptions, cases: string, tolerance?: number) =>
  checkKernel(engine, await userKernel(engine, rooms, options), { cases, tolerance });

describe('accesses out of bounds are found', () => {
  test.each<[string, KernelOptions, string]>([
    ['w, times 0', conv('var sum = 0.0;', `var sum = f32(p.KH / 100u) * ${PAST};`), 'wrong'],
    ['bias, times 0', conv('var sum = 0.0;', 'var sum = f32(p.KH / 100u) * bias[p.bias_offset + p.O];'), 'wrong'],
    ['a scratch that is a quarter too small', smallScratch(), 'wrote outside'],
  ])('by NaN behind %s', async (_, options, kind) => {
    const { failures } = await check(options, LAYER);
    expect(failures[0]).toMatchObject({ layout: 'plain', kind });
  });
});

describe('hints tell the truth', () => {
  // The 11 significant bits of f16. A compiler may drop pack2x16float and unpack2x16float.
  const toHalf = (value: string) => `bitcast<f32>((bitcast<u32>(${value}) + 0x1000u) & 0xffffe000u)`;
  const half = /x\[at \+ c\] \* (w\[[^\]]*\])/;
  test.each<[string, KernelOptions, string, RegExp]>([
    [
      'a tree that leaves out its last step',
      sum(replaced(TREE, 'step > 0u', 'step > 1u')),
      SUM,
      /^the first wrong element depends on .* but the kernel leaves out \d+ of these: x\[/,
    ],
    [
      '96 invocations in a tree of halves',
      sum(TREE.replace('LANES = 64u', 'LANES = 96u')),
      SUM,
      /the kernel leaves out \d+ of these: x\[/,
    ],
    [
      'a subgroup of 32 that is assumed',
      sum(replaced(TREE, 'step = LANES / 2u', 'step = 16u')),
      SUM,
      /the kernel leaves out \d+ of these: x\[/,
    ],
    [
      'taps that are exchanged',
      conv('(u * p.KW + v)', '(v * p.KW + u)'),
      LAYER,
      /^the result is as if the first two dimensions of w were swapped$/,
    ],
    [
      'arguments in f16',
      conv(half, `${toHalf('x[at + c]')} * ${toHalf('$1')}`),
      LAYER,
      /^the result is as if x, w had been rounded to f16/,
    ],
    [
      'results in f16',
      conv('= sum;', `= ${toHalf('sum')};`),
      LAYER,
      /^every result is a number of f16, so it was rounded to 11 bits/,
    ],
    [
      'an edge tested by <=',
      conv('if (index >= p.pixels * p.O)', 'if (index > p.pixels * p.O)'),
      LAYER,
      /^y was written after its last row/,
    ],
    ['a small scratch', smallScratch(), LAYER, /^the scratch s has 113 elements, and the kernel writes behind them/],
  ])('%s', async (_, options, cases, hint) => {
    // Rounding the arguments alone is within the default tolerance.
    const found = await check(options, cases, 1e-9);
    expect(found.passed).toBe(false);
    expect(found.looksLike).toEqual([expect.stringMatching(hint)]);
  });

  test('a number that must be a multiple is blamed only if that separates right cases from wrong ones', () => {
    const outcome = (right: boolean, C: number, O: number): Outcome => ({ right, layout: 'plain', numbers: { C, O } });
    const mixed = [outcome(true, 4, 3), outcome(true, 8, 8), outcome(false, 6, 8), outcome(false, 2, 5)];
    expect(multiples(mixed)).toEqual([
      expect.stringMatching(/^it is wrong exactly where C is no multiple of 4; .*"C % 4 == 0"$/),
    ]);
    expect(multiples([...mixed, outcome(false, 12, 5)])).toEqual([]);
  });
});

describe('the report', () => {
  test('names the result that was overwritten, first the case that it explains, and counts the cases of the layout', () => {
    const failure = {
      output: 'y',
      kind: 'wrote outside',
      layout: 'strided oddly',
      run: 1,
      index: 40,
      case: 'conv2d: b',
    };
    const layouts = [
      { name: 'plain', cases: 37 },
      { name: 'strided oddly', cases: 12 },
    ];
    const result = {
      failures: [failure],
      layouts,
      cases: Array(37),
      refused: [],
      looksLike: ['a hint'],
      deterministic: true,
    };
    expect(checkText(result as unknown as CheckResult, 1e-7)).toMatch(
      /^WRONG on 1 cases of 12; one of them:\n {2}conv2d: b .*\n {4}memory outside y was overwritten/,
    );
  });

  test('counts cases of the same name one by one', async () => {
    const names = knownOp(rooms, 'mul').uses.map(caseName);
    const twice = names.find((n, i) => names.indexOf(n) < i) ?? '';
    expect(twice).not.toBe('');
    const kernel = await userKernel(engine, rooms, {
      op: 'mul',
      like: 'naive',
      sources: [{ name: 'm.wgsl', code: exampleSource(engine, rooms, 'mul') }],
    });
    const { cases, layouts } = await checkKernel(engine, kernel, { cases: twice });
    expect(cases.length).toBeGreaterThan(1);
    expect(cases).toHaveLength(layouts[0]?.cases ?? 0);
  });

  test('shows no quartiles of a single sample', () => {
    const speed = {
      times: { median: 2, q1: 2, q3: 2, samples: 1 },
      gflops: 1,
      gbs: 1,
      share: { flops: 0.1, bytes: 0.1, roof: 0.1 },
    };
    const row = { variant: 'my.wgsl', yours: true, speed, first: { compileMs: 0, runMs: 0 }, ratio: 1 };
    expect(timedText({ case: 'c', rows: [row], flops: 1 } as unknown as TimedCase)).toMatch(/2 +one sample +1/);
  });
});

describe('a launch', () => {
  test('may use names of --params and defaults of overrides, and --params may be empty', async () => {
    const code = replaced(CONV, 'pixels: u32,', 'pixels: u32, lanes: u32,')
      .replace('@compute', 'override WIDE: u32 = 2 * 32;\n@compute')
      .replace('@workgroup_size(64)', '@workgroup_size(WIDE)');
    for (const workgroups of ['grid(y.rows * y.channels, WIDE)', 'grid(y.rows * y.channels, lanes)'])
      expect(
        await check({ op: 'conv2d', sources: [{ name: 'm.wgsl', code, workgroups, params: 'lanes = 64' }] }, LAYER),
      ).toMatchObject({ passed: true });
    expect(
      await check({ op: 'conv2d', sources: [{ name: 'm.wgsl', code: CONV, workgroups: GRID, params: '' }] }, LAYER),
    ).toMatchObject({ passed: true });
  });

  test('of a kernel that is dispatched once covers all that ours compute in several dispatches', () => {
    const { op } = knownOp(rooms, 'nearestNeighbourDistance');
    const [call] = [...plainCalls(engine, op.name)];
    if (!call) throw new Error('no call');
    const { generated } = call.arg;
    if (!generated) throw new Error('no argument');
    const large = { ...generated, shape: [1, 300, 300, 4], rows: 90000 };
    const names = namesOf(op, { ...call, arg: { ...call.arg, generated: large, reference: large } });
    expect([names.start, names.end]).toEqual([0, 90000]);
  });

  test('is timed in the shape of a layer, although the model does not apply the op', () => {
    const [use] = benchCases({ known: knownOp(rooms, 'mul') });
    expect(Object.values(use?.c.inputs ?? {}).map((i) => i.shape)).toContainEqual([4, 128, 64, 64]);
  });
});
