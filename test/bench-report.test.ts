import { beforeAll, describe, expect, test } from 'vitest';
import {
  type BenchDocument,
  type BenchRow,
  benchDocument,
  compareBench,
  describe as describeEngine,
  parseBench,
} from '../src/bench/document.js';
import { benchReport } from '../src/bench/report.js';
import { axesOf, dotsOf, roofAt, rooflinePlot } from '../src/bench/roofline.js';
import { speedOf } from '../src/bench/suite.js';
import { comparisonText, errorText, suspicious } from '../src/bench/text.js';
import type { Engine } from '../src/gpu/engine.js';
import { summarise } from '../src/gpu/measure.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const times = (median: number) => ({ ...summarise([median, median, median]), repeats: 1 });
const PEAKS = { gflops: 100, gbs: 10 };

function row(more: Partial<BenchRow> & { ms?: number } = {}): BenchRow {
  const { ms = 1, ...rest } = more;
  const [flops, bytes] = [more.flops ?? 2e7, more.bytes ?? 1e6];
  return {
    ...{ room: 'conv2d', case: 'layer', op: 'conv2d', variant: 'fast', chosen: false, flops, bytes },
    speed: speedOf(times(ms), flops, bytes, PEAKS),
    first: { pipelines: 1, compileMs: 2, runMs: 3 },
    error: { nmse: 1e-14, max: 1e-7, oracle: 'this case' },
    ...rest,
  };
}

function documentOf(rows: readonly BenchRow[]): BenchDocument {
  const host = { platform: 'test', cpus: '2 × one', node: 'v20' };
  const date = '2026-01-02T03:04:05.000Z';
  return benchDocument(describeEngine(engine), {
    host,
    samples: 7,
    peaks: PEAKS,
    complete: true,
    rows,
    composed: [],
    date,
  });
}

test('the speed of a kernel is reported as a share of each peak and of its roof', () => {
  const dense = speedOf(times(2), 1e8, 1e6, PEAKS);
  expect(dense).toMatchObject({ gflops: 50, gbs: 0.5, share: { flops: 0.5, bytes: 0.05, roof: 0.5 } });
  const copy = speedOf(times(0.5), 0, 4e6, PEAKS);
  expect(copy).toMatchObject({ gflops: 0, gbs: 8, share: { flops: 0, bytes: 0.8, roof: 0.8 } });
  // The roof is min(peak, intensity · bandwidth).
  const thin = speedOf(times(1), 4e6, 2e6, PEAKS);
  expect(thin.share.roof).toBeCloseTo(thin.gflops / roofAt(PEAKS, 4e6 / 2e6));
});

test('rows with errors beyond rounding, values that are not finite, or results unlike the other variant’s are pointed out', () => {
  const error = (more: object) => row({ error: { nmse: 0, max: 0, oracle: 'cases', cases: 3, ...more } });
  const bad = [error({ nmse: 1e-5 }), error({ nmse: null }), error({ beside: { variant: 'naive', nmse: 0.5 } })];
  expect(suspicious([error({}), ...bad, row(), row({ error: undefined })])).toEqual(bad);
  expect(bad.map(errorText)).toEqual([
    '1e-5 (3 small cases)',
    'not finite (3 small cases)',
    '0 (3 small cases), here 5e-1 against naive',
  ]);
});

