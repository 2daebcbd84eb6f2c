import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blank } from '../src/data/image.js';
import { Bootstrap } from '../src/evaluation/bootstrap.js';
import { compareEvaluations } from '../src/evaluation/compare.js';
import { type EvaluationDocument, FORMAT, parseEvaluation, type ScoredPair } from '../src/evaluation/document.js';
import { Ranking } from '../src/evaluation/extremes.js';
import { type Metric, missingResult } from '../src/evaluation/metric.js';
import { evaluationPage } from '../src/evaluation/page.js';
import { publishedFor } from '../src/evaluation/published.js';
import type { EvaluatedPair } from '../src/evaluation/scorer.js';
import { resultOf, shareBetter } from '../src/evaluation/summary.js';
import { evaluationCsv, evaluationText } from '../src/evaluation/text.js';
import { UsageError } from '../src/gpu/errors.js';

const SSIM: Metric = {
  key: 'ssim',
  title: 'SSIM',
  convention: 'c',
  better: 'higher',
  digits: 3,
  level: 'pair',
  ofItself: 1,
};
const L1: Metric = { key: 'l1', title: 'L1', convention: 'c', better: 'lower', digits: 1, level: 'pair' };
const FID: Metric = { key: 'fid', title: 'FID', convention: 'c', better: 'lower', digits: 2, level: 'set' };
const DS: Metric = { key: 'ds', title: 'DS', convention: 'c', better: 'higher', digits: 2, level: 'pair' };

const score = (i: number, ssim: number | null, l1 = 10): ScoredPair => ({
  source: `${i % 3}_a.png`,
  target: `${i % 3}_${i}.png`,
  identity: String(i % 3),
  generated: { ssim, l1 },
  copy: { ssim: 0.2, l1: 20 },
});

function documentOf(scores: readonly ScoredPair[], change: Partial<EvaluationDocument> = {}): EvaluationDocument {
  const bootstrap = new Bootstrap(scores.map((s) => s.identity));
  const sets = { fid: { generated: { value: 12.345, error: 0.5, count: scores.length } } };
  return {
    ...{ format: FORMAT, library: '0', date: '2020-01-02T03:04:05Z', title: 'a model', source: { step: 7 } },
    ...{ size: [128, 64], protocol: 'whole images', pairs: scores.length, identities: 3, intervals: 'Intervals.' },
    metrics: [
      ...[SSIM, L1, FID].map((metric) => resultOf(metric, scores, sets, bootstrap)),
      missingResult(DS, 'SSD is not installed: fetch it.'),
    ],
    better: { ssim: shareBetter(SSIM, scores) },
    ...{ notes: ['A note.'], seconds: 1, scores },
    ...change,
  };
}

const SCORES = Array.from({ length: 12 }, (_, i) => score(i, 0.3 + 0.01 * i));

