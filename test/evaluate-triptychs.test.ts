import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { formatAnnotations } from '../src/data/annotations.js';
import { identityOf, inShopName, splitOverlap } from '../src/data/identity.js';
import { blank, crop, hstack, type Image } from '../src/data/image.js';
import type { EvaluationDocument } from '../src/evaluation/document.js';
import { protocolOf } from '../src/evaluation/protocol.js';
import { similarity } from '../src/evaluation/similarity.js';
import { pairOfFile, parseLayout } from '../src/evaluation/triptych.js';
import { encodePng } from '../src/node/images.js';
import { PERSON } from '../src/pose/skeleton.js';
import { standing } from './person.js';
import { picture, run } from './untrained.js';

const root = mkdtempSync(join(tmpdir(), 'triptychs-'));
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, 'x-'));
});

const [HEIGHT, WIDTH] = [64, 32];
const image = (seed: number, width = WIDTH, height = HEIGHT) => picture(seed, height, width);
const write = (name: string, panels: readonly Image[], gap = 0, to = folder) =>
  writeFileSync(join(to, name), encodePng(hstack(panels, { gap })));
const three = (seed: number) => [image(seed), image(seed + 1), image(seed + 2)] as const;
const FILES = ['1_a.png_1_b.png.png', '1_b.png_1_a.png.png', '2_a.png_2_b.png.png'] as const;
const fill = () => {
  for (const [i, file] of FILES.entries()) write(file, three(3 * i + 2));
};

const filled = (...args: string[]) => {
  fill();
  return args;
};

const evaluate = (...args: string[]) => run('evaluate', '--triptychs', folder, ...args);
async function evaluated(...args: string[]): Promise<EvaluationDocument> {
  const { code, stdout, stderr } = await evaluate('--json', ...args);
  expect([code, stderr.replace(/^evaluating.*\n/gm, '')]).toEqual([0, '']);
  return JSON.parse(stdout);
}

