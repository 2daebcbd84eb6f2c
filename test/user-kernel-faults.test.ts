import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { exampleSource } from '../src/bench/contract.js';
import { multiples } from '../src/bench/further-hints.js';
import type { Outcome } from '../src/bench/hints.js';
import { knownOp, loadRooms } from '../src/bench/ops.js';
import { sanitizeKernel } from '../src/bench/sanitizer/sanitize.js';
import { findingText } from '../src/bench/sanitizer/text.js';
import { type CheckResult, checkKernel } from '../src/bench/user-check.js';
import { type KernelOptions, namesOf, userKernel } from '../src/bench/user-kernel.js';
import { caseName } from '../src/bench/user-run.js';
import { checkText, timedText } from '../src/bench/user-text.js';
import { benchCases, type TimedCase } from '../src/bench/user-time.js';
import type { Engine } from '../src/gpu/engine.js';
import { rooms } from '../src/kernels/rooms.js';
import { sharedEngine } from './gpu.js';
import { plainCalls } from './plain-calls.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

const CONV = readFileSync('shaders/conv2d/naive.wgsl', 'utf8');
/** The sum of x by workgroups, each with a tree of additions in workgroup memory. */
const TREE = `struct Params { mid: u32, inner: u32, channels: u32, factor: f32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
const LANES = 64u;
var<workgroup> s: array<f32, LANES>;
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) l: u32) {
  var part = 0.0;
  for (var m = l; m < p.mid; m += LANES) {
    let i = (group.x / p.inner * p.mid + m) * p.inner + group.x % p.inner;
    part += x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
  }
  s[l] = part;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (l < step) { s[l] += s[l + step]; }
    workgroupBarrier();
  }
  if (l == 0u) { y[group.x] = p.factor * s[0]; }
}`;
/** The sum of x by chunks of 64 elements, which pass through workgroup memory. */
const CHUNKS = TREE.replace(/ {2}for \(var m[\s\S]*\n}/, '').concat(`
  for (var m = 0u; m < p.mid; m += LANES) {
    s[l] = 0.0;
    if (m + l < p.mid) {
      let i = (group.x / p.inner * p.mid + m + l) * p.inner + group.x % p.inner;
      s[l] = x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
    }
    workgroupBarrier();
    if (l == 0u) { for (var j = 0u; j < LANES; j++) { part += s[j]; } }
    workgroupBarrier();
  }
  if (l == 0u) { y[group.x] = p.factor * part; }
}`);
/** The sum of x in three dispatches; in the second, four workgroups add their parts to one element. */
const SPLIT = `struct Params { count: u32, mid: u32, inner: u32, channels: u32, factor: f32, x_offset: u32, x_stride: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> part: array<f32>;
@compute @workgroup_size(1)
fn zero(@builtin(workgroup_id) group: vec3u) { part[group.x] = 0.0; }
@compute @workgroup_size(1)
fn add(@builtin(workgroup_id) group: vec3u) {
  var sum = 0.0;
  for (var m = group.y; m < p.mid; m += 4u) {
    let i = (group.x / p.inner * p.mid + m) * p.inner + group.x % p.inner;
    sum += x[p.x_offset + i / p.channels * p.x_stride + i % p.channels];
  }
  part[group.x] += sum;
}
@compute @workgroup_size(1)
fn finish(@builtin(workgroup_id) group: vec3u) { y[group.x] = p.factor * part[group.x]; }`;

const GRID = 'grid(y.rows * y.channels, 64)';
const SUM = 'sum: all of 3×5×7×3';
const LAYER = 'conv2d: 2×5×3×3';

/** A text with one replacement, which must be possible. */
function replaced(text: string, from: string | RegExp, to: string): string {
  const code = text.replace(from, to);
  if (code === text) throw new Error(`nothing to replace: ${from}`);
  return code;
}

const conv = (from: string | RegExp, to: string, more: Partial<KernelOptions> = {}): KernelOptions => ({
  ...{ op: 'conv2d', sources: [{ name: 'my.wgsl', code: replaced(CONV, from, to), workgroups: GRID }] },
  ...more,
});
const sum = (code: string): KernelOptions => ({
  ...{ op: 'sum', sources: [{ name: 'my.wgsl', code, workgroups: 'y.rows * y.channels' }] },
});
/** The convolution with its sums in a scratch buffer. */
const scratched = (begin: string, store: string, scratch: string) => {
  const declared = replaced(
    CONV,
    '@compute',
    '@group(0) @binding(5) var<storage, read_write> s: array<f32>;\n@compute',
  );
  const code = replaced(
    declared,
    'var sum = 0.0;',
    `let at = p.y_offset + row * p.y_stride + o; ${begin} var sum = 0.0;`,
  );
  return (from = 'y[p.y_offset + row * p.y_stride + o] = sum;'): KernelOptions => ({
    ...{ op: 'conv2d', scratch: `s = ${scratch}` },
    sources: [{ name: 'my.wgsl', code: replaced(code, from, store), workgroups: GRID }],
  });
};

const line = (code: string, part: string) => code.slice(0, code.indexOf(part)).split('\n').length;
const sanitize = async (options: KernelOptions, cases: string) =>
  sanitizeKernel(engine, await userKernel(engine, rooms, options), { cases });
const check = async (options: KernelOptions, cases: string, tolerance?: number) =>
  checkKernel(engine, await userKernel(engine, rooms, options), { cases, tolerance });

