import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseBench } from '../src/bench/document.js';
import { knownOp, knownOps } from '../src/bench/ops.js';
import { ownCases } from '../src/bench/own-shapes/cases.js';
import { curvePlot, curvesOf, curveText } from '../src/bench/own-shapes/curve.js';
import { launchText } from '../src/bench/text.js';
import { benchCases } from '../src/bench/user-time.js';
import { main } from '../src/cli/main.js';
import { rooms } from '../src/kernels/rooms.js';

const LIMITS = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };
const cases = (op: string, ...texts: string[]) => ownCases(knownOp(rooms, op), texts, LIMITS);

describe('a case of --case', () => {
  test('has the shapes and settings that it names, and no optional argument that it leaves out', () => {
    const [own, more] = cases(
      'conv2d',
      'x=4x64x64x128, w=3x3x128x256, stride=1, pad=1x0x1x0',
      'x=1×8×8×4, w=3x3x4x4, bias=4',
    );
    expect(own?.c).toMatchObject({
      name: 'x=4×64×64×128, w=3×3×128×256, stride=1, pad=1×0×1×0',
      attrs: { stride: 1, pad: [1, 0, 1, 0] },
      inputs: { x: { shape: [4, 64, 64, 128] }, w: { shape: [3, 3, 128, 256] } },
    });
    expect(Object.keys(own?.c.inputs ?? {})).toEqual(['x', 'w']);
    expect(more?.c.inputs.bias?.shape).toEqual([4]);
  });

  test('a range gives a case for each of its values, and two ranges give every combination', () => {
    const of = (range: string) => cases('relu', `x=2xC, C=${range}`).map((o) => o.c.inputs.x?.shape[1]);
    expect(of('64..1024*2')).toEqual([64, 128, 256, 512, 1024]);
    expect(of('64..256+64')).toEqual([64, 128, 192, 256]);
    expect(of('3..20')).toEqual([3, 6, 12]);
    expect(of('5')).toEqual([5]);
    expect(cases('relu', 'x=NxC, N=1..2, C=8..9+1').map((o) => o.at)).toEqual([
      { N: 1, C: 8 },
      { N: 1, C: 9 },
      { N: 2, C: 8 },
      { N: 2, C: 9 },
    ]);
  });

  test('a gradient takes the tensors of the op that it is the gradient of', () => {
    const rooms = [
      ['reluGradient', 'x=64x32'],
      ['instanceNormGradient', 'x=1x8x8x4, gamma=4, beta=4'],
      ['biasGradient', 'x=1x8x8x4, w=3x3x4x4, bias=4'],
    ].map(([op = '', text = '']) => cases(op, text)[0]?.room.name);
    expect(rooms).toEqual(['relu', 'instanceNorm', 'conv2d']);
  });

  test('a setting that is always a list takes one number for all, and those left out are as in the model’s layers', () => {
    const [own] = cases('maxPool2d', 'x=1x9x9x4, kernel=3, stride=2');
    expect(own?.c.attrs).toMatchObject({ kernel: [3, 3], stride: [2, 2], ceilMode: false });
    expect(cases('deformableSkip', 'x=1x8x8x4, affine=1x2x6, mask=1x8x8, aggregate=mean')[0]?.c.attrs).toMatchObject({
      aggregate: 'mean',
    });
  });

  test.each([
    ['conv2d', 'x=1x4x4x3, w=3x3x5x8', /--case: conv2d: w must be \[3, 3, 3, 8\]/],
    ['conv2d', 'x=4x4x3, w=3x3x3x8', /x must be \[batch, height, width, channels\], got \[4, 4, 3\]/],
    ['conv2d', 'x=1x4x4x3', /the shape of w is missing; conv2d has the tensors x, w, bias \(optional\)/],
    [
      'conv2d',
      'x=1x4x4x3, w=3x3x3x8, strid=2',
      /strid is neither a tensor nor a setting.*settings pad, stride[\s\S]*\n {24}\^$/,
    ],
    ['conv2d', 'x=1x4x4xC, w=3x3x3x8', /C in x has no value; add a number or a range/],
    ['conv2d', 'x=1x4x4x0, w=3x3x3x8', /x must be whole numbers of at least 1/],
    ['conv2d', 'x=1x4x4x3, w=3x3x3x8, stride=wide', /stride must be a number or numbers joined by x/],
    ['conv2d', 'x=1x4x4x3, w=3x3x3x8, stride=0', /stride must be an integer from 1/],
    [
      'conv2d',
      'x=1x9000x9000x4, w=1x1x4x4',
      /x \[1, 9000, 9000, 4\] takes 1236 MiB, but this adapter binds at most 128 MiB/,
    ],
    ['conv2d', 'x=1x2000x2000x4, w=1x1x4x64', /y of conv2d \[1, 2000, 2000, 64\] takes 977 MiB/],
    ['biasGradient', 'x=1x4x4x3, w=3x3x3x8', /does not apply biasGradient/],
    ['relu', 'x=2x3, x=4', /x is given twice/],
    ['relu', 'x 2', /NAME=VALUE is missing/],
    ['relu', 'x=2xC, C=1..1000+1', /more than 100 values/],
    ['relu', 'x=NxC, N=1..20+1, C=1..20+1', /more than 200 cases/],
    ['relu', 'x=2xC, C=9..3', /must rise/],
    ['relu', 'x=2xC, C=3..9*1', /must rise in every step/],
    ['relu', 'x=2xC, C=0.5', /neither a whole number nor a range/],
    ['deformableSkip', 'x=1x8x8x4, affine=1x2x6, mask=1x8x8, aggregate=sum', /aggregate must be .*; got sum/],
  ])('%s %s is refused', (op, text, error) => {
    expect(() => cases(op, text)).toThrow(error);
  });
});

