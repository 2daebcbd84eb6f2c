import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromTensor, toTensor } from '../src/data/image.js';
import { similarity } from '../src/evaluation/similarity.js';
import { fromCheckpoint } from '../src/model/checkpoint.js';
import type { ModelConfig } from '../src/model/config.js';
import { inspectPair } from '../src/model/inspection.js';
import { generatorParameters, pairData } from '../src/model/pairs.js';
import { readImage } from '../src/node/images.js';
import { partTransforms, rasterise } from '../src/pose/geometry.js';
import { PERSON, type Pose } from '../src/pose/skeleton.js';
import { shareDevice, sharedEngine } from './gpu.js';
import { standing } from './person.js';
import {
  at,
  config,
  dataset,
  expected,
  HEIGHT,
  imageAt,
  net,
  out,
  PAIRS,
  POSES,
  picture,
  prepare,
  run,
  WIDTH,
} from './untrained.js';

shareDevice();

prepare();

describe('inspect', () => {
  test.each(['rectangles', 'keypoints'] as const)(
    'it shows masks, layers and matches of one pair with %s geometry',
    async (geometry) => {
      const c: ModelConfig = { ...config, geometry, maskOn: geometry === 'rectangles' ? 'source' : 'target' };
      const image = picture(2);
      const pose = standing();
      const pair = { image, pose, target: pose };
      const data = { ...pairData(c, PERSON, [pair]), target: toTensor(image) };
      const found = await inspectPair(await sharedEngine(), { config: c, data });
      const transforms = partTransforms(geometry, PERSON, pose, pose);
      const masks = transforms.map((t) => rasterise(t.mask, HEIGHT, WIDTH));
      for (let p = 0; p < HEIGHT * WIDTH; p++) {
        const bits = masks.reduce((b, m, h) => b | ((m[p] as number) << h), 0);
        expect(found.masks[p]).toBe(bits);
      }
      // With the same pose twice, every part stays in place, so a layer is the image under its mask.
      const torso = found.layers.subarray(0, 3 * HEIGHT * WIDTH);
      for (let i = 0; i < torso.length; i++) {
        const want = ((image.data[i] as number) / 255) * (masks[0]?.[Math.floor(i / 3)] as number);
        expect(Math.abs((torso[i] as number) - want)).toBeLessThan(1e-3);
      }
      expect(found.sourceHeat[(8 * WIDTH + 16) * 18]).toBeCloseTo(1, 5);
      expect(Math.max(...(found.nearest?.distance ?? [1]))).toBe(0);
      // The centre of the window wins unless an equal colour comes earlier.
      expect(found.nearest?.nearest[HEIGHT * 10 + 5]).toBe(4);
      expect(found.features).toBeUndefined();
      expect(found.winnersOf).toBe('image');
    },
  );

  test('the command draws the first pair of the dataset', async () => {
    const file = join(out, 'i.png');
    const withNet = await run('inspect', ...net(), ...dataset(), '--out', file, '--json');
    expect(withNet).toMatchObject({ code: 0 });
    expect(JSON.parse(withNet.stdout)).toMatchObject({ from: 'a_1.png', to: 'a_2.png', features: 'none' });
    expect(readImage(file).width).toBeGreaterThan(500);
  });

  test('with a generator, the winners are those of its features, level by level', async () => {
    const pair = { image: picture(2), pose: standing(), target: POSES['a_2.png'] as Pose };
    const data = { ...pairData(config, PERSON, [pair]), target: toTensor(picture(3)) };
    const trained = generatorParameters(fromCheckpoint(readFileSync(at('net.safetensors')), 'net'));
    const found = await inspectPair(await sharedEngine(), { config, data, generator: trained });
    expect(found.winnersOf).toBe('features');
    expect(found.winners.map((w) => [w.scale, w.winner.length])).toEqual([1, 2].map((s) => [s, 2048 / s ** 2]));
    const seen = new Set(found.winners[0]?.winner);
    expect(seen.has(0)).toBe(true);
    expect(seen.size).toBeGreaterThan(3);
    expect(Math.max(...seen)).toBeLessThanOrEqual(10);
    const made = fromTensor(found.generated ?? [], WIDTH, HEIGHT);
    expect(made).toEqual((await expected([['a_1.png', 'a_2.png']]))[0]);
  });

  test('features are shown level by level for a pair without a target image', async () => {
    const pair = { image: picture(2), pose: standing(), target: POSES['a_2.png'] as Pose };
    const trained = generatorParameters(fromCheckpoint(readFileSync(at('net.safetensors')), 'net'));
    const data = pairData(config, PERSON, [pair]);
    const found = await inspectPair(await sharedEngine(), { config, data, generator: trained, features: true });
    expect(found.nearest).toBeUndefined();
    const { encoder } = config;
    expect(found.features?.map((f) => [f.scale, f.appearance, f.channels])).toEqual(
      encoder.map((c, i) => [2 ** i, c, 2 * c]),
    );
    for (const { scale, channels, values } of found.features ?? [])
      expect(values.length).toBe((HEIGHT / scale) * (WIDTH / scale) * channels);
    // The half of the pose does not depend on the picture, and the other half does.
    const other = pairData(config, PERSON, [{ ...pair, image: picture(3) }]);
    const again = await inspectPair(await sharedEngine(), { config, data: other, generator: trained, features: true });
    const differs = { appearance: 0, pose: 0 };
    const [a, b] = [found.features?.[0], again.features?.[0]];
    for (const [i, v] of (a?.values ?? []).entries())
      if (v !== b?.values[i]) differs[i % (a?.channels ?? 1) < (a?.appearance ?? 0) ? 'appearance' : 'pose']++;
    expect(differs.pose).toBe(0);
    expect(differs.appearance).toBeGreaterThan(100);
  });

  test('bad names are refused', async () => {
    const bad = async (...args: string[]) =>
      (await run('inspect', ...dataset(), '--out', join(out, 'i.png'), ...args)).stderr;
    expect(await bad(...net(), '--pair', 'a_1.png')).toMatch(/two image names with a comma/);
    expect(await bad(...net(), '--pair', 'a_1.png,z.png')).toMatch(/no row for z\.png/);
    expect(await bad(...net(), '--pair', 'a_1.png,a_4.png')).toMatch(/a_4\.png is in a pair but has no right_hip/);
    expect(await bad(...net(), '--preset', 'paper')).toMatch(/--preset is given by the checkpoint/);
    expect(await bad()).toMatch(/is 64×32 .*the model takes 128×64/);
  });
});