describe('bootstrap intervals', () => {
  test('cover the mean of normal data in about 95 of 100 cases', () => {
    let [covered, widths] = [0, 0];
    let seed = 1;
    // A multiplicative generator that is independent of the bootstrap's own
    const uniform = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    const cases = 200;
    for (let c = 0; c < cases; c++) {
      const values = Array.from({ length: 60 }, () => Array.from({ length: 12 }, uniform).reduce((a, b) => a + b) - 6);
      const [low = 1, high = 0] = new Bootstrap(values.map((_, i) => String(i))).interval(values) ?? [];
      covered += Number(low <= 0 && high >= 0);
      const mean = values.reduce((a, b) => a + b) / 60;
      const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 60);
      widths += (high - low) / (2 * (deviation / Math.sqrt(60)));
    }
    // 95 % of 200 are 190 with a deviation of 3.1; the percentile bootstrap of 60 values covers slightly less.
    expect(covered).toBeGreaterThan(175);
    expect(covered).toBeLessThan(200);
    // 1.96 standard errors on each side; 1.64 would be 90 %.
    expect(Math.abs(widths / cases - 1.96)).toBeLessThan(0.05);
  });

  test('draw all pairs of an identity together, which widens them if its pairs are alike', () => {
    const values = Array.from({ length: 100 }, (_, i) => Math.floor(i / 10) % 2);
    const width = (identities: string[]) => {
      const [low = 0, high = 0] = new Bootstrap(identities).interval(values) ?? [];
      return high - low;
    };
    const alone = width(values.map((_, i) => String(i)));
    const together = width(values.map((_, i) => String(Math.floor(i / 10))));
    // Of n independent halves the interval is about 2 · 1.96 · ½ / √n wide.
    expect(alone).toBeGreaterThan(0.15);
    expect(alone).toBeLessThan(0.24);
    expect(together).toBeGreaterThan(0.5);
    expect(together).toBeLessThan(0.72);
  });

  test('contain constant values exactly, are the same again, and follow shifts and scales', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -9, max: 9, noNaN: true }), { minLength: 2, maxLength: 8 }), (values) => {
        const make = () => new Bootstrap(values.map((_, i) => String(i)));
        const [low = 0, high = 0] = make().interval(values) ?? [];
        expect(make().interval(values)).toEqual([low, high]);
        expect(low).toBeLessThanOrEqual(high);
        const moved = make().interval(values.map((v) => 3 * v + 1)) ?? [0, 0];
        expect(moved[0]).toBeCloseTo(3 * low + 1, 9);
        expect(moved[1]).toBeCloseTo(3 * high + 1, 9);
        expect(make().interval(values.map(() => 2))).toEqual([2, 2]);
      }),
      { numRuns: 10 },
    );
  });

  test('leave out missing values, and do not exist for one identity', () => {
    const bootstrap = new Bootstrap(['a', 'a', 'b', 'c']);
    expect(bootstrap.interval([1, null, 1, null])).toEqual([1, 1]);
    expect(bootstrap.interval([1, 2, null, null])).toBeUndefined();
    expect(bootstrap.interval([null, null, null, null])).toBeUndefined();
    expect(() => bootstrap.interval([1])).toThrow(UsageError);
  });
});

describe('an evaluation as text', () => {
  const text = evaluationText(documentOf(SCORES)).join('\n');

  test('has the paper’s columns with n/a for what cannot be computed, and every metric with its convention', () => {
    expect(text).toMatch(/^a model\n12 pairs of 3 identities, 128×64 \(height×width\), whole images\n/);
    expect(text).toMatch(
      /\ngenerated +0\.355 \[0\.3\d\d, 0\.3\d\d\] +n\/a +n\/a +n\/a +n\/a\ncopy of the source +0\.200 /,
    );
    expect(text).toMatch(/\nreal images +1\.000 /);
    expect(text).toMatch(/\nSSIM ↑ .* 100 % of the pairs\nL1 ↓ +10\.0 .*\nFID ↓ +12\.35 ± 0\.50 +n\/a/);
    expect(text).toMatch(/Conventions:\n {2}SSIM: c\.\n.* {2}Intervals\.\n/s);
    expect(text).toMatch(/\nDS: n\/a\. SSD is not installed: fetch it\.\nA note\.$/);
  });

  test('shows published figures as copied ones, with year, protocol and source, only for their sizes', () => {
    expect(text).toMatch(/Published for Market-1501; copied, not computed here/);
    expect(text).toMatch(/this paper, full, 2018 +0\.290 +3\.185 +0\.805 +3\.502 +0\.72 +128×64.*arXiv 1801\.00055/);
    expect(publishedFor([256, 256])).toBe(publishedFor([256, 176]));
    expect(publishedFor([64, 32])).toBeUndefined();
    const later = evaluationText(documentOf(SCORES, { size: [256, 176] })).join('\n');
    expect(later).toMatch(/GFLA, 2020 +0\.65 .* 10\.57 +0\.197 +176×256 pixels; SSIM with a window of 51/);
    for (const size of [
      [128, 64],
      [256, 256],
    ] as const)
      for (const row of publishedFor(size)?.rows ?? []) expect(row).toMatchObject({ protocol: /./, source: /./ });
  });
});

