import { beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { compile } from '../src/compiler/compile.js';
import type { Image } from '../src/data/image.js';
import { FrozenWeights, tensorsOfFile } from '../src/evaluation/frozen-weights.js';
import { INCEPTION_RESIZES, Inception, type InceptionResize } from '../src/evaluation/inception.js';
import { INCEPTION, inceptionV3 } from '../src/evaluation/inception-network.js';
import type { Engine } from '../src/gpu/engine.js';
import { inceptionScore } from '../src/metrics/inception-score.js';
import { formulaInput, formulaTensors } from '../src/verify/formula.js';
import { sharedEngine } from './gpu.js';

/** An image by formula. */
function image(height: number, width: number, seed = 5): Image {
  const u = formulaInput(seed, 3 * height * width, 1);
  return { height, width, data: Uint8Array.from(u, (v) => Math.floor((v + 1) * 128)) };
}

let engine: Engine;
let weights: FrozenWeights;
beforeAll(async () => {
  engine = await sharedEngine();
  weights = new FrozenWeights('inception', formulaTensors(1));
  INCEPTION.define(weights);
});

/** What the network sees of an image, [side, side, 3]. */
async function seen(resize: InceptionResize, picture: Image, side: number): Promise<Float32Array> {
  const { size, fill, build } = INCEPTION_RESIZES[resize];
  const [h, w] = size(picture, side);
  const pixels = new Float32Array(3 * h * w);
  fill(picture, side, pixels);
  const plan = await compile(engine, { y: build(input('pixels', [1, h, w, 3]), side) });
  plan.run({ pixels });
  const y = await plan.read('y');
  plan.destroy();
  // TensorFlow's has a row and a column more, which the network does not read.
  const row = Math.sqrt(y.length / 3);
  return y.filter((_, k) => Math.floor(k / 3) % row < side && Math.floor(k / 3 / row) < side);
}

describe('images become inputs', () => {
  // By numpy, PyTorch and Pillow: every 31st value, and the sum.
  test.each<[InceptionResize, number, number, number[], number]>([
    [
      'tensorflow',
      5,
      3,
      [-0.4375, -0.1131366, 0.1435185, 0.5642361, 0.436632, -0.8454862, -0.8567708, 0.3984375],
      23.82378,
    ],
    [
      'pytorch-fid',
      5,
      3,
      [-0.4352941, -0.0431373, 0.5076253, 0.6601307, 0.503268, -0.7321714, -0.9050109, 0.4039216],
      35.20915,
    ],
    [
      'clean-fid',
      5,
      3,
      [-0.6070274, -0.0678879, 0.5837306, 0.6323196, 0.4821428, -0.9186925, -1.1654862, 0.5097202],
      33.5509,
    ],
    [
      'tensorflow',
      23,
      17,
      [-0.4375, 0.4133873, -0.4140624, 0.3796293, -0.4886187, -0.0300925, 0.6082177, -0.0546877],
      9.24923,
    ],
    [
      'pytorch-fid',
      23,
      17,
      [-0.2302106, 0.1154684, -0.5516824, 0.7054466, 0.7089325, -0.6089083, 0.4691842, -0.4317115],
      8.71929,
    ],
    [
      'clean-fid',
      23,
      17,
      [-0.1213903, 0.1356846, -0.2381604, 0.3073362, 0.0865921, -0.178248, 0.3461096, -0.1183398],
      9.56905,
    ],
    ['tensorflow', 1, 1, [-0.4375, 0.0703125, -0.5, -0.4375, 0.0703125, -0.5, -0.4375, 0.0703125], -70.24219],
    [
      'pytorch-fid',
      1,
      1,
      [-0.4352941, 0.0745098, -0.4980392, -0.4352941, 0.0745098, -0.4980392, -0.4352941, 0.0745098],
      -69.56471,
    ],
    ['clean-fid', 1, 1, [-0.4375, 0.0703125, -0.5, -0.4375, 0.0703125, -0.5, -0.4375, 0.0703125], -70.24219],
    ['tensorflow', 9, 9, [-0.4375, 0.203125, 0.078125, -0.9453125, 0.21875, -0.203125, 0.953125, -0.4453125], 18.0625],
    [
      'pytorch-fid',
      9,
      9,
      [-0.4352941, 0.2078431, 0.0823529, -0.945098, 0.2235294, -0.2, 0.9607843, -0.4431373],
      19.08627,
    ],
    ['clean-fid', 9, 9, [-0.4375, 0.203125, 0.078125, -0.9453125, 0.21875, -0.203125, 0.953125, -0.4453125], 18.0625],
    [
      'tensorflow',
      4,
      20,
      [-0.4375, 0.3706597, 0.4026812, 0.3668986, 0.7905088, -0.1979164, -0.0896995, 0.6484375],
      13.3042,
    ],
    [
      'pytorch-fid',
      4,
      20,
      [0.2213508, -0.0954248, 0.1458, 0.2847495, 0.0969499, -0.1118373, 0.2124667, 0.7076253],
      17.9573,
    ],
    [
      'clean-fid',
      4,
      20,
      [0.118868, -0.0893121, 0.267211, -0.069339, 0.3955963, -0.1372926, 0.3020823, 0.6832131],
      19.85593,
    ],
  ])('%s: %i×%i', async (resize, height, width, values, sum) => {
    const y = await seen(resize, image(height, width), 9);
    expect(y).toHaveLength(243);
    for (const [i, v] of values.entries()) expect(y[31 * i]).toBeCloseTo(v, 5);
    expect(y.reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 3);
  });
});

describe('Inception', () => {
  test('gives every image the same bits, wherever it stands, in the order of the images', async () => {
    const inception = await Inception.create(engine, weights, { batch: 2, side: 75 });
    const [a, b, other] = [image(8, 4, 1), image(8, 4, 2), image(6, 6, 3)];
    const done: number[] = [];
    const mixed = await inception.run([a, other, b, a], (n) => done.push(n));
    const alone = await inception.run([b]);
    inception.destroy();
    const row = (values: Float32Array, i: number, length: number) => values.subarray(i * length, (i + 1) * length);
    expect(row(mixed.features, 2, 2048)).toEqual(alone.features);
    expect(row(mixed.probabilities, 2, 1008)).toEqual(alone.probabilities);
    expect(row(mixed.features, 3, 2048)).toEqual(row(mixed.features, 0, 2048));
    expect(row(mixed.features, 1, 2048)).not.toEqual(row(mixed.features, 0, 2048));
    expect(done).toEqual([2, 3, 4]);
    expect(mixed.features).toHaveLength(4 * 2048);
    // The rows of the soft-max are distributions.
    expect(inceptionScore(mixed.probabilities, 1008, 2).mean).toBeGreaterThanOrEqual(1);
    expect(await inception.run([])).toEqual({ features: new Float32Array(0), probabilities: new Float32Array(0) });
  });

  test('gives the features and the soft-max without bias of what the network computes', async () => {
    const picture = image(8, 4, 1);
    const x = await seen('pytorch-fid', picture, 75);
    const { pool3, logits } = inceptionV3(weights, input('x', [1, 75, 75, 3]));
    const plan = await compile(engine, { pool3, logits });
    plan.run({ x });
    const [features, biased] = [await plan.read('pool3'), await plan.read('logits')];
    plan.destroy();
    const inception = await Inception.create(engine, weights, { batch: 1, side: 75, resize: 'pytorch-fid' });
    const got = await inception.run([picture]);
    inception.destroy();
    const largest = features.reduce((m, v) => Math.max(m, v), 0);
    for (const [i, v] of features.entries())
      expect(Math.abs((got.features[i] as number) - v)).toBeLessThan(1e-5 * largest);
    const bias = formulaTensors(1)('fc.bias', [1008]);
    const powers = Float64Array.from(biased, (v, i) => Math.exp(v - (bias[i] as number)));
    const sum = powers.reduce((a, b) => a + b, 0);
    for (const [i, v] of powers.entries())
      expect(Math.abs((got.probabilities[i] as number) / (v / sum) - 1)).toBeLessThan(1e-4);
  });

  test('refuses what it cannot run, before any GPU work', async () => {
    const { submits } = engine.counters;
    await expect(Inception.create(engine, weights, { side: 76 })).rejects.toThrow(/side must be an odd integer of at/);
    await expect(Inception.create(engine, weights, { batch: 0 })).rejects.toThrow(/batch must be an integer of at/);
    await expect(Inception.create(engine, weights, { resize: 'lanczos' as 'tensorflow' })).rejects.toThrow(
      /resize must be "tensorflow" or "pytorch-fid" or "clean-fid"/,
    );
    const inception = await Inception.create(engine, weights);
    await expect(inception.run([{ width: 2, height: 2, data: new Uint8Array(11) }])).rejects.toThrow(
      /images\.0 must be an image/,
    );
    const missing = new FrozenWeights('inception', tensorsOfFile(new Map(), 'empty.pth', 'the public file'));
    await expect(Inception.create(engine, missing)).rejects.toThrow(
      /empty\.pth has no tensor Conv2d_1a_3x3\.conv\.weight/,
    );
    expect(engine.counters.submits).toBe(submits);
  });
});

test('the network has the parameters of the public file', () => {
  // The number that the reference files state, and PyTorch's names.
  const sizes = [...weights.shapes.values()].map((shape) => shape.reduce((a, b) => a * b, 1));
  expect(sizes.reduce((a, b) => a + b, 0)).toBe(23_885_392);
  expect(weights.shapes.get('Mixed_6c.branch7x7_2.conv.weight')).toEqual([160, 160, 1, 7]);
  expect(weights.shapes.get('fc.bias')).toEqual([1008]);
});
