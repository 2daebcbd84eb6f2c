import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatAnnotations } from '../src/data/annotations.js';
import { identityByName } from '../src/data/identity.js';
import { fromTensor } from '../src/data/image.js';
import { drawTargets, formatTrainList, planAugmentation } from '../src/data/reid.js';
import { fromCheckpoint } from '../src/model/checkpoint.js';
import { generatorParameters, pairData } from '../src/model/pairs.js';
import { Generator } from '../src/model/trainer.js';
import { writeFileAtomic } from '../src/node/files.js';
import { encodePng, readImage } from '../src/node/images.js';
import { encodeJpeg } from '../src/node/jpeg-encoder.js';
import { PERSON, type Pose } from '../src/pose/skeleton.js';
import { shareDevice, sharedEngine } from './gpu.js';
import { standing } from './person.js';
import { at, config, HEIGHT, net, out, picture, prepare, run, WIDTH } from './untrained.js';

describe('drawn target poses', () => {
  test('are different other images, all alike likely, and a function of seed and image', () => {
    const counts = new Array<number>(5).fill(0);
    for (let seed = 0; seed < 400; seed++) {
      const targets = drawTargets(2, 5, 3, seed);
      expect(new Set(targets).size).toBe(3);
      for (const t of targets) counts[t] = (counts[t] as number) + 1;
    }
    expect(counts[2]).toBe(0);
    // Each of the other four is expected 300 times, with a standard deviation of 9.
    for (const i of [0, 1, 3, 4]) expect(Math.abs((counts[i] as number) - 300)).toBeLessThan(45);
    expect(drawTargets(2, 1000, 3, 7)).toEqual(drawTargets(2, 1000, 3, 7));
    expect(drawTargets(2, 1000, 3, 7)).not.toEqual(drawTargets(3, 1000, 3, 7));
  });
});

describe('the plan of an augmentation', () => {
  const plan = (names: string[], sources = names, options: Partial<Parameters<typeof planAugmentation>[2]> = {}) =>
    planAugmentation(names, sources, { poses: 1, seed: 0, identity: () => identityByName, ...options });

  test('labels identities in the order of their names, also of images without a pose', () => {
    const { originals, generated } = plan(
      ['0002_c1.jpg', '0007_c1.jpg', '0010_c1.png', '5.jpg'],
      ['0010_c1.png', '5.jpg'],
    );
    expect(originals.map(({ file, label }) => [file, label])).toEqual([
      ['0002_c1.jpg', 0],
      ['0007_c1.jpg', 1],
      ['0010_c1.png', 2],
      ['5.jpg', 3],
    ]);
    expect(generated).toEqual([
      { file: '0010_c1_g1.png', label: 2, source: 0, target: 1 },
      { file: '5_g1.jpg', label: 3, source: 1, target: 0 },
    ]);
    const shop = plan(['fashionWOMENid0000386607_1front.jpg', 'fashionWOMENid0000386608_1front.jpg'], undefined, {
      ending: '.png',
    });
    expect(shop.generated.map(({ file, label }) => [file, label])).toEqual([
      ['fashionWOMENid0000386607_1front_g1.png', 0],
      ['fashionWOMENid0000386608_1front_g1.png', 1],
    ]);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['too few images', () => plan(['a_1.jpg'], undefined), /need at least 2 images with a usable pose, but there is 1/],
    [
      'two images of one name',
      () => plan(['a_1.jpg', 'a_1.png'], undefined, { ending: '.png' }),
      /a_1\.png would be a_1_g1\.png, but that is the name of another/,
    ],
    ['an image with that name', () => plan(['a_1.jpg', 'a_1_g1.jpg']), /for a_1\.jpg would be a_1_g1\.jpg, but that/],
    ['a name that is too long', () => plan([`a_${'x'.repeat(248)}.jpg`, 'b_1.jpg']), /more than 255 bytes/],
    [
      'a pattern that reads all of a name',
      () => plan(['a_1.jpg', 'b_1.jpg'], undefined, { identity: () => (n) => n }),
      /a_1\.jpg shows "a_1\.jpg", but by the name a_1_g1\.jpg .* would show "a_1_g1\.jpg"/,
    ],
  ])('%s is an error', (_, body, message) => {
    expect(body).toThrow(message);
  });

  test('becomes a list that is sorted by name', () => {
    const files = ['b_2.jpg', 'b_10.jpg', 'B_1.jpg'].map((file, label) => ({ file, label }));
    expect(formatTrainList(files, 'x/')).toBe('x/B_1.jpg 2\nx/b_10.jpg 1\nx/b_2.jpg 0\n');
    expect(() => formatTrainList([{ file: 'a 1.jpg', label: 0 }])).toThrow(/"a 1\.jpg" has a blank/);
    expect(() => formatTrainList(files, 'my folder/')).toThrow(/"my folder\/" has a blank.*--prefix/);
  });
});