describe('evaluate --triptychs', () => {
  test('compares the panels, without a device and in the order of the files', async () => {
    fill();
    const { scores, ...doc } = await evaluated();
    expect(doc).toMatchObject({ pairs: 3, identities: 2, size: [HEIGHT, WIDTH], protocol: 'whole images' });
    expect(scores.map((s) => [s.source, s.target, s.identity])).toEqual([
      ['1_a.png', '1_b.png', '1'],
      ['1_b.png', '1_a.png', '1'],
      ['2_a.png', '2_b.png', '2'],
    ]);
    for (const [i, s] of scores.entries()) {
      const [source, target, generated] = three(3 * i + 2);
      expect(s).toMatchObject(similarity({ source, target, generated }));
      expect(s.generated.maskSsim).toBeNull();
    }
    const ssim = doc.metrics.find((m) => m.key === 'ssim');
    const mean = scores.reduce((sum, s) => sum + (s.generated.ssim ?? Number.NaN), 0) / 3;
    expect(ssim?.generated?.value).toBeCloseTo(mean, 12);
    expect(ssim?.generated?.interval?.[0]).toBeLessThanOrEqual(mean);
    expect(doc.notes).toEqual([expect.stringContaining('no masks')]);
    const real = Object.fromEntries(doc.metrics.map((m) => [m.key, m.real?.value]));
    expect(real).toMatchObject({ ssim: 1, maskSsim: undefined });
    expect(doc.cost).toBeUndefined();
  });

  test('takes panels in any order, with others between them, and the white gaps of this package’s own triptychs', async () => {
    const [source, target, generated] = three(2);
    const grey = blank(WIDTH, HEIGHT, [90, 90, 90]);
    write('1.png', [generated, grey, source, target]);
    const [first] = (await evaluated('--layout', 'generated, pose, source, target')).scores;
    expect(first).toMatchObject({ source: '1.png', target: '1.png', ...similarity({ source, target, generated }) });
    write('1.png', [source, grey, target, generated], 2);
    const [second] = (await evaluated('--layout', 'source,skip,target,generated')).scores;
    expect(second).toMatchObject(similarity({ source, target, generated }));
  });

  test('takes masks from a table, and says for how many targets it has none', async () => {
    fill();
    const poses = join(folder, 'poses.csv');
    const names = ['1_a.png', '1_b.png', '2_a.png'];
    writeFileSync(poses, formatAnnotations(new Map(names.map((name, i) => [name, standing({ nose: [10 + i, 8] })]))));
    const { scores, notes } = await evaluated('--poses', poses);
    const [source, target, generated] = three(2);
    expect(scores[0]).toMatchObject(
      similarity({ source, target, generated, pose: standing({ nose: [11, 8] }) }, PERSON),
    );
    expect(scores[0]?.generated.maskSsim).toBeTypeOf('number');
    expect(scores[2]?.generated.maskSsim).toBeNull();
    expect(notes).toEqual([`1 of 3 targets have no row in ${poses}, and so no mask.`]);
  });

  test('writes JSON, CSV and HTML, and compares with an older evaluation', async () => {
    fill();
    const at = (name: string) => join(folder, 'out', name);
    const first = await evaluate('--out', at('a.json'), '--csv', at('a.csv'), '--html', at('a.html'));
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/SSIM +IS +mask-SSIM +mask-IS +DS\n/);
    expect(readFileSync(at('a.csv'), 'utf8').split('\n')).toHaveLength(5);
    const html = readFileSync(at('a.html'), 'utf8');
    expect(html.match(/src="data:image\/png;base64,iVBOR/g)).toHaveLength(3);
    expect(html).toMatch(/<h2>Best pairs by SSIM<\/h2>/);
    write(FILES[0], [image(2), image(3), image(3)]);
    const { code, stdout } = await evaluate('--compare', at('a.json'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/Compared with .*a\.json.*\nSSIM +0\.\d+ +-?0\.\d+ +0\.\d+ \[/s);
    rmSync(join(folder, FILES[2]));
    expect(await evaluate('--compare', at('a.json'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/a\.json is an evaluation of other pairs: it has 3, this one 2, and 2 are in both/),
    });
  });

  test('one picture has scores but no interval', async () => {
    write('1.png', three(2));
    const { metrics, intervals } = await evaluated();
    expect(metrics[0]?.generated).toEqual({ value: expect.any(Number), count: 1 });
    expect(intervals).toMatch(/no intervals, because they need pairs of at least two identities/);
  });

  test('--limit draws the same sample for the same seed', async () => {
    fill();
    const names = async (seed: string) => (await evaluated('--limit', '2', '--seed', seed)).scores.map((s) => s.target);
    expect(await names('1')).toHaveLength(2);
    expect(await names('1')).toEqual(await names('1'));
  });

  test.each<[string, () => string[], RegExp]>([
    ['an empty folder', () => [], /has no picture \(\.png, \.jpg, \.jpeg\); it is empty\. Fix: name the folder/],
    [
      'a folder of other files',
      () => {
        writeFileSync(join(folder, 'a.csv'), '');
        mkdirSync(join(folder, 'sub'));
        return [];
      },
      /has no picture .* it has 2 other entries \(\.csv, no extension\)/,
    ],
    [
      'a folder that is not there',
      () => ['--triptychs', join(folder, 'no')],
      /cannot read the folder .*no: ENOENT, there is no such/,
    ],
    [
      'pictures of different sizes',
      () => {
        fill();
        write('3.png', [image(2), image(3)]);
        return [];
      },
      /3\.png is 64×64 \(height×width\), but 1_a\.png_1_b\.png\.png is 64×96; all pictures must have one size/,
    ],
    [
      'a width that is no number of panels',
      () => {
        write('1.png', [image(2), image(3), image(4), image(5)]);
        return [];
      },
      /1\.png is 128 pixels wide, which is not 3 equal panels \(source, target, generated\); 2 panels would be 64 wide, 4 panels would be 32 wide.*--layout/,
    ],
    [
      'a layout without a panel',
      () => ['--layout', 'source,target'],
      /--layout "source,target" has no generated\. It names/,
    ],
    ['a layout with a panel twice', () => ['--layout', 'source,target,target,generated'], /names target 2 times/],
    ['a layout with an empty word', () => ['--layout', 'source,,target,generated'], /has a panel without a name/],
    [
      'a damaged picture',
      () => {
        fill();
        const path = join(folder, FILES[1]);
        writeFileSync(path, readFileSync(path).subarray(0, 400));
        return [];
      },
      /1_b\.png_1_a\.png\.png .*cut short|1_b\.png_1_a\.png\.png.*broken/,
    ],
    [
      'a table of other images',
      () => {
        fill();
        writeFileSync(join(folder, 'poses.csv'), formatAnnotations(new Map([['z.png', standing()]])));
        return ['--poses', join(folder, 'poses.csv')];
      },
      /no file name in .* joins two names of .*poses\.csv, as in SOURCE_TARGET\.png; the first is 1_a\.png/,
    ],
    [
      'a table for larger images',
      () => {
        fill();
        const far = standing({ left_wrist: [WIDTH + 5, 5] });
        writeFileSync(
          join(folder, 'poses.csv'),
          formatAnnotations(new Map(['1_a.png', '1_b.png'].map((n) => [n, far]))),
        );
        return ['--poses', join(folder, 'poses.csv')];
      },
      /poses\.csv, 1_b\.png: left_wrist is at x 37, y 5, outside a panel of 64×32/,
    ],
    [
      'the same pair twice',
      () => {
        fill();
        write('1_a.png_1_b.png_vis.png', three(2));
        return [];
      },
      /1_a\.png_1_b\.png\.png and 1_a\.png_1_b\.png_vis\.png in .* are the same pair/,
    ],
    ['an option of a checkpoint', () => ['--split', 'test'], /--split does not go with --triptychs/],
    ['both inputs', () => ['--checkpoint', 'x'], /name either --checkpoint .* or --triptychs FOLDER/],
    ['an unknown protocol', () => filled('--protocol', '176'), /--protocol must be 256x256 or 256x176, got "176"/],
    [
      'a protocol for other sizes',
      () => filled('--protocol', '256x176'),
      /compares images of 256×176, cut from 256×256 if necessary; these are 64×32/,
    ],
    ['an unknown network', () => filled('--without', 'resnet'), /--without resnet: there is no such network/],
    [
      'a reference of one image',
      () => {
        fill();
        mkdirSync(join(folder, 'r'));
        write('1.png', three(2), 0, join(folder, 'r'));
        return ['--reference', join(folder, 'r')];
      },
      /reference .*r has one picture, but FID needs at least two/,
    ],
  ])('%s is an error that says what was found and what to do', async (_, args, message) => {
    const given = args();
    const { code, stderr, stdout } = await evaluate(...given);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, '']);
  });
});

test('the names of a pair are found in a file name, with or without a table', () => {
  const table = new Set(['0007_c2.jpg', '0007_c3_1.jpg', 'a.png']);
  const known = (name: string) => [name, `${name}.jpg`].find((n) => table.has(n));
  expect(pairOfFile('0007_c2.jpg_0007_c3_1.jpg.png')).toEqual(['0007_c2.jpg', '0007_c3_1.jpg']);
  expect(pairOfFile('0007_c2.jpg_0007_c3_1.jpg.png', known)).toEqual(['0007_c2.jpg', '0007_c3_1.jpg']);
  expect(pairOfFile('0007_c2_2_0007_c3_1_vis.png', known)).toEqual(['0007_c2.jpg', '0007_c3_1.jpg']);
  expect(pairOfFile('1_a.png_2_b.png.png')).toEqual(['1_a.png', '2_b.png']);
  expect(pairOfFile('a.jpg___b.jpg_vis.jpg')).toEqual(['a.jpg', 'b.jpg']);
  expect(pairOfFile('00012.png')).toBeUndefined();
  expect(pairOfFile('00012.png', known)).toBeUndefined();
  expect(parseLayout('source,pose,target,generated')).toHaveLength(4);
});

describe('DeepFashion’s In-shop names', () => {
  const NAMES = {
    jacket: 'fashionMENJackets_Vestsid0000727201_1front.jpg',
    sameJacket: 'fashionMENJackets_Vestsid0000727201_4full.jpg',
    otherJacket: 'fashionMENJackets_Vestsid0000727202_1front.jpg',
    otherPerson: 'fashionMENJackets_Vestsid0000811101_1front.jpg',
  };

  test('give the person and the clothes, although a category may contain the character after which others end', () => {
    expect(inShopName(NAMES.jacket)).toEqual({ person: '00007272', clothing: 'fashionMENJackets_Vestsid0000727201' });
    expect(identityOf(NAMES.sameJacket)).toBe(identityOf(NAMES.jacket));
    expect(identityOf(NAMES.otherJacket)).not.toBe(identityOf(NAMES.jacket));
    expect(identityOf(NAMES.otherPerson)).not.toBe(identityOf(NAMES.jacket));
    expect(inShopName('0007_c2s3_070952_01.jpg')).toBeUndefined();
    expect(identityOf('0007_c2s3_070952_01.jpg')).toBe('0007');
    expect(identityOf('-1_x.jpg')).toBe('-1_x.jpg');
  });

  test('show that a split is by clothing: people may be in both halves, but no clothes', () => {
    const { jacket, sameJacket, otherJacket, otherPerson } = NAMES;
    expect(splitOverlap([jacket], [otherJacket, otherPerson])).toEqual({
      ...{ identities: 2, shared: 0 },
      people: { count: 2, shared: 1 },
    });
    expect(splitOverlap([jacket], [sameJacket])).toMatchObject({ identities: 1, shared: 1 });
    expect(splitOverlap(['1_a.png'], ['2_a.png', '1_b.png'])).toEqual({ identities: 2, shared: 1 });
  });

  test('triptychs of one set of clothes are one identity, and 256×176 compares the middle columns of 256×256', async () => {
    const { jacket, sameJacket, otherJacket } = NAMES;
    const pictures = [image(2, 256, 256), image(3, 256, 256), image(4, 256, 256)] as const;
    write(`${jacket}_${sameJacket}.png`, pictures);
    write(`${sameJacket}_${jacket}.png`, pictures);
    write(`${otherJacket}_${jacket}.png`, pictures);
    const whole = await evaluated('--protocol', '256x256', '--limit', '1');
    const middle = await evaluated('--protocol', '256x176');
    expect([whole.size, middle.size]).toEqual([
      [256, 256],
      [256, 176],
    ]);
    expect(middle).toMatchObject({ pairs: 3, identities: 1, protocol: 'the middle 176 columns of images of 256×256' });
    const [source, target, generated] = pictures.map((p) => crop(p, 40, 176)) as [Image, Image, Image];
    expect(middle.scores[0]).toMatchObject(similarity({ source, target, generated }));
    expect(whole.scores[0]?.generated.l1).not.toBe(middle.scores[0]?.generated.l1);
  });

  test('the protocol moves the pose with the picture, and leaves images of 256×176 as they are', () => {
    const [source, target, generated] = [blank(256, 256), blank(256, 256), blank(256, 256)];
    const pair = {
      names: ['a', 'b'] as const,
      identity: 'a',
      source,
      target,
      generated,
      pose: [[140, 20] as const, null],
    };
    expect(protocolOf('256x176', 256, 256).prepare(pair)).toMatchObject({
      pose: [[100, 20], null],
      target: { width: 176 },
    });
    expect(protocolOf('256x176', 256, 176)).toMatchObject({ width: 176, title: 'whole images of 256×176' });
    expect(protocolOf('256x176', 256, 176).prepare(pair)).toBe(pair);
  });
});
