import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAnnotations } from '../src/data/annotations.js';
import { blank, type Image } from '../src/data/image.js';
import { similarity } from '../src/evaluation/similarity.js';
import { cut, panelsOf, parseLayout } from '../src/evaluation/triptych.js';
import { UsageError } from '../src/gpu/errors.js';
import { l1, psnr } from '../src/metrics/l1.js';
import { masked, outline, poseMask } from '../src/metrics/mask.js';
import { dataRange, paddedRange, SSIM_51, SSIM_PADDED, SsimReference, ssim } from '../src/metrics/ssim.js';
import { readTable } from '../src/node/files.js';
import { readImage } from '../src/node/images.js';
import type { Point } from '../src/pose/affine.js';
import { PERSON, type Pose, parseSkeleton } from '../src/pose/skeleton.js';

const image = (width: number, height: number, f: (x: number, y: number, c: number) => number): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) =>
    f(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  ),
});

/**
 * Computes SSIM directly from its definition: for every pixel, weighted means, variances and the covariance over the
 * 13×13 window.
 */
function slowSsim(x: Image, y: Image, range: number): number {
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2];
  const at = (i: Image, r: number, c: number, k: number) => {
    const fold = (v: number, n: number): number => (v < 0 ? fold(-v - 1, n) : v >= n ? fold(2 * n - 1 - v, n) : v);
    return i.data[3 * (fold(r, i.height) * i.width + fold(c, i.width)) + k] as number;
  };
  const scores: number[] = [];
  for (let k = 0; k < 3; k++)
    for (let r = 5; r < x.height - 5; r++)
      for (let c = 5; c < x.width - 5; c++) {
        const window: { w: number; x: number; y: number }[] = [];
        for (let i = -6; i <= 6; i++)
          for (let j = -6; j <= 6; j++)
            window.push({ w: Math.exp(-(i * i + j * j) / 4.5), x: at(x, r + i, c + j, k), y: at(y, r + i, c + j, k) });
        const total = window.reduce((s, e) => s + e.w, 0);
        const mean = (f: (e: { x: number; y: number }) => number) =>
          window.reduce((s, e) => s + (e.w / total) * f(e), 0);
        const [mx, my] = [mean((e) => e.x), mean((e) => e.y)];
        const [vx, vy] = [mean((e) => (e.x - mx) ** 2), mean((e) => (e.y - my) ** 2)];
        const covariance = mean((e) => (e.x - mx) * (e.y - my));
        scores.push(((2 * mx * my + c1) * (2 * covariance + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2)));
      }
  return scores.reduce((a, b) => a + b) / scores.length;
}

const anyImage = (width: number, height: number): fc.Arbitrary<Image> =>
  fc
    .uint8Array({ minLength: 3 * width * height, maxLength: 3 * width * height })
    .map((data) => ({ width, height, data }));

test('SSIM equals its definition', () => {
  fc.assert(
    fc.property(anyImage(14, 12), anyImage(14, 12), (x, y) => {
      expect(ssim(x, y)).toBeCloseTo(slowSsim(x, y, dataRange(x)), 10);
      expect(ssim(x, y, 255)).toBeCloseTo(slowSsim(x, y, 255), 10);
    }),
    { numRuns: 8 },
  );
});

