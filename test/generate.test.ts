import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { formatAnnotations } from '../src/data/annotations.js';
import { blank, fromTensor, type Image, resize, toTensor } from '../src/data/image.js';
import { formatPairs } from '../src/data/pairs.js';
import { stream } from '../src/data/random.js';
import { compareImages } from '../src/metrics/metrics.js';
import { fromCheckpoint, toCheckpoint } from '../src/model/checkpoint.js';
import { type ModelConfig, modelConfig } from '../src/model/config.js';
import { inspectPair } from '../src/model/inspection.js';
import { Generator, Trainer } from '../src/model/trainer.js';
import { writeFileAtomic } from '../src/node/files.js';
import { generatorParameters, pairData } from '../src/node/generation.js';
import { encodePng, readImage } from '../src/node/images.js';
import { PoseReader, readPerson } from '../src/node/poses.js';
import { partTransforms, rasterise } from '../src/pose/geometry.js';
import { PERSON, type Pose } from '../src/pose/skeleton.js';
import { sharedEngine } from './gpu.js';
import { standing } from './person.js';

const [HEIGHT, WIDTH] = [64, 32];
/** Shallow and narrow, as every command compiles its kernels anew. */
const config: ModelConfig = {
  ...modelConfig({ ablation: 'dsc' }),
  height: HEIGHT,
  width: WIDTH,
  encoder: [3, 6, 6],
  decoder: [6, 6, 3],
  deformedLevels: 2,
  dropoutBlocks: 1,
  discriminator: [3, 1],
  batch: 2,
};

const FRAME = { height: HEIGHT, width: WIDTH, skeleton: PERSON };

const POSES: Readonly<Record<string, Pose>> = {
  'a_1.png': standing(),
  'a_2.png': standing({ right_wrist: [3, 12], left_knee: [25, 40] }),
  'a_3.png': standing({ nose: null, right_eye: null, left_eye: null }),
  'a_4.png': standing({ right_hip: null }),
};
const PAIRS = [
  ['a_1.png', 'a_2.png'],
  ['a_2.png', 'a_3.png'],
  ['a_3.png', 'a_1.png'],
] as const;

/** Blocks of colour, so that shapes are compared and not noise alone. */
function picture(seed: number, height = HEIGHT, width = WIDTH): Image {
  const random = stream(seed);
  const image = blank(width, height);
  for (let p = 0; p < width * height; p++) image.data.set([(p * seed) % 256, p % 256, random.below(256)], 3 * p);
  return image;
}

let folder: string;
let out: string;
const at = (...parts: string[]) => join(folder, ...parts);
const imageAt = (name: string) => at('data', 'd-dataset', 'test', name);
const table = () => at('data', 'd-annotation-test.csv');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'generate-'));
  for (const [i, name] of Object.keys(POSES).entries()) writeFileAtomic(imageAt(name), encodePng(picture(i + 2)));
  writeFileSync(table(), formatAnnotations(new Map(Object.entries(POSES))));
  writeFileSync(at('data', 'd-pairs-test.csv'), formatPairs(PAIRS));
  const trainer = await Trainer.create(await sharedEngine(), { config, seed: 3, batch: 1 });
  const info = { config, recipe: {}, skeleton: PERSON, step: 7, seed: 3, features: 'none' } as const;
  writeFileSync(at('net.safetensors'), toCheckpoint(trainer.sets, await trainer.state(), info));
  trainer.destroy();
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  out = mkdtempSync(join(folder, 'out-'));
});
afterEach(() => vi.restoreAllMocks());

/** Runs a command; what it printed. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  vi.spyOn(console, 'log').mockImplementation((text) => {
    stdout += `${text}\n`;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
  const code = await main(args);
  vi.restoreAllMocks();
  return { code, stdout, stderr };
}

const net = () => ['--checkpoint', at('net.safetensors')];
const dataset = () => ['--data', at('data'), '--name', 'd'];
const person = () => ['--image', imageAt('a_1.png'), '--annotations', table()];

/** The pictures for pairs of the dataset, straight from a generator; all with the noise of step 0. */
async function expected(pairs: readonly (readonly [string, string | Pose])[], seed = 0, batch = 1): Promise<Image[]> {
  const checkpoint = fromCheckpoint(readFileSync(at('net.safetensors')), 'net');
  const set = generatorParameters(checkpoint);
  const generator = await Generator.create(await sharedEngine(), config, batch, { set, seed });
  const list = pairs.map(([a, b]) => ({
    image: readImage(imageAt(a)),
    pose: POSES[a] as Pose,
    target: typeof b === 'string' ? (POSES[b] as Pose) : b,
  }));
  const values = await generator.generate(pairData(config, PERSON, list));
  generator.destroy();
  return list.map((_, i) => fromTensor(values, WIDTH, HEIGHT, i * HEIGHT * WIDTH * 3));
}