describe('comparison', () => {
  const other = (d: BenchDocument, adapter: Partial<BenchDocument['adapter']>) => ({
    ...d,
    adapter: { ...d.adapter, ...adapter },
  });

  test('it shows the ratios of old to new times, their means, and rows that exist on one side only', () => {
    const before = documentOf([row({ ms: 4, chosen: true }), row({ variant: 'naive', ms: 9 }), row({ case: 'gone' })]);
    const now = documentOf([
      row({ variant: 'faster', ms: 1, chosen: true }),
      row({ ms: 2 }),
      row({ variant: 'naive', ms: 18 }),
      row({ case: 'untimed', speed: undefined, untimed: 'failed: no' }),
    ]);
    const found = compareBench(before, now);
    expect(found.rows.map((r) => [r.now.variant, r.ratio])).toEqual([
      ['fast', 2],
      ['naive', 0.5],
    ]);
    expect(found.mean).toBeCloseTo(1);
    expect(found.chosenMean).toBeCloseTo(4);
    expect(found.onlyBefore).toEqual(['conv2d: gone: conv2d/fast']);
    expect(found.onlyNow).toEqual(['conv2d: layer: conv2d/faster']);
    expect(found.differences).toEqual([]);
    const text = comparisonText(found);
    expect(text).toContain('geometric mean over 2 rows: 1.00×');
    expect(text).toContain('timed only before:\n  conv2d: gone: conv2d/fast');
    expect(compareBench(before, now, (r) => r.case !== 'gone').onlyBefore).toEqual([]);
  });

  test('it says when adapter, driver or machine differ, and when no row is common', () => {
    const before = documentOf([row()]);
    const now = other(documentOf([row({ case: 'another' })]), { device: 'other card', description: 'driver 9' });
    const found = compareBench({ ...before, host: { ...before.host, node: 'v22' } }, now);
    expect(found.differences.map((d) => d.split(':')[0])).toEqual(['adapter', 'driver', 'node']);
    expect(found.differences[2]).toBe('node: v22 then, v20 now');
    expect(found.mean).toBeNull();
    expect(comparisonText(found)).toMatch(/^The conditions DIFFER:\n {2}adapter: /);
  });

  test('it reads its own documents and refuses others', () => {
    const doc = documentOf([row()]);
    expect(parseBench(JSON.stringify(doc), 'a.json')).toEqual(JSON.parse(JSON.stringify(doc)));
    expect(doc.adapter.limits.maxBufferSize).toBeGreaterThan(0);
    for (const [text, error] of [
      ['{', /a.json is not JSON/],
      ['null', /a.json is not a benchmark/],
      ['{"rows":[]}', /a.json is not a benchmark/],
      [JSON.stringify({ ...doc, version: 99 }), /format 99, but this version reads format 1/],
      [JSON.stringify({ ...doc, rows: [{ room: 'x' }] }), /without an adapter or with incomplete rows/],
      [JSON.stringify({ ...doc, adapter: undefined }), /without an adapter or with incomplete rows/],
    ] as const)
      expect(() => parseBench(text, 'a.json')).toThrow(error);
  });
});

describe('report', () => {
  test('the dots lie at the logarithms of their values, below the roof, which rises along a slope to the peak', () => {
    const rows = [row({ ms: 2, chosen: true }), row({ op: 'add', flops: 1e5, bytes: 1e6, ms: 0.5 }), row({ flops: 0 })];
    const dots = dotsOf(rows);
    expect(dots.map((d) => [d.intensity, d.gflops])).toEqual([
      [20, 10],
      [0.1, 0.2],
    ]);
    const { x, y } = axesOf(dots, PEAKS);
    expect([x.low, x.high, y.low, y.high]).toEqual([-1, 2, -1, 3]);
    // The x axis goes from 64 to 844 over three decades, and the y axis from 416 up to 46 over four.
    expect(x.at(0.1)).toBeCloseTo(64);
    expect(x.at(20)).toBeCloseTo(64 + (780 * (Math.log10(20) + 1)) / 3);
    expect(y.at(10)).toBeCloseTo(416 - (370 * 2) / 4);
    const svg = rooflinePlot(rows, PEAKS);
    expect(svg).toContain(`<circle cx="${x.at(20).toFixed(1)}" cy="${y.at(10).toFixed(1)}" r="5"/>`);
    expect(svg.match(/class="dot c\d+( chosen)?" tabindex/g)).toHaveLength(2);
    const roof = /class="roof" d="M([\d. ]+)L([\d. ]+)L([\d. ]+)"/
      .exec(svg)
      ?.slice(1)
      .map((p) => p.split(' ').map(Number));
    // The roof goes from the left edge at 0.1 · 10 GB/s = 1 over the ridge at 10 FLOP/byte to the right edge at the
    // peak of 100.
    const want = [
      [64, y.at(1)],
      [x.at(10), y.at(100)],
      [844, y.at(100)],
    ];
    for (const [i, point] of want.entries())
      for (const k of [0, 1]) expect(roof?.[i]?.[k]).toBeCloseTo(point[k] as number, 0);
    expect(rooflinePlot([row({ flops: 0 })], PEAKS)).toBe('');
  });

  test('the page makes no requests, escapes names, and shows the shares as bars', () => {
    const evil = '<script>alert("x")</script>&';
    const rows = [
      row({ variant: evil, ms: 0.4, chosen: true }),
      row({ op: 'slow', speed: undefined, untimed: `failed: ${evil}` }),
    ];
    const doc = documentOf(rows);
    const page = benchReport(doc, compareBench(documentOf([row({ case: evil })]), doc));
    expect(page).not.toContain('<script');
    expect(page.split('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;').length).toBeGreaterThan(4);
    expect(page).not.toMatch(/\b(src|href)=|url\(|@import/);
    // 2e7 operations in 0.4 ms are 50 GFLOP/s, which is half of 100.
    expect(page).toContain('50 %<span class="bar"><i style="width:50.0%"></i></span>');
    expect(page).toContain('color-scheme:light dark');
    expect(page).toContain('name="viewport"');
    for (const tag of ['table', 'section', 'svg', 'g', 'tr', 'td'])
      expect(page.split(`</${tag}>`).length, tag).toBe(page.split(new RegExp(`<${tag}[ >]`)).length);
  });
});