describe('an evaluation as CSV', () => {
  test('has a row per pair, the columns that have values, and quoted names', () => {
    const odd = { ...score(0, null), source: 'a "b",c.png', real: { ds: 0.5 } };
    const doc = documentOf([odd, score(1, 0.5)]);
    const csv = evaluationCsv({
      ...doc,
      metrics: [...doc.metrics.slice(0, 3), { ...missingResult(DS, ''), missing: '' }],
    });
    expect(csv.split('\n')).toEqual([
      'source,target,identity,generated.ssim,generated.l1,copy.ssim,copy.l1,real.ds',
      '"a ""b"",c.png",0_0.png,0,,10,0.2,20,0.5',
      '1_a.png,1_1.png,1,0.5,10,0.2,20,',
      '',
    ]);
  });
});

describe('an evaluation as a page', () => {
  const pair = (name: string): EvaluatedPair => ({
    ...{ names: [name, name], identity: name },
    ...{ source: blank(1, 1), target: blank(1, 1), generated: blank(1, 1) },
  });
  const evil = '<script>alert("1")</script>&';

  test('has tables, histograms and pictures, and escapes every text from outside', () => {
    const scores = SCORES.map((s) => ({ ...s, source: evil, identity: evil + s.identity }));
    const picture = { names: [evil, evil] as const, value: 0.5, src: `data:${evil}`, width: 3, height: 1 };
    const extremes = { title: evil, digits: 2, best: [picture], worst: [picture] };
    const doc = documentOf(scores, {
      title: evil,
      source: { [evil]: evil },
      notes: [evil],
      protocol: evil,
      intervals: evil,
    });
    const other = { file: evil, title: evil, date: evil };
    const html = evaluationPage(doc, extremes, { other, metrics: [] });
    expect(html).not.toMatch(/<script|alert\("/);
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;');
    expect(html.match(/<svg/g)).toHaveLength(2);
    expect(html.match(/<img/g)).toHaveLength(2);
    expect(html).toMatch(/color-scheme:light dark/);
    expect(html).not.toMatch(/undefined|NaN|https?:\/\//);
  });

  test('a histogram counts every value once', () => {
    const html = evaluationPage(documentOf(SCORES));
    const [first = ''] = html.match(/<figure><svg.*?<\/figure>/s) ?? [];
    // From 0.2, where all copies are, to 0.41: 24 bins of 0.00875, so that the 12 generated values are in bins of their own.
    expect(first).toMatch(/aria-label="SSIM, 12 pairs, from 0\.200 to 0\.410"/);
    const heights = [...first.matchAll(/class="generated" x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)"/g)];
    expect(heights).toHaveLength(24);
    expect(heights.filter((m) => Number(m[1]) > 0)).toHaveLength(12);
    expect(first).toMatch(/text-anchor="end">12<\/text>/);
  });

  test('the best and the worst pairs are kept, whichever comes first, and none is in both', () => {
    const ranking = new Ranking(L1, 2);
    for (const [i, v] of [5, 1, null, 9, 3].entries()) ranking.add(pair(String(i)), v);
    expect(ranking.best.map((r) => r.value)).toEqual([1, 3]);
    expect(ranking.worst.map((r) => r.value)).toEqual([9, 5]);
    const few = new Ranking(SSIM, 2);
    for (const v of [0.5, 0.7, 0.6]) few.add(pair(String(v)), v);
    expect(few.best.map((r) => r.value)).toEqual([0.7, 0.6]);
    expect(few.worst.map((r) => r.value)).toEqual([0.5]);
  });
});

describe('a comparison of two evaluations', () => {
  const read = (doc: EvaluationDocument) => parseEvaluation(JSON.parse(JSON.stringify(doc)), 'old.json');
  const before = documentOf(SCORES);
  const changed = (by: (i: number) => number) =>
    documentOf(SCORES.map((s, i) => ({ ...s, generated: { ssim: (s.generated.ssim ?? 0) + by(i), l1: 10 } })));

  test('is paired, so that a constant difference has no spread although scores vary, in any order of the pairs', () => {
    const old = { ...before, scores: [...before.scores].reverse() };
    const { metrics, other } = compareEvaluations(
      changed(() => 0.02),
      read(old),
      'old.json',
    );
    expect(other).toEqual({ file: 'old.json', title: 'a model', date: '2020-01-02T03:04:05Z' });
    const [ssim, l1, fid, ds] = metrics;
    expect(ssim).toMatchObject({ key: 'ssim', verdict: 'better' });
    for (const v of [ssim?.difference?.value, ...(ssim?.difference?.interval ?? [])]) expect(v).toBeCloseTo(0.02, 12);
    expect(l1).toMatchObject({ verdict: 'undecided', difference: { value: 0, interval: [0, 0] } });
    expect(fid).toMatchObject({ verdict: 'no interval', difference: { value: 0 } });
    expect(ds).toMatchObject({ verdict: 'not comparable', difference: null });
  });

  test('says worse, or that a difference is not decided', () => {
    const verdict = (by: (i: number) => number) =>
      compareEvaluations(changed(by), read(before), 'f').metrics[0]?.verdict;
    expect(verdict(() => -0.02)).toBe('worse');
    expect(verdict((i) => [0.1, -0.1, 0.01][i % 3] as number)).toBe('undecided');
    const text = evaluationText(
      changed(() => 0.02),
      compareEvaluations(
        changed(() => 0.02),
        read(before),
        'f',
      ),
    ).join('\n');
    expect(text).toMatch(
      /Compared with a model \(f, 2020.*\nSSIM +0\.375 +0\.355 +0\.0200 \[0\.0200, 0\.0200\] +better\n/s,
    );
  });

  test('is refused for other pairs and sizes, and says of other conventions that they differ', () => {
    expect(() => compareEvaluations(before, read(documentOf(SCORES.slice(1))), 'f')).toThrow(
      /f is an evaluation of other pairs: it has 11, this one 12, and 11 are in both; 0_a\.png → 0_0\.png is in this one alone/,
    );
    expect(() => compareEvaluations(before, read({ ...before, size: [256, 256] }), 'f')).toThrow(
      /f compares images of 256×256, this evaluation images of 128×64/,
    );
    const metrics = before.metrics.map((m) => ({ ...m, convention: 'another' }));
    const { metrics: compared } = compareEvaluations(before, read({ ...before, metrics }), 'f');
    expect(compared[0]).toMatchObject({ verdict: 'not comparable', reason: 'f computed it in another way: another' });
  });

  test.each<[string, unknown, RegExp]>([
    ['a list', [], /old\.json is not an evaluation: its "format" is \[\]/],
    [
      'another document',
      { format: 'x' },
      /its "format" is "x", not "webgpu-pose-gan evaluation"\. Fix: pose-gan evaluate/,
    ],
    ['no size', { ...before, size: 3 }, /old\.json: size must be \[height, width\], found 3/],
    ['no scores', { ...before, scores: 1 }, /old\.json: scores must be a list, found 1/],
    ['a pair without a name', { ...before, scores: [{}] }, /scores\[0\]\.source must be a text, found nothing/],
    [
      'a score that is a text',
      { ...before, scores: [{ ...SCORES[0], generated: { ssim: '1' } }] },
      /scores\[0\]\.generated\.ssim must be a number or null, found "1"/,
    ],
    ['a metric without a key', { ...before, metrics: [{ generated: null }] }, /metrics\[0\]\.key must be a text/],
  ])('refuses %s', (_, json, message) => {
    expect(() => parseEvaluation(json, 'old.json')).toThrow(message);
    expect(() => parseEvaluation(json, 'old.json')).toThrow(UsageError);
  });
});
