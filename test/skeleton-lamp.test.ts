import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAnnotations } from '../src/data/annotations.js';
import { drawLamp, LAMP } from '../src/data/synth-lamp.js';
import { outline } from '../src/metrics/mask.js';
import type { LogRow } from '../src/model/iterate.js';
import { loadCheckpoint } from '../src/node/checkpoint-files.js';
import { readImage } from '../src/node/images.js';
import type { Point } from '../src/pose/affine.js';
import { partTransforms } from '../src/pose/geometry.js';
import { flipPose, isValid } from '../src/pose/skeleton.js';
import { shareDevice } from './gpu.js';
import { run } from './untrained.js';

shareDevice();

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const tableOf = (split: string) => at('data', `lamp-annotation-${split}.csv`);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lamp-'));
  const lamps = ['--object', 'lamp', '--train-identities', '3', '--test-identities', '1', '--images-per-identity', '3'];
  expect(await run('synth', '--out', at('data'), ...lamps, '--size', '64x32', '--seed', '4')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('lamp-skeleton.json'),
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('drawn lamps', () => {
  const lamps = Array.from({ length: 40 }, (_, i) =>
    drawLamp({ seed: 2, identity: 1 + Math.floor(i / 5), index: i % 5, height: 64, width: 32 }),
  );
  const joint = (i: number, name: string) => lamps[i]?.pose[LAMP.joints.indexOf(name)] ?? undefined;

  test('are a pure function of their options', () => {
    const options = { seed: 3, identity: 7, index: 2, height: 64, width: 48 };
    expect(drawLamp(options)).toEqual(drawLamp(options));
    for (const other of [{ seed: 4 }, { identity: 8 }, { index: 3 }])
      expect(drawLamp({ ...options, ...other }).image.data).not.toEqual(drawLamp(options).image.data);
  });

  test('have joints in whole pixels of the picture, nearly always a foot, and now and then no bulb', () => {
    for (const { pose } of lamps)
      for (const p of pose) {
        if (!p) continue;
        expect(p.every(Number.isInteger)).toBe(true);
        expect(p[0] >= 0 && p[0] < 32 && p[1] >= 0 && p[1] < 64).toBe(true);
      }
    expect(lamps.filter(({ pose }) => isValid(LAMP, pose)).length).toBeGreaterThan(34);
    const lit = lamps.filter((_, i) => joint(i, 'bulb')).length;
    expect(lit).toBeGreaterThan(15);
    expect(lit).toBeLessThan(38);
  });

  test('stand upright, with the foot below the elbow and its left on the left', () => {
    for (const i of lamps.keys()) {
      const [left, right] = [joint(i, 'foot_top_left'), joint(i, 'foot_top_right')];
      if (left && right) expect(left[0]).toBeLessThan(right[0]);
      const [elbow, below] = [joint(i, 'elbow'), joint(i, 'foot_bottom_left')];
      if (elbow && below) expect(elbow[1]).toBeLessThan(below[1]);
    }
  });

  test('keep their sides under a flip, and every part moves in both geometries', () => {
    const i = lamps.findIndex(({ pose }) => pose.every(Boolean));
    const pose = lamps[i]?.pose ?? [];
    const flipped = flipPose(LAMP, pose, 32);
    const find = (name: string) => flipped[LAMP.joints.indexOf(name)] as Point;
    expect(find('foot_top_left')[0]).toBeLessThan(find('foot_top_right')[0]);
    for (const kind of ['rectangles', 'keypoints'] as const)
      for (const { affine, mask } of partTransforms(kind, LAMP, pose, flipped)) {
        expect(affine.every((v) => Math.abs(v) < 1e3)).toBe(true);
        expect(mask).not.toBe('none');
      }
    expect(outline(LAMP).length).toBe(10);
  });
});

describe('commands', () => {
  test('know the skeleton that synth writes, and another one is an error with file and row', async () => {
    const pairs = ['pairs', '--annotations', tableOf('train'), '--out', at('pairs.csv')];
    expect(await run(...pairs, '--skeleton', at('data', 'lamp-skeleton.json'))).toMatchObject({ code: 0 });
    const { code, stderr } = await run(...pairs);
    expect(code).toBe(2);
    expect(stderr).toMatch(/lamp-annotation-train\.csv, row 2: .* has 10 values, the skeleton "person" has 18 joints/);
    expect((await run('synth', '--out', at('x'), '--object', 'cat')).stderr).toMatch(/person or lamp, got "cat"/);
    expect(existsSync(at('x'))).toBe(false);
  });

  const data = () => ['--data', at('data'), '--name', 'lamp'];

  test.each(['paper', 'authors'])('train a lamp with the preset %s', async (preset) => {
    const model = ['--preset', preset, '--size', 'small', '--width', '0.0625', '--batch', '1'];
    const pace = ['--iterations', '12', '--learning-rate', '0.004', '--seed', '1'];
    const skeleton = ['--skeleton', 'skeletons/lamp.json'];
    const trained = await run('train', ...data(), ...model, ...pace, ...skeleton, '--out', at(preset), '--json');
    expect(trained.stderr).toMatch(
      /^lamp train: 8 images \(1 more is in no pair, because one of the joints foot_top_left, [^)]* is not visible\), 14 pairs\nadapter: [^\n]+\n$/,
    );
    expect(trained.code).toBe(0);
    const log = readFileSync(at(preset, 'log.jsonl'), 'utf8').trim().split('\n');
    const l1 = log.map((line) => (JSON.parse(line) as LogRow).reconstruction);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(l1.slice(-3))).toBeLessThan(0.85 * mean(l1.slice(0, 3)));
    const { config, recipe, skeleton: kept } = loadCheckpoint(at(preset)).info;
    expect([recipe.ablation, config.loss.kind]).toEqual(['dsc', 'l1']);
    expect([config.joints, config.parts, kept]).toEqual([10, 5, LAMP]);
  });

  test('resume the first run from its folder alone, and take missing options from its checkpoint', async () => {
    const more = await run('train', '--resume', '--out', at('paper'), '--iterations', '14', '--json');
    expect(more.stderr).toMatch(/after 12 iterations/);
    expect(JSON.parse(more.stdout)).toMatchObject({ step: 14, interrupted: false });
    const kept = JSON.parse(readFileSync(at('paper', 'options.json'), 'utf8'));
    expect(kept).toMatchObject({ data: at('data'), name: 'lamp', width: '0.0625', batch: '1', iterations: '14' });

    const features = ['--features', 'bank', '--out', at('blind')];
    const blind = await run('train', ...data(), '--skeleton', 'skeletons/lamp.json', ...features);
    expect([blind.code, blind.stderr]).toEqual([2, expect.stringMatching(/default dsc has a loss on pixels.*full/)]);

    const other = await run('train', '--resume', '--out', at('paper'), '--batch', '2', '--iterations', '16');
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('batch was 1, now it is 2')]);
    expect(JSON.parse(readFileSync(at('paper', 'options.json'), 'utf8'))).toEqual(kept);

    rmSync(at('paper', 'options.json'));
    const unsaid = await run('train', '--resume', '--out', at('paper'), '--iterations', '15');
    expect([unsaid.code, unsaid.stderr]).toEqual([2, expect.stringContaining('--data is needed')]);
    const last = await run('train', ...data(), '--resume', '--out', at('paper'), '--iterations', '15', '--json');
    expect(JSON.parse(last.stdout)).toMatchObject({ step: 15 });
    expect(loadCheckpoint(at('paper')).info).toMatchObject({ step: 15, seed: 1, skeleton: LAMP });
  });

  test('evaluate the first run, whose checkpoint contains its skeleton', async () => {
    const { code, stdout } = await run('evaluate', '--checkpoint', at('paper'), ...data(), '--limit', '1', '--json');
    expect(code).toBe(0);
    const [{ generated, copy }] = JSON.parse(stdout).scores;
    for (const v of [generated.l1, generated.ssim, generated.maskSsim, copy.maskSsim]) expect(v).toBeTypeOf('number');
  });

  test('animate a lamp with the second run, but it cannot walk', async () => {
    const table = tableOf('test');
    const poses = parseAnnotations(readFileSync(table, 'utf8'), table, LAMP);
    const [source = '', target = ''] = [...poses].flatMap(([name, pose]) => (isValid(LAMP, pose) ? [name] : []));
    const picture = ['--image', at('data', 'lamp-dataset', 'test', source), '--pose', table];
    const file = at('moved.png');
    const net = ['--checkpoint', at('authors')];
    const moved = await run('generate', ...net, ...picture, '--target', `${table}#${target}`, '--out', file);
    expect(moved.code).toBe(0);
    expect(readImage(file)).toMatchObject({ height: 64, width: 32 });
    const { code, stderr } = await run('animate', ...net, ...picture, '--sequence', 'walk', '--out', at('walk'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/"lamp" has no limbs .*--sequence a file/);
    expect(existsSync(at('walk'))).toBe(false);
  });
});
