import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blank, type Image } from '../src/data/image.js';
import type { EvaluationFacts, ScoredPair } from '../src/evaluation/document.js';
import { fidResizeOf, InceptionScorer } from '../src/evaluation/inception-scorer.js';
import { LPIPS, lpipsScorer } from '../src/evaluation/lpips-scorer.js';
import type { Metric } from '../src/evaluation/metric.js';
import { ScoreCache, withFirstValues } from '../src/evaluation/score-cache.js';
import type { EvaluatedPair } from '../src/evaluation/scorer.js';
import { detectionScorer, RATED_ONCE } from '../src/evaluation/ssd-scorer.js';
import { summarise } from '../src/evaluation/summary.js';
import { FeatureStatistics, frechetDistance } from '../src/metrics/frechet.js';
import { inceptionScore } from '../src/metrics/inception-score.js';
import { writeEvaluationPart } from '../src/node/evaluation-part.js';
import { mergeEvaluation } from '../src/node/merge-evaluation.js';
import { newPart } from '../src/node/parts.js';
import { PERSON } from '../src/pose/skeleton.js';
import { present } from '../src/present.js';

/** Makes an image of one grey, by which a stand-in for a network recognises it. */
const grey = (value: number, size = 16): Image => blank(size, size, [value, value, value]);
const shadeOf = ({ data }: Image) => data[0] as number;

function pair(source: number, target: number, generated: number): EvaluatedPair {
  const names = [`${source}.png`, `${target}.png`] as const;
  const pictures = { source: grey(source), target: grey(target), generated: grey(generated) };
  return { names, identity: '1', ...pictures };
}

test('real images are rated once, however often they are sources and targets, also by calls that overlap', async () => {
  const seen: number[][] = [];
  const cache = new ScoreCache(async (images) => {
    seen.push(images.map(shadeOf));
    await new Promise((done) => setTimeout(done, 5));
    return images.map((i) => 10 * shadeOf(i));
  });
  const [first, second] = await Promise.all([
    cache.score([pair(1, 2, 101), pair(2, 1, 102)]),
    cache.score([pair(1, 3, 103)]),
  ]);
  expect(seen).toEqual([
    [101, 102, 1, 2],
    [103, 3],
  ]);
  expect(first).toEqual([
    { generated: 1010, copy: 10, real: 20 },
    { generated: 1020, copy: 20, real: 10 },
  ]);
  expect(second).toEqual([{ generated: 1030, copy: 10, real: 30 }]);
});

test('source and target of a pair without names are two images; a failure does not stop later calls', async () => {
  let fail = true;
  const cache = new ScoreCache(async (images) => {
    if (fail) throw new Error('lost');
    return images.map(shadeOf);
  });
  const nameless = { ...pair(1, 2, 3), names: ['0001.png', '0001.png'] as const };
  await expect(cache.score([nameless])).rejects.toThrow('lost');
  fail = false;
  expect(await cache.score([nameless])).toEqual([{ generated: 3, copy: 1, real: 2 }]);
});

test('DS rates each image by itself, mask-DS what the mask of the target pose leaves of it; without a pose there is none', async () => {
  let destroyed = false;
  /** The middle of the image is inside the mask of the pose, its corner is not. */
  const [middle, corner] = [3 * (8 * 16 + 8), 0];
  const seen: number[][] = [];
  const scorer = detectionScorer(
    {
      personScores: async (images: readonly Image[]) => {
        seen.push(images.map(({ data }) => data[corner] as number));
        return images.map(({ data }) => ((data[middle] as number) + (data[corner] as number)) / 100);
      },
      destroy: () => {
        destroyed = true;
      },
    },
    { skeleton: PERSON },
  );
  expect(scorer.metrics.map((m) => m.key)).toEqual(['ds', 'maskDs']);
  const pose = PERSON.joints.map((): [number, number] | null => null);
  pose[0] = [8, 8];
  const withPose = { ...pair(10, 20, 30), pose };
  expect(await scorer.score([pair(10, 20, 30), withPose, { ...withPose, pose: pose.map(() => null) }])).toEqual([
    { generated: { ds: 0.6, maskDs: null }, copy: { ds: 0.2, maskDs: null }, real: { ds: 0.4, maskDs: null } },
    { generated: { ds: 0.6, maskDs: 0.3 }, copy: { ds: 0.2, maskDs: 0.1 }, real: { ds: 0.4, maskDs: 0.2 } },
    { generated: { ds: 0.6, maskDs: null }, copy: { ds: 0.2, maskDs: null }, real: { ds: 0.4, maskDs: null } },
  ]);
  // Masked real images are rated once for each mask: the target has one, the source one for each target.
  await scorer.score([withPose, { ...withPose, ...pair(10, 21, 31) }]);
  expect(seen).toEqual([
    [30, 30, 30, 0, 10, 20, 0, 0],
    [30, 31, 0, 0, 21, 0, 0],
  ]);
  await scorer.close();
  expect(destroyed).toBe(true);
});