describe('generate', () => {
  test('one target into a file: the picture that the generator makes, with the seed of the noise', async () => {
    const file = join(out, 'x', 'y.png');
    const args = ['--target', imageAt('a_2.png'), '--out', file, '--seed', '5', '--json'];
    const result = await run('generate', ...net(), ...person(), ...args);
    expect(result).toMatchObject({ code: 0 });
    expect(JSON.parse(result.stdout)).toEqual({ checkpoint: at('net.safetensors'), step: 7, written: [file], kept: 0 });
    expect(readImage(file)).toEqual((await expected([['a_1.png', 'a_2.png']], 5))[0]);
  });

  test('several targets, from table, JSON list, JSON object and image, as triptychs in a folder', async () => {
    const list = at('list.json');
    writeFileSync(list, JSON.stringify(POSES['a_2.png']));
    const named = PERSON.joints.map((j, i) => [j, POSES['a_2.png']?.[i] ?? null]);
    writeFileSync(at('named.json'), JSON.stringify(Object.fromEntries(named)));
    const targets = [`${table()}#a_2.png`, list, at('named.json'), imageAt('a_2.png')].flatMap((t) => ['--target', t]);
    const pose = ['--image', imageAt('a_1.png'), '--pose', table(), '--annotations', table()];
    expect(await run('generate', ...net(), ...pose, ...targets, '--out', out, '--triptych')).toMatchObject({ code: 0 });
    const names = ['a_1_a_2.png', 'a_1_list.png', 'a_1_named.png', 'a_1_a_2-2.png'];
    expect(readdirSync(out).sort()).toEqual([...names].sort());
    const [first, second, third, last] = names.map((n) => readImage(join(out, n)));
    expect([first?.width, first?.height]).toEqual([3 * WIDTH + 4, HEIGHT]);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(last?.width).toBe(4 * WIDTH + 6);
  });

  test('a picture of another size is refused with both sizes, or fitted with its joints', async () => {
    const [image, poses] = [at('big_1.png'), at('big.csv')];
    writeFileSync(image, encodePng(resize(picture(2), 2 * WIDTH, 2 * HEIGHT)));
    const big = (POSES['a_1.png'] as Pose).map((p) => p && ([2 * p[0] + 1, 2 * p[1] + 1] as const));
    writeFileSync(poses, formatAnnotations(new Map([['big_1.png', big]])));
    const args = ['--image', image, '--pose', poses, '--target', `${poses}#big_1.png`, '--out', join(out, 'x.png')];
    const refused = await run('generate', ...net(), ...args);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toMatch(/big_1\.png is 128×64 \(height×width\), the model takes 64×32.*--resize/);
    expect(readdirSync(out)).toEqual([]);
    const fitted = readPerson(image, new PoseReader(PERSON).read(poses, 'big_1.png'), FRAME, true);
    expect(fitted.image).toMatchObject({ height: HEIGHT, width: WIDTH });
    expect(fitted.pose[0]?.[0]).toBeCloseTo(16.25, 9);
    expect(fitted.pose[0]?.[1]).toBeCloseTo(8.25, 9);
    expect(fitted.pose[7]).toBeNull();
  });

  test.each<[string, () => string[], RegExp]>([
    ['no target', person, /--target is needed/],
    ['no pose', () => ['--image', imageAt('a_1.png'), '--target', table()], /--pose is needed.*FILE\.csv#NAME/],
    [
      'an unknown name',
      () => [...person(), '--target', `${table()}#z.png`],
      /no row for z\.png; it has 4 rows: a_1\.png/,
    ],
    ['a missing trunk joint', () => [...person(), '--target', imageAt('a_4.png')], /a_4\.png in .* has no right_hip/],
    ['a pose that is none', () => [...person(), '--target', 'sit'], /"sit" is no pose; it can be FILE\.csv#NAME/],
    ['a missing JSON file', () => [...person(), '--target', 'sit.json'], /cannot read the poses sit\.json/],
    [
      'an image without a table',
      () => ['--image', imageAt('a_1.png'), '--pose', table(), '--target', imageAt('a_2.png')],
      /name its annotation table with --annotations/,
    ],
    [
      'several targets for one file',
      () => [...person(), '--target', table(), '--target', table(), '--out', join(out, 'x.png')],
      /x\.png is one file, there are 2 targets/,
    ],
    ['a word too many', () => ['x'], /one word too many/],
  ])('%s is an error before anything is written', async (_, args, message) => {
    const { code, stderr } = await run('generate', ...net(), '--out', out, ...args());
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(readdirSync(out)).toEqual([]);
  });

  test('a joint outside the picture is an error that names it', async () => {
    writeFileSync(at('far.json'), JSON.stringify(standing({ left_wrist: [WIDTH, 5] })));
    const { code, stderr } = await run('generate', ...net(), ...person(), '--target', at('far.json'), '--out', out);
    expect(code).toBe(2);
    expect(stderr).toMatch(/far\.json: left_wrist is at x 32, y 5, outside the image of 64×32/);
  });

  test('a pairs file into triptychs; what is there is left unless it is forced', async () => {
    const pairs = ['--pairs', at('data', 'd-pairs-test.csv'), ...dataset(), '--out', out, '--json'];
    const first = JSON.parse((await run('generate', ...net(), ...pairs)).stdout);
    const names = PAIRS.map(([a, b]) => `${a}_${b}.png`);
    expect(first).toMatchObject({ kept: 0, written: names.map((n) => join(out, n)) });
    const before = names.map((n) => readImage(join(out, n)));
    const whole = await expected(PAIRS.slice(0, 2), 0, 2);
    for (const [i, image] of before.slice(0, 2).entries()) {
      expect(image.width).toBe(4 * WIDTH + 6);
      const generated = blank(WIDTH, HEIGHT);
      for (let y = 0; y < HEIGHT; y++) {
        const row = 3 * (y * image.width + 3 * WIDTH + 6);
        generated.data.set(image.data.subarray(row, row + 3 * WIDTH), 3 * y * WIDTH);
      }
      expect(generated).toEqual(whole[i]);
    }
    rmSync(join(out, names[1] as string));
    const again = JSON.parse((await run('generate', ...net(), ...pairs)).stdout);
    expect(again).toMatchObject({ kept: 2, written: [join(out, names[1] as string)] });
    expect(names.map((n) => readImage(join(out, n)))).toEqual(before);
    expect(JSON.parse((await run('generate', ...net(), ...pairs)).stdout)).toMatchObject({ kept: 3, written: [] });
  });
});

describe('animate', () => {
  test('missing joints are filled in; the same pose gives the same frame', async () => {
    const [from, to] = [standing({ right_knee: [9, 42] }), standing({ right_knee: [13, 42] })];
    const between = standing({ right_knee: null, right_hip: null });
    writeFileSync(at('seq.json'), JSON.stringify([from, between, to, to]));
    const args = ['--sequence', at('seq.json'), '--out', out, '--png', join(out, 'a.png'), '--gif', join(out, 'a.gif')];
    const { code, stdout } = await run('animate', ...net(), ...person(), ...args, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ frames: 4, fps: 12 });
    const files = readdirSync(out).sort();
    expect(files).toEqual(['a.gif', 'a.png', ...[1, 2, 3, 4].map((i) => `frame-000${i}.png`)]);
    const frames = files.slice(2).map((f) => readImage(join(out, f)));
    expect(frames[3]).toEqual(frames[2]);
    expect(frames[1]).not.toEqual(frames[2]);
    expect(readImage(join(out, 'a.png'))).toEqual(frames[0]);
    expect(readFileSync(join(out, 'a.gif')).subarray(0, 6).toString()).toBe('GIF89a');

    expect(frames[1]).toEqual((await expected([['a_1.png', standing({ right_knee: [11, 42] })]]))[0]);
  });

  test('a walk with nothing at hand; the rows of a table in order', async () => {
    const walk = ['--sequence', 'walk', '--frames', '2', '--out', out, '--triptych'];
    expect(await run('animate', ...net(), ...person(), ...walk)).toMatchObject({ code: 0 });
    expect(readdirSync(out)).toHaveLength(2);
    expect(readImage(join(out, 'frame-0001.png')).width).toBe(3 * WIDTH + 4);
    expect(new PoseReader(PERSON).sequence(table()).map((p) => p.pose)).toEqual(Object.values(POSES));
  });

  test('errors come before anything is written', async () => {
    const bad = async (...args: string[]) => (await run('animate', ...net(), ...person(), ...args)).stderr;
    expect(await bad('--sequence', 'walk')).toMatch(/--out FOLDER for its frames, --png FILE or --gif FILE/);
    expect(await bad('--sequence', 'run', '--out', out)).toMatch(/FILE\.json, FILE\.csv or walk, got "run"/);
    expect(await bad('--sequence', 'walk', '--out', out, '--fps', '99')).toMatch(/--fps must be 1 to 60/);
    writeFileSync(at('never.json'), JSON.stringify([standing({ left_hip: null }), standing({ left_hip: null })]));
    expect(await bad('--sequence', at('never.json'), '--out', out)).toMatch(
      /every frame of .*never.json has no left_hip/,
    );
    expect(readdirSync(out)).toEqual([]);
  });
});

describe('inspect', () => {
  test.each(['rectangles', 'keypoints'] as const)('what %s geometry shows of one pair', async (geometry) => {
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
    // The same pose twice: every part stays where it is, so a layer is the image under its mask.
    const torso = found.layers.subarray(0, 3 * HEIGHT * WIDTH);
    for (let i = 0; i < torso.length; i++) {
      const want = ((image.data[i] as number) / 255) * (masks[0]?.[Math.floor(i / 3)] as number);
      expect(Math.abs((torso[i] as number) - want)).toBeLessThan(1e-3);
    }
    expect(found.sourceHeat[(8 * WIDTH + 16) * 18]).toBeCloseTo(1, 5);
    expect(Math.max(...found.distance)).toBe(0);
    // The centre of the window wins unless an equal colour comes earlier
    expect(found.nearest[HEIGHT * 10 + 5]).toBe(4);
    expect(found.winnersOf).toBe('image');
  });

  test('a picture of the dataset’s first pair', async () => {
    const file = join(out, 'i.png');
    const withNet = await run('inspect', ...net(), ...dataset(), '--out', file, '--json');
    expect(withNet).toMatchObject({ code: 0 });
    expect(JSON.parse(withNet.stdout)).toMatchObject({ from: 'a_1.png', to: 'a_2.png', features: 'none' });
    expect(readImage(file).width).toBeGreaterThan(500);
  });

  test('winners of a net’s features, level by level', async () => {
    const pair = { image: picture(2), pose: standing(), target: POSES['a_2.png'] as Pose };
    const data = { ...pairData(config, PERSON, [pair]), target: toTensor(picture(3)) };
    const generator = generatorParameters(fromCheckpoint(readFileSync(at('net.safetensors')), 'net'));
    const found = await inspectPair(await sharedEngine(), { config, data, generator });
    expect(found.winnersOf).toBe('features');
    expect(found.winners.map((w) => [w.scale, w.winner.length])).toEqual([1, 2].map((s) => [s, 2048 / s ** 2]));
    const seen = new Set(found.winners[0]?.winner);
    expect(seen.has(0)).toBe(true);
    expect(seen.size).toBeGreaterThan(3);
    expect(Math.max(...seen)).toBeLessThanOrEqual(10);
    const made = fromTensor(found.generated ?? [], WIDTH, HEIGHT);
    expect(made).toEqual((await expected([['a_1.png', 'a_2.png']]))[0]);
  });

  test('bad names are refused', async () => {
    const bad = async (...args: string[]) =>
      (await run('inspect', ...dataset(), '--out', join(out, 'i.png'), ...args)).stderr;
    expect(await bad(...net(), '--pair', 'a_1.png')).toMatch(/two image names with a comma/);
    expect(await bad(...net(), '--pair', 'a_1.png,z.png')).toMatch(/no row for z\.png/);
    expect(await bad(...net(), '--pair', 'a_1.png,a_4.png')).toMatch(/a_4\.png is in a pair but has no right_hip/);
    expect(await bad(...net(), '--preset', 'paper')).toMatch(/--preset is the checkpoint's own/);
    expect(await bad()).toMatch(/is 64×32 .*the model takes 128×64/);
  });
});

describe('evaluate', () => {
  test('means over the pairs, of the generator and of the copy', async () => {
    const file = join(out, 'report.json');
    const { code, stdout } = await run('evaluate', ...net(), ...dataset(), '--limit', '5', '--out', file);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mean over 3 pairs +generated +copied source\nL1, of 0 … 255 .* [\d.]+ +[\d.]+\n/);
    expect(stdout).toMatch(/mask-SSIM, as published +-?[\d.]+ +-?[\d.]+\n/);
    const report = JSON.parse(readFileSync(file, 'utf8'));
    expect(report).toMatchObject({ pairs: 3, step: 7, data: { name: 'd', split: 'test' } });
    const copies = PAIRS.map(([a, b]) =>
      compareImages(readImage(imageAt(a)), readImage(imageAt(b)), PERSON, POSES[b] as Pose),
    );
    for (const key of ['l1', 'ssim', 'ssim255', 'maskSsim'] as const)
      expect(report.copy[key]).toBeCloseTo(copies.reduce((s, c) => s + c[key], 0) / 3, 9);
    expect(report.generator.l1).not.toBe(report.copy.l1);
    expect([0, 1 / 3, 2 / 3, 1]).toContain(report.better.l1);
  });

  test('data that is not there, or does not fit, is an error', async () => {
    expect((await run('evaluate', ...net(), '--data', at('data'), '--name', 'x')).stderr).toMatch(/dataset x needs/);
    expect((await run('evaluate', ...net(), ...dataset(), '--split', 'val')).stderr).toMatch(
      /train or test, got "val"/,
    );
    expect((await run('evaluate', '--checkpoint', at('no'), ...dataset())).stderr).toMatch(/there is no checkpoint/);
  });
});
