import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { compile } from '../src/compiler/compile.js';
import { conv2d } from '../src/kernels/conv2d/oracle.js';
import { oihwToHwio } from '../src/kernels/layout.js';
import { type Nd, nd, testRandom } from '../src/kernels/oracle.js';
import { conv1_2, meanActivation, REFERENCE_ACTIVATION, referenceImage, scaleFeatures } from '../src/model/features.js';
import { filterBank } from '../src/model/filter-bank.js';
import { Vgg } from '../src/model/vgg.js';
import { importVgg19, recogniseVgg19 } from '../src/model/vgg19.js';
import { sharedEngine } from './gpu.js';
import { stored, type Tensors, torchvision } from './torchvision.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pose-gan-weights-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** Makes a picture of h×w 8-bit RGB values. */
const picture = (h: number, w: number, seed = 5): Float32Array => {
  const random = testRandom(seed);
  return Float32Array.from({ length: h * w * 3 }, () => Math.floor(256 * random()));
};

/** Computes conv1_2 as torchvision does, but in float64: (v/255 − mean)/deviation in RGB, zero padding, ReLU. */
function torchvisionFeatures(tensors: Tensors, rgb: ArrayLike<number>, h: number, w: number): Nd {
  const [mean, deviation] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  const window = { stride: [1, 1], pad: [1, 1, 1, 1], dilation: [1, 1] } as const;
  const run = (x: Nd, layer: number): Nd => {
    const { shape, data } = tensors.get(`features.${layer}.weight`) as { shape: number[]; data: Float32Array };
    const bias = tensors.get(`features.${layer}.bias`)?.data ?? new Float32Array();
    const weight = oihwToHwio(nd(shape, (i) => data[i] as number));
    const y = conv2d(
      x,
      weight,
      nd([bias.length], (i) => bias[i] as number),
      window,
    );
    return nd(y.shape, (i) => Math.max(0, y.data[i] as number));
  };
  const x = nd(
    [1, h, w, 3],
    (i) => ((rgb[i] as number) / 255 - (mean?.[i % 3] as number)) / (deviation?.[i % 3] as number),
  );
  return run(run(x, 0), 2);
}

test('torchvision weights give the same features after our pre-processing, and nearly the same at the border', () => {
  const [h, w] = [9, 8];
  const tensors = torchvision();
  const rgb = picture(h, w);
  const { weights, convention } = importVgg19(stored(tensors), 'v.safetensors');
  expect(convention).toBe('torchvision');
  const got = conv1_2(weights, rgb, h, w);
  const want = torchvisionFeatures(tensors, rgb, h, w).data;
  const largest = Math.max(...want);
  let [inside, border] = [0, 0];
  for (const [k, v] of want.entries()) {
    const [r, c] = [Math.floor(k / 64 / w), Math.floor(k / 64) % w];
    const error = Math.abs((got[k] as number) - v) / largest;
    if (Math.min(r, c, h - 1 - r, w - 1 - c) >= 2) inside = Math.max(inside, error);
    else border = Math.max(border, error);
  }
  expect(inside).toBeLessThan(1e-5);
  // The two conventions pad with mean colours that differ by 0.009 deviations.
  expect(border).toBeGreaterThan(1e-5);
  expect(border).toBeLessThan(0.01);
});

test('Caffe-style weights are used unchanged', () => {
  const names = { 0: 'conv1_1', 2: 'conv1_2', 5: 'conv2_1' } as Record<string, string>;
  const caffe: Tensors = new Map(
    [...torchvision()].map(([k, t]) => [k.replace(/features\.(\d)/, (_, n) => names[n] ?? ''), t]),
  );
  const { weights, convention } = importVgg19(stored(caffe), 'v');
  expect(convention).toBe('caffe');
  const first = caffe.get('conv1_1.weight')?.data as Float32Array;
  // [o, c, r, k] → [r, k, c, o]
  expect(weights.get('conv1_1.weight')?.[(5 * 3 + 1) * 64 + 7]).toBe(first[(7 * 3 + 1) * 9 + 5]);
  expect(weights.get('conv1_1.bias')).toEqual(caffe.get('conv1_1.bias')?.data);
});