describe('evaluate', () => {
  test('it prints means over the pairs for the generator and for a copy of the input', async () => {
    const file = join(out, 'report.json');
    const { code, stdout } = await run('evaluate', ...net(), ...dataset(), '--limit', '5', '--out', file);
    expect(code).toBe(0);
    expect(stdout).toMatch(/net\.safetensors, step 7, on the test half of d\n3 pairs of 1 identity, 64×32 /);
    expect(stdout).toMatch(/\n +SSIM +IS +mask-SSIM +mask-IS +DS\ngenerated +-?0\.\d+ +n\/a +-?0\.\d+ +n\/a +n\/a\n/);
    expect(stdout).toMatch(/\nL1 ↓ +[\d.]+ +[\d.]+ +0\.00 +\d+ % of the pairs\n/);
    expect(stdout).toMatch(/[\d.]+ ms an image on .*batches of 2.*; [\d,]+ parameters, [\d.]+ MB/);
    const report = JSON.parse(readFileSync(file, 'utf8'));
    expect(report).toMatchObject({ pairs: 3, size: [64, 32], source: { step: 7, name: 'd', split: 'test' } });
    const copies = PAIRS.map(([a, b]) => {
      const [source, target] = [readImage(imageAt(a)), readImage(imageAt(b))];
      return similarity({ source, target, generated: target, pose: POSES[b] as Pose }, PERSON).copy;
    });
    const metric = (key: string) => report.metrics.find((m: { key: string }) => m.key === key);
    for (const key of ['l1', 'ssim', 'ssim255', 'maskSsim'])
      expect(metric(key).copy.value).toBeCloseTo(copies.reduce((s, c) => s + (c?.[key] ?? Number.NaN), 0) / 3, 9);
    expect(metric('l1').generated.value).not.toBe(metric('l1').copy.value);
    expect([0, 1 / 3, 2 / 3, 1]).toContain(report.better.l1);
  });

  test('data that is missing or does not fit is an error', async () => {
    expect((await run('evaluate', ...net(), '--data', at('data'), '--name', 'x')).stderr).toMatch(/dataset x needs/);
    expect((await run('evaluate', ...net(), ...dataset(), '--split', 'val')).stderr).toMatch(
      /train or test, got "val"/,
    );
    expect((await run('evaluate', '--checkpoint', at('no'), ...dataset())).stderr).toMatch(/there is no checkpoint/);
  });
});
