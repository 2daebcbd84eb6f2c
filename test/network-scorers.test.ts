import { expect, test } from 'vitest';
import { blank, type Image } from '../src/data/image.js';
import { ScoreCache } from '../src/evaluation/score-cache.js';
import type { EvaluatedPair } from '../src/evaluation/scorer.js';
import { detectionScorer } from '../src/evaluation/ssd-scorer.js';

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

test('DS rates the generated image, the source and the target by itself', async () => {
  let destroyed = false;
  const scorer = detectionScorer({
    personScores: async (images: readonly Image[]) => images.map((i) => shadeOf(i) / 100),
    destroy: () => {
      destroyed = true;
    },
  });
  expect(scorer.metrics.map((m) => m.key)).toEqual(['ds']);
  expect(await scorer.score([pair(10, 20, 30)])).toEqual([
    { generated: { ds: 0.3 }, copy: { ds: 0.1 }, real: { ds: 0.2 } },
  ]);
  await scorer.close();
  expect(destroyed).toBe(true);
});
