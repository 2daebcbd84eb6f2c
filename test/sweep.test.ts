import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { expectSame, parseSweepDocument, type SweepDocument } from '../src/bench/sweep/document.js';
import {
  configurationsOf,
  configurationText,
  excludedBy,
  expectOverrides,
  parseSweep,
} from '../src/bench/sweep/parameters.js';
import { barChart, heatMap, sweepReport } from '../src/bench/sweep/report.js';
import { firstLine } from '../src/bench/sweep/sweep.js';
import { checkedText, overall, ranked, sweepSummary, sweptCaseText } from '../src/bench/sweep/text.js';
import { main } from '../src/cli/main.js';

describe('the parameters', () => {
  test('give every combination of their values', () => {
    const parameters = parseSweep(['T=8, 16', 'WG=64,128,256']);
    expect(parameters).toEqual({ T: [8, 16], WG: [64, 128, 256] });
    expect(configurationsOf(parameters).map(configurationText)).toEqual(
      [8, 16].flatMap((T) => [64, 128, 256].map((WG) => `T=${T}, WG=${WG}`)),
    );
    expect(configurationsOf(parseSweep(['k=-0.5'])).map(configurationText)).toEqual(['k=-0.5']);
  });

  test.each([
    [['T'], /give the name and the values of an override constant/],
    [['T='], /--sweep T=8,16,32/],
    [['T=8,x'], /"x" is not a number in "T=8,x"/],
    [['T=8,8'], /has a value twice/],
    [['T=8', 'T=9'], /T is given twice/],
    [['A=1,2,3,4,5,6,7,8', 'B=1,2,3,4,5,6,7,8', 'C=1,2,3,4,5,6,7,8'], /512 configurations; at most 500/],
  ])('%j is refused', (texts, error) => {
    expect(() => parseSweep(texts)).toThrow(error);
  });

  test('--where excludes configurations, and is refused if it excludes all or names something else', () => {
    const all = configurationsOf({ T: [1, 4], WG: [2, 8] });
    expect([...excludedBy('T * 2 <= WG', all)].map(configurationText)).toEqual(['T=4, WG=2']);
    expect(excludedBy(undefined, all).size).toBe(0);
    expect(() => excludedBy('T > 9', all)).toThrow(/no configuration of --sweep satisfies T > 9/);
    expect(() => excludedBy('S > 9', all)).toThrow(/there is no number S; use one of T, WG/);
  });

  test('they must be override constants that nothing else sets', () => {
    const kernel = { name: 'a.wgsl', overrides: ['T', 'WG'], constants: 'WG=64' };
    expect(() => expectOverrides({ T: [1] }, [kernel])).not.toThrow();
    expect(() => expectOverrides({ S: [1] }, [kernel])).toThrow(/a\.wgsl has no override S; it has T, WG/);
    expect(() => expectOverrides({ WG: [1] }, [kernel])).toThrow(/--constants already sets WG/);
  });
});

const speed = (median: number) =>
  ({
    times: { median, q1: median, q3: median, samples: 3 },
    gflops: 8 / median,
    gbs: 1 / median,
    share: { flops: 0, bytes: 0, roof: 0.5 },
  }) as never;
const row = (T: number, WG: number, ms: number) => ({
  values: { T, WG },
  speed: speed(ms),
  error: 0,
  ours: { variant: 'fast', ms: 4, ratio: 4 / ms },
});
const swept = (values: Record<string, number>, status: 'right' | 'wrong' | 'skipped', reason?: string) => ({
  values,
  status,
  ...(reason && { reason }),
});

const made: SweepDocument = {
  ...{ format: 'webgpu-pose-gan sweep', version: 1, library: '0', date: '2030-01-02T03:04:05Z', complete: true },
  adapter: {
    name: 'GPU <1>',
    vendor: 'v',
    architecture: 'a',
    device: 'd',
    description: 'driver 1',
    software: true,
    subgroupSize: 8,
    features: [],
    limits: {},
  },
  host: { platform: 'p', cpus: '2', node: 'v20' },
  kernel: { op: 'relu', sources: [{ name: 'my.wgsl', code: 'code', workgroups: '1' }], tolerance: 1e-7 },
  parameters: { T: [1, 2], WG: [32, 64] },
  configurations: [
    ...[swept({ T: 1, WG: 32 }, 'right'), swept({ T: 1, WG: 64 }, 'right'), swept({ T: 2, WG: 32 }, 'right')],
    swept({ T: 2, WG: 64 }, 'skipped', 'too <large>'),
  ],
  timed: [
    { case: 'relu: a', flops: 8, bytes: 8, rows: [row(1, 32, 4), row(1, 64, 2), row(2, 32, 3)] },
    {
      case: 'relu: b',
      flops: 8,
      bytes: 8,
      rows: [row(1, 32, 1), row(1, 64, 4), row(2, 32, 2), { values: { T: 2, WG: 64 }, reason: 'no' }],
    },
  ],
};

