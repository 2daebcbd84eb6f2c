import { beforeAll, describe, expect, test } from 'vitest';
import { blank, type Image } from '../src/data/image.js';
import type { StoredTensor } from '../src/data/safetensors.js';
import { readSafetensors, writeSafetensors } from '../src/data/safetensors.js';
import { FrozenWeights, type TorchTensors } from '../src/evaluation/frozen-weights.js';
import { Lpips, type LpipsVersion } from '../src/evaluation/lpips.js';
import { LPIPS_BACKBONES, type LpipsNet } from '../src/evaluation/lpips-network.js';
import { networkTensors, tensorsOfNetwork } from '../src/evaluation/public-network.js';
import type { Engine } from '../src/gpu/engine.js';
import { PoseGanError, UsageError } from '../src/gpu/errors.js';
import { formulaTensors } from '../src/verify/formula.js';
import { shareDevice, sharedEngine } from './gpu.js';

shareDevice();

const formula = formulaTensors(7);
/** The factors of trained files are not negative. */
const factors: TorchTensors = (name, shape) => formula(name, shape).map(Math.abs);

const features = { alex: new FrozenWeights('alex', formula), vgg: new FrozenWeights('vgg', formula) };
const weightsOf = (net: LpipsNet, version: LpipsVersion, linear = factors) => ({
  ...{ net, version, features: features[net] },
  linear: new FrozenWeights('linear', linear),
});

const image = (width: number, height: number, f: (x: number, y: number, c: number) => number): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) =>
    f(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  ),
});
const a = (x: number, y: number, c: number) => ((((7 * x + 3 * y + 29 * c) ^ (x * y)) & 255) >> 1) + 64;
const b = (x: number, y: number, c: number) => Math.min(255, a(x, y, c) + ((13 * x + 31 * y + 17 * c) % 41) - 20);
const c = (x: number, y: number, k: number) => (2 * x + 5 * y + 90 * k) & 255;

/** Distances of `a` from `b` and from `c` at one size, and from `c` at the smallest size, computed in float64 by PyTorch 1.13. */
const EXPECTED = {
  alex: {
    ...{ width: 40, height: 64, least: 31 },
    '0.0': [0.019132687289167, 0.26905470335916976, 0.22654588063972167],
    '0.1': [0.01651403425300717, 0.25944147032231013, 0.2245243583461426],
  },
  vgg: {
    ...{ width: 20, height: 33, least: 16 },
    '0.0': [0.024914547539782082, 0.23448462327121009, 0.21238658624380524],
    '0.1': [0.024807886672408824, 0.2211481111168085, 0.19382195941062302],
  },
} as const;

describe.each(['alex', 'vgg'] as const)('LPIPS with %s', (net) => {
  const { width, height, least } = EXPECTED[net];
  const [x, y, z] = [a, b, c].map((f) => image(width, height, f)) as [Image, Image, Image];
  let engine: Engine;
  beforeAll(async () => {
    engine = await sharedEngine();
  });

  test.each(['0.0', '0.1'] as const)('version %s agrees with float64, at two sizes and in batches', async (version) => {
    const lpips = await Lpips.create(engine, weightsOf(net, version), 2);
    const small = [a, c].map((f) => image(least, least, f)) as [Image, Image];
    const distances = await lpips.run([x, x, y, small[0], small[1]], [y, z, x, small[1], small[1]]);
    // A pair has the same bits in any batch, full or not, so that parts of an evaluation give what one run gives.
    expect(await lpips.run([x], [z])).toEqual([distances[1]]);
    lpips.destroy();
    const [ab, ac, smallest] = EXPECTED[net][version];
    for (const [i, expected] of [ab, ac, ab, smallest].entries())
      expect(Math.abs((distances[i] as number) / expected - 1)).toBeLessThan(1e-5);
    expect(distances[4]).toBe(0);
  });

  test('one list is compared with several others', async () => {
    const lpips = await Lpips.create(engine, weightsOf(net, '0.1'));
    const [toX, toZ] = await lpips.distances(
      [x, y],
      [
        [x, x],
        [z, z],
      ],
    );
    expect(toX).toEqual([0, expect.closeTo(EXPECTED[net]['0.1'][0], 6)]);
    expect(toZ?.[0]).toBeCloseTo(EXPECTED[net]['0.1'][1], 5);
    await expect(lpips.run([x], [])).rejects.toThrow(/got 1 and 0 images/);
    await expect(lpips.run([x], [blank(width, height + 1)])).rejects.toThrow(UsageError);
    await expect(lpips.run([blank(least - 1, 99)], [blank(least - 1, 99)])).rejects.toThrow(
      `needs images of at least ${least}×${least}, got 99×${least - 1}`,
    );
    // A failed call leaves the others alone.
    expect(await lpips.run([x], [x])).toEqual([0]);
    lpips.destroy();
  });
});

test('weights that are too large are an error, not a distance', async () => {
  const huge: TorchTensors = (name, shape) => factors(name, shape).fill(3e38);
  const lpips = await Lpips.create(await sharedEngine(), weightsOf('alex', '0.1', huge));
  const [x, z] = [image(31, 31, a), image(31, 31, c)];
  await expect(lpips.run([x], [z])).rejects.toThrow(PoseGanError);
  lpips.destroy();
});

describe('the files of LPIPS’s networks', () => {
  const file = (shapes: Readonly<Record<string, readonly number[]>>): ReadonlyMap<string, StoredTensor> => {
    const entries = Object.entries(shapes).map(
      ([name, shape]): [string, { shape: readonly number[]; data: Float32Array }] => [
        name,
        { shape, data: new Float32Array(shape.reduce((m, n) => m * n, 1)) },
      ],
    );
    return readSafetensors(writeSafetensors(new Map(entries), {})).tensors;
  };
  const shapesOf = (net: LpipsNet) =>
    Object.fromEntries(
      [...networkTensors(LPIPS_BACKBONES[net], (_, shape) => new Float32Array(shape.reduce((m, n) => m * n, 1)))].map(
        ([name, { shape }]) => [name, shape],
      ),
    );
  const read = (net: LpipsNet, shapes: Readonly<Record<string, readonly number[]>>) =>
    networkTensors(LPIPS_BACKBONES[net], tensorsOfNetwork(LPIPS_BACKBONES[net], file(shapes), 'own.pth'));

  test('have the layers of torchvision', () => {
    const [alex, vgg] = [shapesOf('alex'), shapesOf('vgg')];
    expect(Object.keys(alex)).toHaveLength(10);
    expect(alex['features.3.weight']).toEqual([192, 64, 5, 5]);
    expect(Object.keys(vgg)).toHaveLength(26);
    expect(vgg['features.28.weight']).toEqual([512, 512, 3, 3]);
    expect(vgg['features.26.bias']).toEqual([512]);
  });

  test('of another network are refused', () => {
    const first = { 'features.0.weight': [64, 3, 3, 3] };
    expect(() => read('vgg', { ...first, 'features.34.weight': [1] })).toThrow(
      'own.pth has the weights of VGG-19. It should be VGG-16 of torchvision, as in vgg16-397923af.pth.',
    );
    expect(() => read('vgg', { ...first, 'features.1.running_mean': [64] })).toThrow(/a VGG with batch normalisation/);
    expect(() => read('alex', { 'features.0.weight': [96, 3, 11, 11] })).toThrow(
      /features\.0\.weight has the shape \[96, 3, 11, 11\], but the network needs \[64, 3, 11, 11\].*as in alexnet-owt/,
    );
    expect(() => read('alex', first)).toThrow(UsageError);
  });
});