describe('names', () => {
  const vgg19 = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34];
  const names = (positions: number[], prefix = '') =>
    positions.flatMap((p) => [`${prefix}features.${p}.weight`, `${prefix}features.${p}.bias`]);

  test('a complete VGG-19 is recognised, even under a prefix', () => {
    expect(recogniseVgg19(names(vgg19), 'f').names.get('conv2_1.bias')).toBe('features.5.bias');
    expect(recogniseVgg19(names(vgg19, 'state_dict.'), 'f').names.get('conv1_1.weight')).toBe(
      'state_dict.features.0.weight',
    );
  });

  test.each([
    ['vgg16', [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28], /another VGG.*features\.17/],
    ['vgg13', [0, 2, 5, 7, 10, 12, 15, 17, 20, 22], /another VGG.*features\.15/],
    ['vgg11', [0, 3, 6, 8, 11, 13, 16, 18], /another VGG.*features\.3/],
    ['vgg19_bn', [0, 1, 3, 4, 7, 8], /another VGG.*features\.1\./],
    ['half of one', [0, 2], /has no features\.5\.weight/],
  ])('%s is refused', (_, positions, message) => {
    expect(() => recogniseVgg19(names(positions), 'f')).toThrow(message);
  });

  test('the error for another file says what was expected and found', () => {
    expect(() => recogniseVgg19(['a', 'b', 'c', 'd', 'e'], 'f')).toThrow(/features\.0\.weight.*a, b, c, d and 1 more/);
  });
});

test.each([
  [
    'a shape',
    (t: Tensors) => t.set('features.2.weight', { shape: [1], data: Float32Array.of(1) }),
    /features\.2\.weight is \[1\], VGG-19 has \[64,64,3,3\]/,
  ],
  [
    'a number that is none',
    (t: Tensors) => t.get('features.2.bias')?.data.fill(Number.NaN),
    /features\.2\.bias reach Infinity/,
  ],
  ['the range', (t: Tensors) => t.get('features.0.weight')?.data.fill(1e6), /features\.0\.weight reach 1000000/],
  ['zeros', (t: Tensors) => t.get('features.5.weight')?.data.fill(0), /features\.5\.weight reach 0/],
  ['dead features', (t: Tensors) => t.get('features.2.bias')?.data.fill(-99), /features of mean 0/],
])('%s that VGG-19 does not have is refused', (_, damage, message) => {
  const tensors = torchvision();
  damage(tensors);
  expect(() => importVgg19(stored(tensors), 'v.pth')).toThrow(message);
});

test('scaled features equal the features times the gain, up to rounding', () => {
  const { weights } = importVgg19(stored(torchvision()), 'v');
  const { rgb, size } = referenceImage();
  const small = rgb.subarray(0, 3 * size * 4);
  const [plain, scaled] = [conv1_2(weights, small, 4, size), conv1_2(scaleFeatures(weights, 64), small, 4, size)];
  expect(Math.max(...plain)).toBeGreaterThan(0.1);
  for (const [i, v] of plain.entries()) expect(scaled[i]).toBeCloseTo(64 * v, 3);
});