test('LPIPS compares the generated image and the source with the target', async () => {
  const [metric] = LPIPS[0]?.metrics ?? [];
  const scorer = lpipsScorer(metric as Metric, {
    distances: async (images, others) =>
      others.map((list) => list.map((image, i) => shadeOf(image) - shadeOf(images[i] as Image))),
    destroy: () => {},
    least: 12,
  });
  expect(await scorer.score([pair(10, 20, 25), pair(11, 22, 20)])).toEqual([
    { generated: { lpips00alex: 5 }, copy: { lpips00alex: -10 } },
    { generated: { lpips00alex: -2 }, copy: { lpips00alex: -11 } },
  ]);
  const small = { ...pair(1, 2, 3), target: grey(2, 11) };
  expect(await scorer.score([small, pair(10, 20, 25)])).toEqual([
    { generated: { lpips00alex: null }, copy: { lpips00alex: null } },
    { generated: { lpips00alex: 5 }, copy: { lpips00alex: -10 } },
  ]);
  const keys = LPIPS.flatMap(({ metrics, networks }) => [metrics[0]?.key, ...networks.map(({ key }) => key)]);
  expect(keys).toEqual([
    ...['lpips00alex', 'alexnet', 'lpips-alex-0.0', 'lpips01alex', 'alexnet', 'lpips-alex-0.1'],
    ...['lpips00vgg', 'vgg16', 'lpips-vgg-0.0', 'lpips01vgg', 'vgg16', 'lpips-vgg-0.1'],
  ]);
});

test('parts with caches of their own give the values of one cache, also if images of one name differ', async () => {
  const model = { personScores: async (images: readonly Image[]) => images.map(shadeOf), destroy: () => {} };
  const posed = (p: EvaluatedPair): EvaluatedPair => ({ ...p, pose: PERSON.joints.map(() => [8, 8] as const) });
  // The image 2.png of the second pair is not that of the first, as triptychs of other compression have it.
  const first = posed(pair(1, 2, 3));
  const second = posed({ ...pair(2, 1, 4), source: grey(5), target: grey(6) });
  const scored = async (...pairs: EvaluatedPair[]) => {
    const scorer = detectionScorer(model, { skeleton: PERSON });
    const scores: ScoredPair[] = [];
    for (const p of pairs) {
      const [values] = await scorer.score([p]);
      const { generated = {}, copy = {}, real = {} } = values ?? {};
      scores.push({ source: p.names[0], target: p.names[1], identity: '1', generated, copy, real });
    }
    return scores;
  };
  const whole = await scored(first, second);
  const parts = [...(await scored(first)), ...(await scored(second))];
  expect(parts).not.toEqual(whole);
  expect(RATED_ONCE.reduce<readonly ScoredPair[]>(withFirstValues, parts)).toEqual(whole);
});