test('every op is timed on a layer, and ops of elements on activations of a real size', () => {
  for (const [name, known] of knownOps(rooms)) {
    const uses = benchCases({ known });
    expect(
      uses.every(({ room, c }) => room.bench?.includes(c)),
      name,
    ).toBe(true);
    const largest = Math.max(
      ...uses.flatMap(({ c }) => Object.values(c.inputs).map((i) => i.shape.reduce((p, d) => p * d, 1))),
    );
    if (known.uses.some((u) => u.room.name === name && 'x' in u.c.inputs && u.c.attrs === null && u.forward))
      expect(largest, name).toBeGreaterThan(20_000);
  }
  expect(benchCases(knownOpOf('mul'))[0]?.c.inputs.a?.shape).toEqual([4, 128, 64, 64]);
});

const knownOpOf = (name: string) => ({ known: knownOp(rooms, name) });

const point = (variant: string, C: number, gflops: number) =>
  ({
    ...{ room: 'conv2d', case: `C=${C}`, op: 'conv2d', variant, flops: 1, at: { C } },
    speed: { gflops, gbs: 1 },
  }) as never;

test('a curve has a rate for every variant and value, marks the fastest, and is drawn in proportion', () => {
  const rows = [point('a<b', 8, 1), point('a<b', 32, 4), point('c', 8, 2), point('c', 32, 3), point('c', 16, 2.5)];
  const [curve] = curvesOf(rows);
  if (!curve) throw new Error('no curve');
  expect(curve).toMatchObject({ op: 'conv2d', name: 'C', unit: 'GFLOP/s', xs: [8, 16, 32] });
  expect(curve.series).toEqual([
    { variant: 'a<b', ys: [1, undefined, 4] },
    { variant: 'c', ys: [2, 2.5, 3] },
  ]);
  const [, , first, , last] = curveText(curve).split('\n');
  expect(first).toMatch(/^8 +1 +2 ‹ +█{15}$/);
  expect(last).toMatch(/^32 +4 ‹ +3 +█{30}$/);
  const svg = curvePlot(curve);
  expect(svg).toContain('a&lt;b, C=32: 4 GFLOP/s');
  const at = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
  // x is logarithmic: 16 lies in the middle between 8 and 32. y is linear from 0.
  expect((at[3]?.[0] as number) * 2).toBeCloseTo((at[2]?.[0] as number) + (at[4]?.[0] as number), 0);
  expect(curvesOf([point('c', 8, 2)])).toEqual([]);
});

test('a time that is mostly launch overhead is pointed out, and no other', () => {
  const rows = [{ variant: 'tiny', launch: 0.8 }, { variant: 'large', launch: 0.1 }, { variant: 'unknown' }];
  expect(launchText(rows).join('\n')).toMatch(/mostly launch overhead.*: tiny \(80 %\)\./);
  expect(launchText(rows.slice(1))).toEqual([]);
});

describe('pose-gan bench --case', () => {
  const folder = mkdtempSync(join(tmpdir(), 'own-shapes-'));
  afterEach(() => vi.restoreAllMocks());

  async function said(...args: string[]) {
    const [out, err]: [string[], string[]] = [[], []];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void out.push(line));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0);
    const code = await main(['bench', ...args]);
    vi.restoreAllMocks();
    return { code, out: out.join('\n'), err: err.join('') };
  }

  test('times our kernels along a range, checked with the oracle, and draws the curve', async () => {
    const [out, html] = [join(folder, 'a.json'), join(folder, 'a.html')];
    const { code, out: text } = await said(
      ...['--op', 'sigmoid', '--case', 'x=4xC, C=3..6', '--samples', '1', '--out', out, '--html', html],
    );
    expect(code).toBe(0);
    expect(text).toMatch(
      /sigmoid: x=4×3\n[\s\S]*sigmoid: x=4×6\n[\s\S]*mostly launch overhead[\s\S]*sigmoid: GFLOP\/s by C/,
    );
    const { rows } = parseBench(readFileSync(out, 'utf8'), out);
    expect([...new Set(rows.map((r) => r.op))]).toEqual(['sigmoid']);
    expect(rows.map((r) => r.at?.C)).toContain(6);
    for (const { error } of rows) {
      expect(error?.oracle).toBe('this case');
      expect(error?.nmse).toBeLessThan(1e-10);
    }
    expect(readFileSync(html, 'utf8')).toContain('sigmoid: GFLOP/s by C');
    rmSync(folder, { recursive: true });
  });

  test('is refused with options of a kernel, and without an op', async () => {
    expect(await said('--case', 'x=4')).toMatchObject({ code: 2, err: expect.stringMatching(/--op is needed/) });
    const { code, err } = await said('--op', 'relu', '--case', 'x=4', '--check-only');
    expect([code, err]).toEqual([2, expect.stringMatching(/--case without --kernel times our own kernels/)]);
  });
});