describe('the sanitizer finds nothing in right kernels', () => {
  test.each<[string, KernelOptions, string]>([
    ['a convolution', conv('var sum = 0.0;', 'var sum = 0.0; '), LAYER],
    ['a sum by a tree', sum(TREE), SUM],
    ['a sum by chunks', sum(CHUNKS), SUM],
  ])('%s', async (_, options, cases) => {
    const found = await sanitize(options, cases);
    expect(found).toMatchObject({ passed: true, findings: [], untested: [] });
    expect(found.cases.length).toBeGreaterThan(0);
  });
});

describe('the sanitizer names races with both lines', () => {
  const loop = replaced(CHUNKS, /(part \+= s\[j\]; } }\n) {4}workgroupBarrier\(\);/, '$1');
  const tail = replaced(TREE, /\n {4}workgroupBarrier\(\);/, '\n    if (step > 16u) { workgroupBarrier(); }');
  test.each<[string, KernelOptions, string, string, string]>([
    [
      'a second barrier that is missing',
      sum(loop),
      's',
      `line ${line(loop, 's[l] = 0.0')}`,
      `line ${line(loop, 'part += s[j]')}`,
    ],
    [
      'the end of a tree without barriers',
      sum(tail),
      's',
      `line ${line(tail, 's[l] += ')}`,
      `line ${line(tail, 's[l] += ')}`,
    ],
  ])('%s', async (_, options, variable, one, other) => {
    const { findings } = await sanitize(options, SUM);
    const races = findings.filter((f) => f.kind === 'race');
    expect(races.length).toBeGreaterThan(0);
    for (const race of races) expect(race).toMatchObject({ variable, space: 'workgroup', file: 'my.wgsl' });
    const texts = races.map(findingText);
    expect(
      texts.some((text) => text.includes(one) && text.includes(other)),
      texts.join('\n'),
    ).toBe(true);
    expect(texts[0]).toMatch(/without a workgroupBarrier\(\) between them/);
  });

  test('workgroups that add to one element of scratch', async () => {
    const sources = ['zero', 'add', 'finish'].map((entry) => ({
      ...{ name: 'my.wgsl', code: SPLIT, entry },
      workgroups: entry === 'add' ? 'y.rows * y.channels, 4' : 'y.rows * y.channels',
    }));
    const { findings } = await sanitize({ op: 'sum', sources, scratch: 'part = y.rows * y.channels' }, SUM);
    expect(findings).toMatchObject([
      {
        ...{ kind: 'race', variable: 'part', space: 'storage' },
        file: 'my.wgsl (add)',
        line: line(SPLIT, 'part[group.x] +='),
      },
    ]);
    expect(findingText(findings[0] as (typeof findings)[number])).toMatch(/no barrier can order two workgroups/);
  });
});

describe('accesses out of bounds are found', () => {
  const past = 'w[p.w_offset + p.KH * p.KW * p.C * p.O + o]';
  test.each<[string, KernelOptions, string, { variable: string; index?: number }]>([
    [
      'a tile of 32 for 64 invocations',
      sum(replaced(TREE, 's: array<f32, LANES>', 's: array<f32, 32>')),
      SUM,
      { variable: 's', index: 32 },
    ],
    [
      'an edge tested by <=',
      conv('if (index >= p.pixels * p.O)', 'if (index > p.pixels * p.O)'),
      LAYER,
      { variable: 'y' },
    ],
    [
      'a masked read behind w',
      conv('var sum = 0.0;', `var sum = select(0.0, ${past}, p.KH > 100u);`),
      LAYER,
      { variable: 'w' },
    ],
    [
      'a scratch that is a quarter too small',
      scratched('', 's[index] = sum; y[at] = s[index];', 'ceil(y.rows * y.channels * 3 / 4)')(),
      LAYER,
      { variable: 's', index: 113 },
    ],
  ])('%s by the sanitizer', async (_, options, cases, expected) => {
    const { findings, passed } = await sanitize(options, cases);
    expect(passed).toBe(false);
    const bounds = findings.filter((f) => f.kind === 'out of bounds' && f.variable === expected.variable);
    expect(bounds.length).toBeGreaterThan(0);
    expect(Math.min(...bounds.map((f) => f.index))).toBeGreaterThanOrEqual(expected.index ?? 0);
    expect(bounds.map(findingText).join('\n')).toMatch(/^out of bounds: my\.wgsl line \d+: /);
  });

  test.each<[string, KernelOptions, string]>([
    ['w, times 0', conv('var sum = 0.0;', `var sum = f32(p.KH / 100u) * ${past};`), 'wrong'],
    ['bias, times 0', conv('var sum = 0.0;', 'var sum = f32(p.KH / 100u) * bias[p.bias_offset + p.O];'), 'wrong'],
    [
      'a scratch that is a quarter too small',
      scratched('', 's[index] = sum; y[at] = s[index];', 'ceil(y.rows * y.channels * 3 / 4)')(),
      'wrote outside',
    ],
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
    [
      'a small scratch',
      scratched('', 's[index] = sum; y[at] = s[index];', 'ceil(y.rows * y.channels * 3 / 4)')(),
      LAYER,
      /^the scratch s has 113 elements, and the kernel writes behind them/,
    ],
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

  test('is timed in the shape of a layer if no layer of the model uses the op', () => {
    const [use] = benchCases({ known: knownOp(rooms, 'mul') });
    expect(Object.values(use?.c.inputs ?? {}).map((i) => i.shape)).toContainEqual([4, 128, 64, 64]);
  });
});
