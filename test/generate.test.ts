import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatAnnotations } from '../src/data/annotations.js';
import { blank, resize } from '../src/data/image.js';
import { readSafetensors, toFloat32, writeSafetensors } from '../src/data/safetensors.js';
import { ParameterStorage } from '../src/gpu/parameter-storage.js';
import { pairData } from '../src/model/pairs.js';
import { Generator } from '../src/model/trainer.js';
import { encodePng, readImage } from '../src/node/images.js';
import { PoseReader, readPerson } from '../src/node/poses.js';
import { PERSON, type Pose } from '../src/pose/skeleton.js';
import { shareDevice, sharedEngine } from './gpu.js';
import { standing } from './person.js';
import {
  at,
  config,
  dataset,
  expected,
  FRAME,
  HEIGHT,
  imageAt,
  net,
  out,
  PAIRS,
  POSES,
  person,
  picture,
  prepare,
  run,
  table,
  WIDTH,
} from './untrained.js';

shareDevice();

prepare();

describe('a checkpoint with a weight that is not a number', () => {
  test.each([
    ['generate', () => [...person(), '--target', imageAt('a_2.png'), '--out', join(out, 'x.png')]],
    ['animate', () => [...person(), '--sequence', 'walk', '--out', join(out, 'x')]],
    ['evaluate', () => [...dataset(), '--split', 'test']],
    ['inspect', () => [...dataset(), '--split', 'test', '--out', join(out, 'x.png')]],
  ])('is refused by %s before anything is written', async (command, args) => {
    const { metadata, tensors } = readSafetensors(readFileSync(at('net.safetensors')));
    const values = new Map([...tensors].map(([n, t]) => [n, { shape: t.shape, data: toFloat32(t) }]));
    values.get('generator.appearance.1.weight')?.data.fill(Number.NaN, 3, 5);
    const file = join(out, 'bad.safetensors');
    writeFileSync(file, writeSafetensors(values, metadata));
    const before = readdirSync(out);
    const { code, stderr } = await run(command, '--checkpoint', file, ...args());
    expect(stderr).toMatch(
      /bad\.safetensors: 2 of the 288 values of generator\.appearance\.1\.weight are NaN or infinite\./,
    );
    expect(code).toBe(2);
    expect(readdirSync(out)).toEqual(before);
  });
});

test('a generator whose picture has values that are not numbers is an error, not a black picture', async () => {
  const model = await Generator.create(await sharedEngine(), config, 1);
  const bias = model.set.names.filter((n) => n.endsWith('.bias')).at(-1) as string;
  const pair = { image: picture(2), pose: POSES['a_1.png'] as Pose, target: POSES['a_2.png'] as Pose };
  const data = pairData(config, PERSON, [pair]);
  await model.generate(data);
  ParameterStorage.of(await sharedEngine(), model.set).write(new Map([[bias, Float32Array.of(0, Number.NaN, 0)]]));
  await expect(model.generate(data)).rejects.toThrow('2048 of the 6144 values of the generated pictures are NaN');
  model.destroy();
});

describe('generate', () => {
  test('one target gives a file with the picture of the generator for the seed of the noise', async () => {
    const file = join(out, 'x', 'y.png');
    const args = ['--target', imageAt('a_2.png'), '--out', file, '--seed', '5', '--json'];
    const result = await run('generate', ...net(), ...person(), ...args);
    expect(result).toMatchObject({ code: 0 });
    expect(JSON.parse(result.stdout)).toEqual({ checkpoint: at('net.safetensors'), step: 7, written: [file], kept: 0 });
    expect(readImage(file)).toEqual((await expected([['a_1.png', 'a_2.png']], 5))[0]);
  });

  test('several targets from a table, JSON list, JSON object and image give triptychs in a folder', async () => {
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

  test('a picture of another size is refused with both sizes, or resized with its joints', async () => {
    const [image, poses] = [at('big_1.png'), at('big.csv')];
    writeFileSync(image, encodePng(resize(picture(2), 2 * WIDTH, 2 * HEIGHT)));
    const big = (POSES['a_1.png'] as Pose).map((p) => p && ([2 * p[0] + 1, 2 * p[1] + 1] as const));
    writeFileSync(poses, formatAnnotations(new Map([['big_1.png', big]])));
    const args = ['--image', image, '--pose', poses, '--target', `${poses}#big_1.png`, '--out', join(out, 'x.png')];
    const refused = await run('generate', ...net(), ...args);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toMatch(/big_1\.png is 128×64 \(height×width\), but the model takes 64×32.*--resize/);
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
      /no row for z\.png, only for a_1\.png, .* and 1 more/,
    ],
    ['a missing trunk joint', () => [...person(), '--target', imageAt('a_4.png')], /a_4\.png in .* has no right_hip/],
    ['a pose that is none', () => [...person(), '--target', 'sit'], /"sit" is not a pose; it can be FILE\.csv#NAME/],
    ['a missing JSON file', () => [...person(), '--target', 'sit.json'], /cannot read the poses sit\.json/],
    [
      'an image without a table',
      () => ['--image', imageAt('a_1.png'), '--pose', table(), '--target', imageAt('a_2.png')],
      /name its annotation table with --annotations/,
    ],
    [
      'several targets for one file',
      () => [...person(), '--target', table(), '--target', table(), '--out', join(out, 'x.png')],
      /x\.png is one file, but there are 2 targets/,
    ],
    ['a word too many', () => ['x'], /does not take "x"/],
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

  test('a pairs file gives triptychs, and existing ones are replaced only with --force', async () => {
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
  test('missing joints are filled in, and the same pose gives the same frame', async () => {
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

  test('a walk needs no pose file, and the rows of a table are frames in order', async () => {
    const walk = ['--sequence', 'walk', '--frames', '2', '--out', out, '--triptych'];
    expect(await run('animate', ...net(), ...person(), ...walk)).toMatchObject({ code: 0 });
    expect(readdirSync(out)).toHaveLength(2);
    expect(readImage(join(out, 'frame-0001.png')).width).toBe(3 * WIDTH + 4);
    expect(new PoseReader(PERSON).sequence(table()).map((p) => p.pose)).toEqual(Object.values(POSES));
  });

  test('errors come before anything is written', async () => {
    const bad = async (...args: string[]) => (await run('animate', ...net(), ...person(), ...args)).stderr;
    expect(await bad('--sequence', 'walk')).toMatch(/--out FOLDER for the frames, --png FILE or --gif FILE/);
    expect(await bad('--sequence', 'run', '--out', out)).toMatch(/FILE\.json, FILE\.csv or walk, got "run"/);
    expect(await bad('--sequence', 'walk', '--out', out, '--fps', '99')).toMatch(/--fps must be 1 to 60/);
    writeFileSync(at('never.json'), JSON.stringify([standing({ left_hip: null }), standing({ left_hip: null })]));
    expect(await bad('--sequence', at('never.json'), '--out', out)).toMatch(
      /every frame of .*never.json has no left_hip/,
    );
    expect(readdirSync(out)).toEqual([]);
  });
});