describe('pose-gan reid', () => {
  shareDevice();
  prepare();
  const NAMES = ['0002_c1_1.jpg', '0002_c2_1.png', '0002_c2_2.png', '0007_c1_1.png', '0007_c1_2.png'];
  const poses = new Map(
    NAMES.map((name, i) => [name, standing({ right_wrist: [3 + i, 12], left_knee: [25, 40 + i] })] as const),
  );
  const train = (name: string) => at('data', 'd-dataset', 'train', name);
  const common = () => [...net(), '--data', at('data'), '--name', 'd', '--seed', '3'];
  const reid = (folder: string, ...args: string[]) => run('reid', ...common(), '--out', join(out, folder), ...args);
  const bytesIn = (folder: string) => {
    const names = readdirSync(join(out, folder)).sort();
    return new Map(names.map((name) => [name, readFileSync(join(out, folder, name)).toString('base64')]));
  };

  beforeAll(() => {
    for (const [i, name] of [...NAMES, '0009_c1_1.png', '0000_c1_1.png'].entries())
      writeFileAtomic(train(name), (name.endsWith('.png') ? encodePng : encodeJpeg)(picture(i + 2)));
    const all = new Map([...poses, ['0009_c1_1.png', standing({ left_hip: null })], ['0000_c1_1.png', standing()]]);
    writeFileSync(at('data', 'd-annotation-train.csv'), formatAnnotations(all));
  });

  test('generates and lists all, keeps what is complete, and in parts gives the same bytes', async () => {
    const whole = await reid('whole', '--json');
    expect(whole, whole.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(whole.stdout)).toMatchObject({ files: 16, identities: 3, copied: 6, generated: 10, kept: 0 });
    expect(whole.stderr).toMatch(/note: 1 images show no identity/);
    const list = readFileSync(join(out, 'whole', 'train.txt'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(list).toEqual([
      ...['0002_c1_1.jpg 0', '0002_c1_1_g1.jpg 0', '0002_c1_1_g2.jpg 0', '0002_c2_1.png 0', '0002_c2_1_g1.png 0'],
      ...['0002_c2_1_g2.png 0', '0002_c2_2.png 0', '0002_c2_2_g1.png 0', '0002_c2_2_g2.png 0', '0007_c1_1.png 1'],
      ...['0007_c1_1_g1.png 1', '0007_c1_1_g2.png 1', '0007_c1_2.png 1', '0007_c1_2_g1.png 1', '0007_c1_2_g2.png 1'],
      '0009_c1_1.png 2',
    ]);
    const before = bytesIn('whole');
    expect([...before.keys()]).toEqual([...list.map((line) => line.split(' ')[0]), 'reid.json', 'train.txt'].sort());
    expect(before.get(NAMES[0] as string)).toBe(readFileSync(train(NAMES[0] as string)).toString('base64'));
    expect(readImage(join(out, 'whole', '0002_c1_1_g2.jpg'))).toMatchObject({ width: WIDTH, height: HEIGHT });

    rmSync(join(out, 'whole', '0007_c1_1_g2.png'));
    writeFileSync(join(out, 'whole', '0002_c1_1_g1.jpg'), '');
    const again = await reid('whole', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ copied: 0, generated: 2, kept: 14 });
    expect(bytesIn('whole')).toEqual(before);

    const parts = [await reid('part1', '--shard', '1/2'), await reid('merged', '--shard', '2/2')];
    for (const part of parts)
      expect(part, part.stderr).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/part \d\/2 is complete; pose-gan reid/),
      });
    const unfinished = await reid('merged');
    expect(unfinished).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/holds parts of an augmentation .*--merge/),
    });
    const merge = (...folders: string[]) =>
      run('reid', '--out', join(out, 'merged'), '--merge', ...folders.map((folder) => join(out, folder)));
    const lacking = await merge();
    expect(lacking).toMatchObject({ code: 2, stderr: expect.stringMatching(/part 1\/2 is missing/) });
    const record = join(out, 'part1', 'part-1-of-2.json');
    const text = readFileSync(record, 'utf8');
    writeFileSync(record, text.replace('"seed":3', '"seed":4'));
    const mixed = await merge('part1');
    expect(mixed).toMatchObject({ code: 2, stderr: expect.stringMatching(/different work: seed is .* in the one/) });
    writeFileSync(record, text);
    const parts12 = ['part1', 'merged'].map((folder) => join(out, folder));
    for (const [file, content, message] of [
      ['photo.jpg', '', /foreign holds other files \(photo\.jpg\)/],
      ['reid.json', text.replace('"seed":3', '"seed":4'), /foreign.reid\.json are parts of different work: seed is 3/],
    ] as const) {
      const foreign = join(out, 'foreign');
      rmSync(foreign, { recursive: true, force: true });
      writeFileAtomic(join(foreign, file), content);
      const refused = await run('reid', '--out', foreign, '--merge', ...parts12);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
      expect([...bytesIn('foreign').keys()]).toEqual([file]);
    }
    const merged = await merge('part1');
    expect(merged, merged.stderr).toMatchObject({ code: 0 });
    expect(bytesIn('merged')).toEqual(before);
    const other = await reid('merged', '--poses', '1');
    expect(other).toMatchObject({ code: 2, stderr: expect.stringMatching(/different work: .* in the one/) });
  });

  test('leaves the originals out on request, writes PNG, and has the prefix of the list', async () => {
    const args = ['--only-generated', '--format', 'png', '--poses', '1', '--prefix', 'set/'];
    const { code } = await reid('only', ...args);
    expect(code).toBe(0);
    const list = readFileSync(join(out, 'only', 'train.txt'), 'utf8');
    expect(list).toBe(NAMES.map((n, i) => `set/${n.slice(0, -4)}_g1.png ${i < 3 ? 0 : 1}\n`).join(''));

    // The first batch is what the generator itself makes of these pairs.
    const set = generatorParameters(fromCheckpoint(readFileSync(at('net.safetensors')), 'net'));
    const model = await Generator.create(await sharedEngine(), config, 2, { set, seed: 3 });
    const pairs = [0, 1].map((i) => {
      const [name, target] = [NAMES[i], NAMES[drawTargets(i, NAMES.length, 1, 3)[0] as number]] as [string, string];
      return { image: readImage(train(name)), pose: poses.get(name) as Pose, target: poses.get(target) as Pose };
    });
    const values = await model.generate(pairData(config, PERSON, pairs));
    model.destroy();
    for (const i of [0, 1])
      expect(readImage(join(out, 'only', `${NAMES[i]?.slice(0, -4)}_g1.png`))).toEqual(
        fromTensor(values, WIDTH, HEIGHT, i * HEIGHT * WIDTH * 3),
      );
  });

  test.each<[string, () => string[], RegExp]>([
    [
      'a folder of other files',
      () => ['--out', at('data')],
      /holds other files \(d-annotation-test\.csv\) and no augmentation/,
    ],
    ['the training images', () => ['--out', at('data', 'd-dataset', 'train')], /holds the training images themselves/],
    ['a missing dataset', () => ['--name', 'e'], /the train half of dataset e needs .*e-annotation-train\.csv/],
    ['a part that is none', () => ['--shard', '4/3'], /--shard must be i\/n/],
    ['too many poses', () => ['--poses', '5'], /5 target poses .* need at least 6 images .* but there are 5/],
    ['no pose', () => ['--poses', '0'], /--poses must be a whole number of at least 1/],
    ['another format', () => ['--format', 'webp'], /--format must be jpg or png, got "webp"/],
    ['another quality', () => ['--quality', '101'], /--quality must be at most 100/],
    ['a merge with other options', () => ['--merge'], /--merge joins parts that are complete.* does not go with --/],
    ['a word too many', () => ['x'], /does not take "x"/],
  ])('%s is an error before anything is written', async (_, args, message) => {
    const { code, stderr } = await reid('refused', ...args());
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
    expect(readdirSync(out)).toEqual([]);
  });

  test('pictures of another size and an empty training set are errors', async () => {
    const folder = join(out, 'data');
    cpSync(at('data'), folder, { recursive: true });
    writeFileAtomic(join(folder, 'd-dataset', 'train', '0007_c1_2.png'), encodePng(picture(9, 2 * HEIGHT, 2 * WIDTH)));
    const sized = await reid('x', '--data', folder);
    expect(sized).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/0007_c1_2\.png is 128×64 .* takes 64×32.*--resize/),
    });
    const left = await reid('x', '--data', folder, '--skip-bad', '--poses', '4');
    expect(left).toMatchObject({ code: 2, stderr: expect.stringMatching(/need at least 5 images .* but there are 4/) });
    const none = join(out, 'none');
    mkdirSync(join(none, 'd-dataset', 'train'), { recursive: true });
    writeFileSync(join(none, 'd-annotation-train.csv'), formatAnnotations(new Map()));
    expect(await reid('x', '--data', none)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there is no image in/),
    });
  });
});