test('SSIM of equal images is 1; with a fixed range it is symmetric, in [−1, 1], and the same for mirrored images', () => {
  const mirror = (i: Image) =>
    image(i.width, i.height, (x, y, c) => i.data[3 * (y * i.width + i.width - 1 - x) + c] as number);
  fc.assert(
    fc.property(anyImage(16, 12), anyImage(16, 12), (x, y) => {
      expect(ssim(x, x)).toBeCloseTo(1, 12);
      const s = ssim(x, y, 255);
      expect(ssim(y, x, 255)).toBeCloseTo(s, 12);
      expect(ssim(mirror(x), mirror(y), 255)).toBeCloseTo(s, 12);
      expect(Math.abs(s)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 20 },
  );
});

test('SSIM of two plain colours is the luminance term', () => {
  const c1 = (0.01 * 255) ** 2;
  const expected = (2 * 100 * 50 + c1) / (100 ** 2 + 50 ** 2 + c1);
  expect(ssim(blank(16, 16, [100, 100, 100]), blank(16, 16, [50, 50, 50]), 255)).toBeCloseTo(expected, 9);
  // The generated image has one colour, so its range is 0, but SSIM is still a number.
  expect(ssim(blank(16, 16), blank(16, 16))).toBe(1);
});

test('the data range is that of the generated image', () => {
  const generated = image(16, 16, (x, y) => 100 + ((x * y) % 7));
  const real = image(16, 16, (x, y) => (x * 16 + y) % 256);
  expect(dataRange(generated)).toBe(6);
  expect(ssim(generated, real)).toBe(ssim(generated, real, 6));
  expect(ssim(real, generated)).toBe(ssim(real, generated, 255));
});

test('images that cannot be compared are refused', () => {
  expect(() => ssim(blank(16, 16), blank(16, 17))).toThrow(UsageError);
  expect(() => ssim(blank(10, 16), blank(10, 16))).toThrow(/at least 11×11/);
  expect(() => l1(blank(2, 1), blank(1, 2))).toThrow(/1×2 and 2×1/);
});

describe('the three conventions of SSIM', () => {
  // The figures were computed by scikit-image 0.19.3 in float64, with truncate=4 for the Gaussian window, which was its default until 2019.
  const a = (x: number, y: number, c: number) => ((((7 * x + 3 * y + 29 * c) ^ (x * y)) & 255) >> 1) + 64;
  const b = (x: number, y: number, c: number) => Math.min(255, a(x, y, c) + ((13 * x + 31 * y + 17 * c) % 41) - 20);
  test.each([
    [64, 128, 0.9457417946416257, 0.9753556698828244, 0.9519590890794717],
    [53, 51, 0.9355111834694153, 0.9739699112417589, 0.9517585929001013],
    [12, 70, 0.9309050711624792, 0.9926013932476471, null],
  ])('agree with scikit-image at a width of %i and a height of %i', (width, height, plain, padded, window51) => {
    const generated = image(width, height, a);
    const target = image(width, height, b);
    const { generated: values } = similarity({ source: target, target, generated });
    expect(values?.ssim).toBeCloseTo(plain, 11);
    expect(values?.ssimPadded).toBeCloseTo(padded, 11);
    if (window51 === null) expect(values?.ssim51).toBeNull();
    else expect(values?.ssim51).toBeCloseTo(window51, 11);
  });

  test('padding with 40 white columns on both sides gives the value of padded images', () => {
    const wide = (f: typeof a) => image(94, 16, (x, y, c) => (x < 40 || x >= 54 ? 255 : f(x - 40, y, c)));
    const [x, y] = [image(14, 16, a), image(14, 16, b)];
    const [got] = new SsimReference(y, SSIM_PADDED).compare(x, [paddedRange(x)]);
    expect(got).toBeCloseTo(ssim(wide(a), wide(b)), 11);
  });

  test('refuse images that are too small', () => {
    expect(() => new SsimReference(blank(50, 60), SSIM_51)).toThrow(/at least 51×51, got 60×50/);
    expect(() => new SsimReference(blank(60, 10), SSIM_PADDED)).toThrow(/at least 11×1, got 10×60/);
    expect(() => new SsimReference(blank(60, 60), SSIM_51).compare(blank(60, 61), [255])).toThrow(UsageError);
  });
});

test('L1 and PSNR of known arrays are right', () => {
  const a = image(2, 1, (x, _, c) => 10 * x + c);
  const b = image(2, 1, (x, _, c) => (x === 0 ? 10 * x + c : 10 * x + c + 6));
  expect(l1(a, b)).toBe(3);
  expect(psnr(a, b)).toBeCloseTo(10 * Math.log10(65025 / 18), 12);
  expect(psnr(blank(2, 2), blank(2, 2, [1, 1, 1]))).toBeCloseTo(48.1308, 4);
  expect(psnr(a, a)).toBe(Number.POSITIVE_INFINITY);
});

const NONE: Pose = PERSON.joints.map(() => null);
const pose = (joints: Record<string, Point>): Pose => PERSON.joints.map((n) => joints[n] ?? null);
const rows = (mask: Uint8Array, width: number) =>
  Array.from({ length: mask.length / width }, (_, r) =>
    [...mask.subarray(r * width, (r + 1) * width)].map((v) => '.#'[v]).join(''),
  );

test('a single joint is a disc dx² + dy² < 16, which the closing does not change', () => {
  const mask = rows(poseMask(PERSON, pose({ nose: [7, 6] }), 13, 15), 15);
  expect(mask.slice(3, 10)).toEqual([
    '.....#####.....',
    '....#######....',
    '....#######....',
    '....#######....',
    '....#######....',
    '....#######....',
    '.....#####.....',
  ]);
  expect([...mask.slice(0, 3), ...mask.slice(10)].join('')).not.toContain('#');
});

test('a segment is a rectangle of half width 4, with its upper but not its lower edge, and discs at both ends', () => {
  const mask = rows(poseMask(PERSON, pose({ neck: [8, 10], right_shoulder: [24, 10] }), 20, 32), 32);
  const columns = (r: number) => [mask[r]?.indexOf('#'), mask[r]?.lastIndexOf('#')];
  expect(mask.findIndex((r) => r.includes('#'))).toBe(6);
  expect(mask.findLastIndex((r) => r.includes('#'))).toBe(13);
  expect(columns(6)).toEqual([8, 23]);
  expect(columns(10)).toEqual([5, 27]);
});

test('segments with a missing end, without length or far outside add nothing', () => {
  expect(poseMask(PERSON, NONE, 8, 8).every((v) => v === 0)).toBe(true);
  const one = poseMask(PERSON, pose({ neck: [20, 20] }), 40, 40);
  expect(poseMask(PERSON, pose({ neck: [20, 20], nose: [20, 20] }), 40, 40)).toEqual(one);
  expect(poseMask(PERSON, pose({ neck: [20, 20], left_ankle: [35, 35] }), 40, 40).length).toBe(1600);
  const outside = poseMask(PERSON, pose({ neck: [-500, -500], nose: [-400, 900] }), 16, 16);
  expect(outside.every((v) => v === 0)).toBe(true);
});

test('the mask is closed, grows with the joints, and gaps narrower than the square are filled', () => {
  const point = fc.tuple(fc.integer({ min: -3, max: 42 }), fc.integer({ min: -3, max: 42 }));
  const set = (mask: Uint8Array) => mask.reduce((n, v) => n + v, 0);
  fc.assert(
    fc.property(point, point, point, (a, b, c) => {
      const two = poseMask(PERSON, pose({ neck: a, right_shoulder: b }), 40, 40);
      const three = poseMask(PERSON, pose({ neck: a, right_shoulder: b, right_elbow: c }), 40, 40);
      expect(two.every((v, i) => v <= (three[i] as number))).toBe(true);
      expect(set(three)).toBeGreaterThanOrEqual(set(two));
    }),
  );
  // The discs have 7 columns and are two columns apart.
  const gap = rows(poseMask(PERSON, pose({ nose: [8, 8], left_knee: [17, 8] }), 17, 26), 26);
  expect(gap[8]).toBe(`.....${'#'.repeat(16)}.....`);
});

test('the person has the 23 segments of the published mask; other skeletons follow their limbs and trunk', () => {
  expect(outline(PERSON)).toHaveLength(23);
  expect(outline(PERSON)[0]).toEqual(['neck', 'right_shoulder']);
  expect(outline({ ...PERSON, outline: undefined })).toHaveLength(8 + 2 + 2);
  expect(() => parseSkeleton({ ...PERSON, outline: [['nose', 'tail']] }, 'cat.json')).toThrow(/cat\.json.*tail/);
});

test('the masked image is black outside', () => {
  const white = blank(2, 1, [255, 255, 255]);
  expect([...masked(white, Uint8Array.of(0, 1)).data]).toEqual([0, 0, 0, 255, 255, 255]);
  expect(() => masked(white, new Uint8Array(3))).toThrow(/3 pixels/);
});

test('mask-SSIM counts only the pixels in the mask', () => {
  const real = image(48, 48, (x, y, c) => (5 * x + 3 * y + 40 * c) % 256);
  const there = pose({ neck: [24, 12], right_shoulder: [18, 14], right_hip: [20, 34] });
  const mask = poseMask(PERSON, there, 48, 48);
  const changed = { ...real, data: real.data.map((v, i) => (mask[Math.floor(i / 3)] ? v : 255 - v)) };
  const pictures = { source: real, target: real, generated: changed, pose: there };
  const { generated, copy } = similarity(pictures, PERSON);
  expect(generated?.maskSsim).toBeCloseTo(1, 12);
  expect(generated?.ssim).toBeLessThan(0.5);
  expect(generated?.ssim255).toBe(ssim(changed, real, 255));
  const ones = { ssim: 1, ssim255: 1, maskSsim: 1, maskSsim255: 1, ssimPadded: 1 };
  expect(copy).toEqual({ ...ones, ssim51: null, l1: 0, psnr: null });
});

test('without a joint there is no mask, and no mask-SSIM', () => {
  const real = image(16, 16, (x, y, c) => (5 * x + 3 * y + 40 * c) % 256);
  const pictures = { source: real, target: real, generated: blank(16, 16) };
  const none = { maskSsim: null, maskSsim255: null };
  expect(similarity(pictures, PERSON).generated).toMatchObject(none);
  expect(similarity({ ...pictures, pose: NONE }, PERSON).generated).toMatchObject(none);
  expect(similarity({ ...pictures, pose: pose({ nose: [8, 8] }) }).generated).toMatchObject(none);
  expect(similarity({ ...pictures, pose: pose({ nose: [8, 8] }) }, PERSON).generated?.maskSsim).toBeTypeOf('number');
});

const { POSE_GAN_DATA } = process.env;

describe('the authors’ images of Market-1501, which a checkout does not have', () => {
  // SSIM and mask-SSIM were computed by the authors' own program from these files, and those of the other conventions by scikit-image.
  test.runIf(POSE_GAN_DATA).each([
    ['0007_c2s3_070952_01.jpg', '0007_c3s3_077419_03.jpg', 0.2537, 0.749, 0.6903749653740298, 0.4543598631640071],
    ['0028_c1s4_033506_01.jpg', '0028_c6s1_002576_04.jpg', 0.576, 0.8929, 0.8285508757860686, 0.8060490129322924],
  ])('where POSE_GAN_DATA names the folder with market/: %s in the pose of %s', (...figures) => {
    const [from, to, expected, expectedMask, padded, window51] = figures;
    const folder = join(POSE_GAN_DATA as string, 'market');
    const file = join(folder, 'triptychs-train', `${from}_${to}.png`);
    const picture = readImage(file);
    const pictures = cut(picture, panelsOf(picture, parseLayout('source,target,generated'), file));
    const table = join(folder, 'market-annotation-train.csv');
    const there = parseAnnotations(readTable(table, 'table'), table, PERSON).get(to) as Pose;
    const { generated } = similarity({ ...pictures, pose: there }, PERSON);
    expect(generated?.ssim).toBeCloseTo(expected, 4);
    expect(generated?.maskSsim).toBeCloseTo(expectedMask, 4);
    expect(generated?.ssimPadded).toBeCloseTo(padded, 11);
    expect(generated?.ssim51).toBeCloseTo(window51, 11);
    expect(generated?.ssim255).toBeCloseTo(slowSsim(pictures.generated, pictures.target, 255), 9);
    const mask = poseMask(PERSON, there, 128, 64);
    const [a, b] = [masked(pictures.generated, mask), masked(pictures.target, mask)];
    expect(generated?.maskSsim255).toBeCloseTo(slowSsim(a, b, 255), 9);
    expect(generated?.ssim255).not.toBeCloseTo(expected, 4);
  });
});