describe('IS, mask-IS and FID', () => {
  /** Stands in for Inception: probabilities and features that depend on the image's shade alone. */
  const rowsOf = (images: readonly Image[]) => {
    const probabilities = new Float32Array(1008 * images.length).fill(0.5 / 1007);
    const features = new Float32Array(2048 * images.length);
    for (const [i, image] of images.entries()) {
      probabilities[1008 * i + (shadeOf(image) % 4)] = 0.5;
      features.set([shadeOf(image), shadeOf(image) ** 2 / 100, 1], 2048 * i);
    }
    return { probabilities, features };
  };
  const fake = (calls: number[] = []) => ({
    resize: 'tensorflow' as const,
    run: async (images: readonly Image[]) => {
      calls.push(images.length);
      return rowsOf(images);
    },
    destroy: () => {},
  });
  const context = { format: 'PNG files', weightsFiles: ['w.pth'] };
  const shades = (count: number) => Array.from({ length: count }, (_, i) => i);
  const pairs = (count: number) => shades(count).map((i) => pair(i % 7, 50 + (i % 5), 100 + i));
  const distance = (a: readonly number[], b: readonly number[]) => {
    const [x, y] = [a, b].map((list) => {
      const statistics = new FeatureStatistics(2048);
      statistics.add(rowsOf(list.map((v) => grey(v))).features);
      return statistics;
    }) as [FeatureStatistics, FeatureStatistics];
    return frechetDistance(x, y);
  };
  const all = shades(40).map((i) => 100 + i);
  const targets = shades(5).map((i) => 50 + i);

  test('count every generated image, and each real image once, in batches', async () => {
    const calls: number[] = [];
    const scorer = new InceptionScorer(fake(calls), context);
    for (let at = 0; at < 40; at += 8) await scorer.score(pairs(40).slice(at, at + 8));
    const { is, maskIs, fid } = await scorer.finish();
    expect(calls).toEqual([32, 20]);
    const expected = inceptionScore(rowsOf(all.map((v) => grey(v))).probabilities, 1008);
    expect(is?.generated).toEqual({ value: expected.mean, error: expected.deviation, count: 40 });
    expect(is?.real).toBeUndefined();
    expect(maskIs).toEqual({ missing: 'No target has a pose that gives a mask.' });
    expect(fid?.generated?.value).toBeCloseTo(distance(all, targets), 6);
    expect(fid?.copy?.value).toBeCloseTo(distance(shades(7), targets), 6);
    // The real targets are the reference, so that their own distance would be 0.
    expect(fid?.real).toBeUndefined();
  });

  test('compare with a given reference, also the real images, and name it with its size', async () => {
    const reference = {
      ...{ title: '3 images of train (JPEG files)', count: 3 },
      images: async function* () {
        yield [grey(10), grey(20)];
        yield [grey(40)];
      },
    };
    const progress: unknown[] = [];
    const scorer = new InceptionScorer(fake(), { ...context, reference });
    await scorer.score(pairs(40));
    const { fid } = await scorer.finish((what, done, total) => {
      if (what === 'reference images') progress.push([done, total]);
    });
    expect(fid?.real?.value).toBeCloseTo(distance(targets, [10, 20, 40]), 6);
    expect(fid?.generated?.value).toBeCloseTo(distance(all, [10, 20, 40]), 6);
    expect(progress).toEqual([
      [2, 3],
      [3, 3],
    ]);
    const convention = scorer.metrics.find((m) => m.key === 'fid')?.convention;
    expect(convention).toMatch(
      /w\.pth.*resized to 299×299 bilinear.*from PNG files, reference: 3 images of train \(JPEG files\)/,
    );
    expect(convention).toMatch(/a figure below that of other real images against the same reference proves nothing/);
  });

  test('masked images count for mask-IS alone, and only where there is a pose', async () => {
    const posed = pairs(48).map((p, i) => (i < 24 ? { ...p, pose: PERSON.joints.map(() => [8, 8] as const) } : p));
    const scorer = new InceptionScorer(fake(), { ...context, skeleton: PERSON });
    await scorer.score(posed);
    const { is, maskIs, fid } = await scorer.finish();
    expect([is?.generated?.count, maskIs?.generated?.count, fid?.generated?.count]).toEqual([48, 24, 48]);
  });

  test('FID by another convention of resizing takes its features from a second network', async () => {
    const other = {
      ...fake(),
      run: async (images: readonly Image[]) => rowsOf(images.map((i) => grey(255 - shadeOf(i)))),
    };
    const scorer = new InceptionScorer(fake(), { ...context, fidResize: 'clean-fid' }, other);
    await scorer.score(pairs(40));
    const { is, fid } = await scorer.finish();
    const expected = inceptionScore(rowsOf(all.map((v) => grey(v))).probabilities, 1008);
    expect(is?.generated?.value).toBe(expected.mean);
    const inverted = (list: readonly number[]) => list.map((v) => 255 - v);
    expect(fid?.generated?.value).toBeCloseTo(distance(inverted(all), inverted(targets)), 5);
    expect(fidResizeOf()).toBe('tensorflow');
    expect(() => fidResizeOf('pillow')).toThrow(
      /no convention "pillow" .* known are tensorflow, pytorch-fid, clean-fid/,
    );
  });

  test.each(['the real targets', 'a folder'])(
    'parts joined in their order give the same bits, against %s',
    async (kind) => {
      const posed = pairs(50).map((p, i) => (i % 3 ? { ...p, pose: PERSON.joints.map(() => [8, 8] as const) } : p));
      const shadesOfReference = [10, 20, 40];
      const referenceOf = (list: readonly number[]) => ({
        reference: {
          ...{ title: 'r', count: list.length },
          images: async function* () {
            if (list.length) yield list.map((v) => grey(v));
          },
        },
      });
      const contextOf = (list: readonly number[]) => ({
        ...{ ...context, skeleton: PERSON },
        ...(kind === 'a folder' && referenceOf(list)),
      });
      const whole = new InceptionScorer(fake(), contextOf(shadesOfReference));
      await whole.score(posed);
      const facts: EvaluationFacts = {
        ...{ title: 't', source: {}, size: [16, 16], protocol: 'whole images', notes: ['n'], missing: [] },
      };
      const folder = mkdtempSync(join(tmpdir(), 'scorers-'));
      const files: string[] = [];
      // The second part has no pairs, and the third no images of the reference.
      for (const [from, to, list] of [
        [0, 20, [10]],
        [20, 20, [20, 40]],
        [20, 50, []],
      ] as const) {
        const part = new InceptionScorer(fake(), { ...contextOf(list), isPart: true });
        await part.score(posed.slice(from, to));
        const { metrics } = part;
        const index = files.push(join(folder, String(files.length)));
        const times = { date: `2020-01-0${index}`, seconds: index };
        writeEvaluationPart(present(files.at(-1)), newPart('evaluate', { index, count: 3 }, {}), {
          ...{ facts, times, adapter: `adapter ${index % 2}`, metrics, scores: [], pictures: [] },
          set: await part.rows(),
        });
      }
      const { document } = mergeEvaluation([...files].reverse());
      rmSync(folder, { recursive: true });
      const found = await whole.finish();
      expect(document.metrics).toEqual(summarise(whole.metrics, [], found).metrics);
      expect(document).toMatchObject({ date: '2020-01-03', seconds: 6 });
      expect(document.notes).toEqual([
        'n',
        expect.stringMatching(/different adapters \(adapter 1; adapter 0\).* last digits/),
      ]);
      expect([found.is?.generated?.count, found.maskIs?.real?.count, found.fid?.copy?.count]).toEqual([
        50,
        undefined,
        7,
      ]);
    },
  );

  test('too few images have no score, and the reason is said', async () => {
    const scorer = new InceptionScorer(fake(), context);
    await scorer.score(pairs(1));
    expect(await scorer.finish()).toMatchObject({
      is: { missing: '10 splits need at least 20 images, there are 1. Evaluate more pairs.' },
      fid: {
        missing: expect.stringMatching(/FID is undefined for fewer than two images; there are 1 generated ones and 1/),
      },
    });
    await scorer.close();
  });
});