describe('the filter bank', () => {
  const bank = filterBank();

  test('has 64 active channels as large as VGG’s, and is always the same', () => {
    expect(filterBank()).toEqual(bank);
    const { rgb, size } = referenceImage();
    const features = conv1_2(bank, rgb, size, size);
    const means = Array.from(
      { length: 64 },
      (_, c) => features.filter((_, i) => i % 64 === c).reduce((a, b) => a + b, 0) / size ** 2,
    );
    for (const m of means) {
      expect(m).toBeGreaterThan(REFERENCE_ACTIVATION / 100);
      expect(m).toBeLessThan(REFERENCE_ACTIVATION * 10);
    }
    const ratio = meanActivation(bank) / REFERENCE_ACTIVATION;
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  /**
   * Computes the nearest-neighbour loss: the mean over pixels of the least L1 distance of features within a 5×5 window.
   */
  function distance(a: Float32Array, b: Float32Array, n: number): number {
    let total = 0;
    for (let r = 0; r < n; r++)
      for (let c = 0; c < n; c++) {
        let best = Number.POSITIVE_INFINITY;
        for (let i = Math.max(0, r - 2); i <= Math.min(n - 1, r + 2); i++)
          for (let j = Math.max(0, c - 2); j <= Math.min(n - 1, c + 2); j++) {
            let sum = 0;
            for (let k = 0; k < 64; k++)
              sum += Math.abs((a[(r * n + c) * 64 + k] as number) - (b[(i * n + j) * 64 + k] as number));
            best = Math.min(best, sum);
          }
        total += best;
      }
    return total / n ** 2;
  }

  test('an image is nearer to a shift of itself than to another image, and more distant greys are more distant', () => {
    const n = 28;
    const { rgb, size } = referenceImage();
    const crop = (f: (x: number, y: number, c: number) => number) =>
      conv1_2(
        bank,
        Float32Array.from({ length: 3 * n * n }, (_, i) => f(Math.floor(i / 3) % n, Math.floor(i / 3 / n), i % 3)),
        n,
        n,
      );
    const at = (x: number, y: number, c: number) => rgb[3 * (y * size + x) + c] as number;
    const original = crop((x, y, c) => at(x + 2, y + 2, c));
    const shifted = distance(
      crop((x, y, c) => at(x + 3, y + 1, c)),
      original,
      n,
    );
    const turned = distance(
      crop((x, y, c) => at(y + 2, x + 2, c)),
      original,
      n,
    );
    expect(distance(original, original, n)).toBe(0);
    expect(shifted).toBeLessThan(turned / 3);
    const plain = (v: number) => crop(() => v);
    // A blur has the right colours at about the right places, so it must be nearer than one grey for all.
    const blurred = crop((x, y, c) => {
      let [sum, count] = [0, 0];
      for (let i = -3; i <= 3; i++)
        for (let j = -3; j <= 3; j++) {
          const [u, v] = [x + 2 + i, y + 2 + j];
          if (Math.min(u, v) < 0 || Math.max(u, v) >= size) continue;
          sum += at(u, v, c);
          count++;
        }
      return sum / count;
    });
    const grey = rgb.reduce((a, b) => a + b, 0) / rgb.length;
    expect(distance(blurred, original, n)).toBeLessThan(distance(plain(grey), original, n));
    expect(distance(plain(100), plain(110), n)).toBeGreaterThan(0);
    expect(distance(plain(100), plain(140), n)).toBeGreaterThan(2 * distance(plain(100), plain(110), n));
  });

  test('grey edges excite the channels of their direction and sign, and colour edges only those of colour', () => {
    const n = 9;
    const respond = (f: (x: number, y: number, c: number) => number) => {
      const y = conv1_2(
        bank,
        Float32Array.from({ length: 3 * n * n }, (_, i) => f(Math.floor(i / 3) % n, Math.floor(i / 3 / n), i % 3)),
        n,
        n,
      );
      return y.slice((4 * n + 4) * 64, (4 * n + 5) * 64);
    };
    const best = (y: Float32Array, from: number, to: number) => {
      const part = [...y.slice(from, to)];
      return from + part.indexOf(Math.max(...part));
    };
    // Brighter to the right is direction 0, positive; to the left negative; downwards it is direction 4 of 8.
    expect(
      best(
        respond((x) => (x < 4 ? 60 : 180)),
        12,
        28,
      ),
    ).toBe(12);
    expect(
      best(
        respond((x) => (x > 4 ? 60 : 180)),
        12,
        28,
      ),
    ).toBe(13);
    expect(
      best(
        respond((_, y) => (y < 4 ? 60 : 180)),
        12,
        28,
      ),
    ).toBe(20);
    expect(Math.max(...respond((x) => (x < 4 ? 60 : 180)).slice(28, 44))).toBeLessThan(1e-3);
    // This picture is redder to the right at the same grey.
    const red = respond((x, _, c) => 120 + (c === 0 ? 1 : c === 1 ? -1 : 0) * (x < 4 ? -30 : 30));
    expect(best(red, 28, 36)).toBe(28);
    expect(Math.max(...red.slice(12, 28))).toBeLessThan(1e-3);
  });

  test('gives the same on the device, for conv2_1 as well', async () => {
    const [h, w] = [8, 6];
    const rgb = picture(h, w);
    const vgg = new Vgg(bank);
    const x = input('x', [1, h, w, 3]);
    const plan = await compile(await sharedEngine(), { low: vgg.conv1_2(x), high: vgg.conv2_1(x) });
    plan.run({ x: rgb.map((v) => v / 127.5 - 1) });
    const [got, want] = [await plan.read('low'), conv1_2(bank, rgb, h, w)];
    const largest = Math.max(...want);
    expect(Math.max(...want.map((v, i) => Math.abs((got[i] as number) - v) / largest))).toBeLessThan(1e-5);
    const high = await plan.read('high');
    expect(high).toHaveLength(4 * 3 * 128);
    expect(high.filter((v) => v > 0).length).toBeGreaterThan(200);
    plan.destroy();
  });
});