describe('the results', () => {
  const [first, second] = made.timed as [SweepDocument['timed'][0], SweepDocument['timed'][0]];

  test('the best of each case and the best over all cases are named', () => {
    expect(ranked(first).map((r) => configurationText(r.values))).toEqual(['T=1, WG=64', 'T=2, WG=32', 'T=1, WG=32']);
    // √(2 · 1), √(1 · 4) and √(1.5 · 2)
    expect(overall(made).map((o) => [configurationText(o.values), o.mean])).toEqual([
      ['T=1, WG=32', expect.closeTo(Math.SQRT2)],
      ['T=2, WG=32', expect.closeTo(Math.sqrt(3))],
      ['T=1, WG=64', expect.closeTo(2)],
    ]);
    expect(sweepSummary(made)).toMatch(
      /★ relu: a: T=1, WG=64, 2 ms\n★ relu: b: T=1, WG=32, 1 ms\nover all cases: T=1, WG=32, 1\.41×/,
    );
  });

  test('two constants are a grid of milliseconds, more than two a table, and reasons are shown once', () => {
    const text = sweptCaseText(first, made.parameters);
    expect(text).toMatch(/T=1 +4 +2 ★\nT=2 +3 +–/);
    expect(text).toMatch(/★ T=1, WG=64 +2 +2…2 +4 +50 % +2×/);
    expect(sweptCaseText(second, { T: [1], WG: [1], C: [1] })).not.toContain('ms by');
    const skipped = { values: { T: 3, WG: 64 }, status: 'skipped' as const, reason: 'too <large>' };
    const checked = checkedText({ configurations: [...made.configurations, skipped] });
    expect(checked).toMatch(/5 configurations: 3 right.*, 0 wrong, 2 skipped/);
    expect(checked).toContain('skipped 2 (too <large>): T=2, WG=64; T=3, WG=64');
    expect(firstLine(new Error('my.wgsl[T=1,WG=4096]: too many\nmore'))).toBe('too many');
  });

  test('a row that is wrong on its size is not ranked', () => {
    const rows = [...first.rows, { ...row(2, 64, 0.1), reason: 'WRONG on this size' }];
    expect(ranked({ ...first, rows })[0]?.values).toEqual({ T: 1, WG: 64 });
    expect(sweptCaseText({ ...first, rows }, made.parameters)).toContain('T=2, WG=64: WRONG on this size');
  });

  test('the heat map has a cell for every configuration, the brightest for the best, and reasons for empty ones', () => {
    const svg = heatMap(made, first);
    expect(svg.match(/<rect/g)).toHaveLength(4);
    const best = /class="cell best"><rect [^>]* fill="hsl\(55 65% 82%\)"\/><text[^>]*>2 ★/;
    expect(svg).toMatch(best);
    expect(svg).toMatch(/class="none"[\s\S]*T=2, WG=64: too &lt;large&gt;/);
    expect(sweepReport(made)).toContain('GPU &lt;1&gt;');
  });

  test('the bars of one constant are in its order, as long as its speed', () => {
    const rows = [row(2, 0, 4), row(1, 0, 2)].map((r) => ({ ...r, values: { T: r.values.T } }));
    const svg = barChart({ ...first, rows }, { T: [1, 2] });
    expect([...svg.matchAll(/end">(T=\d)<[\s\S]*?width="([\d.]+)"/g)].map((m) => m.slice(1))).toEqual([
      ['T=1', '360.0'],
      ['T=2', '180.0'],
    ]);
  });
});

test('a sweep is continued only with the same kernel on the same device, and its file must be one', () => {
  const same = (change: object) => () => expectSame(made, { ...made, ...change }, 'a.json');
  expect(same({})).not.toThrow();
  expect(same({ parameters: { T: [1, 2, 4], WG: [8] }, host: { ...made.host, node: 'v22' } })).not.toThrow();
  const source = { name: 'my.wgsl', code: 'other', workgroups: '2' };
  expect(same({ kernel: { ...made.kernel, sources: [source] } })).toThrow(
    /a\.json holds a sweep that cannot be continued.*\n {2}the source of my\.wgsl\n {2}--workgroups\n/,
  );
  expect(same({ adapter: { ...made.adapter, description: 'driver 2' } })).toThrow(
    /the adapter's description: driver 1 then, driver 2 now/,
  );
  expect(same({ parameters: { T: [1] } })).toThrow(/the constants of --sweep: T, WG then, T now/);
  expect(same({ kernel: { ...made.kernel, require: 'N' } })).toThrow(/--require: none then, N now/);
  expect(parseSweepDocument(JSON.stringify(made), 'a.json')).toEqual(made);
  for (const bad of ['{}', 'null', JSON.stringify({ ...made, version: 2 }), JSON.stringify({ ...made, timed: [null] })])
    expect(() => parseSweepDocument(bad, 'a.json')).toThrow(/a\.json is not a sweep of this version/);
});

describe('pose-gan bench --sweep', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sweep-'));
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => rmSync(folder, { recursive: true }));
  const [kernel, out, html] = ['my.wgsl', 'sweep.json', 'sweep.html'].map((n) => join(folder, n)) as [
    string,
    string,
    string,
  ];
  // With T = 3 the kernel leaves the last elements of some shapes out.
  const CODE = `
struct Params { count: u32, channels: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
override WG: u32 = 64;
override T: u32 = 1;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(WG) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let first = (id.y * groups.x * WG + id.x) * T;
  for (var e = first; e < min(first + T, p.count - select(0u, p.count % 3u, T == 3u)); e++) {
    y[p.y_offset + e / p.channels * p.y_stride + e % p.channels] =
      max(x[p.x_offset + e / p.channels * p.x_stride + e % p.channels], 0.0);
  }
}`;

  async function said(sweep: string[], ...more: string[]) {
    const [lines, err]: [string[], string[]] = [[], []];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0);
    const launch = ['--workgroups', 'grid(ceil(y.rows * y.channels / T), WG)', '--cases', 'relu: 1', '--samples', '1'];
    const args = [...sweep.flatMap((s) => ['--sweep', s]), '--case', 'x=100x7', '--out', out, '--html', html, ...more];
    const code = await main(['bench', '--op', 'relu', '--kernel', kernel, ...launch, ...args]);
    vi.restoreAllMocks();
    return { code, out: lines.join('\n'), err: err.join('') };
  }
  const doc = () => parseSweepDocument(readFileSync(out, 'utf8'), out);

  test('checks and times every legal configuration, says why others are left out, and continues', async () => {
    writeFileSync(kernel, CODE);
    const first = await said(['T=1,3', 'WG=32,60000'], '--where', 'T * WG < 100000');
    expect(first.code).toBe(1);
    expect(first.out).toMatch(/4 configurations: 1 right .*, 1 wrong, 2 skipped/);
    expect(first.out).toMatch(/WRONG T=3, WG=32: unwritten y on relu: 1/);
    expect(first.out).toMatch(/skipped 1 \(.*60000.*\): T=1, WG=60000/);
    expect(first.out).toContain('skipped 1 (not T * WG < 100000): T=3, WG=60000');
    expect(first.out).toMatch(/★ relu: x=100×7: T=1, WG=32/);
    const { timed } = doc();
    expect(timed[0]?.rows).toMatchObject([
      { values: { T: 1, WG: 32 }, error: 0, ours: { variant: expect.any(String) } },
    ]);
    expect(readFileSync(html, 'utf8')).toContain('aria-label="ms by T and WG"');

    // An interrupted sweep: what it has measured stays, to the last digit.
    writeFileSync(out, JSON.stringify({ ...doc(), complete: false }));
    const second = await said(['T=1,4', 'WG=32']);
    expect(second.code).toBe(1);
    expect(second.out).toContain('continues');
    const [again, added, ...none] = doc().timed[0]?.rows ?? [];
    expect(again).toEqual(timed[0]?.rows[0]);
    expect(added?.values).toEqual({ T: 4, WG: 32 });
    expect(none).toEqual([]);
    expect(second.out).toMatch(/5 configurations: 2 right .*, 1 wrong, 2 skipped/);

    const before = readFileSync(out, 'utf8');
    writeFileSync(kernel, CODE.replace('0.0)', '0)'));
    const changed = await said(['T=1', 'WG=32']);
    expect(changed.code).toBe(2);
    expect(changed.err).toMatch(/holds a sweep that cannot be continued[\s\S]*the source of .*my\.wgsl/);
    expect(readFileSync(out, 'utf8')).toBe(before);
  });

  test('wrong names and options are refused before anything is measured', async () => {
    writeFileSync(kernel, CODE);
    expect((await said(['S=1'])).err).toMatch(/has no override S; it has WG, T/);
    expect((await said(['T=1'], '--check-only')).err).toMatch(/--check-only cannot be used with --sweep/);
    expect((await said([], '--where', 'T')).err).toMatch(/--where belongs to --sweep/);
  });
});
