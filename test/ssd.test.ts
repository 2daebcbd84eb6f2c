import { beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { blank, type Image } from '../src/data/image.js';
import { readSafetensors, writeSafetensors } from '../src/data/safetensors.js';
import { FrozenWeights, type TorchTensors } from '../src/evaluation/frozen-weights.js';
import { tensorsOfNetwork } from '../src/evaluation/public-network.js';
import { SSD300, ssd300 } from '../src/evaluation/ssd.js';
import { personScore } from '../src/evaluation/ssd-detections.js';
import { ssdInput } from '../src/evaluation/ssd-input.js';
import { caffeName, ssdTensors } from '../src/evaluation/ssd-weights.js';
import { Ssd300 } from '../src/evaluation/ssd300.js';
import type { Engine } from '../src/gpu/engine.js';
import { LimitError, PoseGanError } from '../src/gpu/errors.js';
import { formulaTensors } from '../src/verify/formula.js';
import { shareDevice, sharedEngine } from './gpu.js';

shareDevice();

/** The tests use a network with few channels. `net_ssd_narrow.safetensors` compares such a one with PyTorch. */
const WIDTH = 1 / 32;
const SIZE = 300;
const formula = formulaTensors(5);

/** Compares large arrays, of whose differences a test could print too many. */
function equal(a: Float32Array | undefined, b: Float32Array | undefined): boolean {
  return a !== undefined && a.length > 0 && a.length === b?.length && a.every((v, i) => v === b[i]);
}

function tensorsNeeded(width: number): ReadonlyMap<string, readonly number[]> {
  const weights = new FrozenWeights('ssd300', (_, shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)));
  ssd300(weights, input('image', [1, SIZE, SIZE, 3]), width);
  return weights.shapes;
}

/** A file with all tensors under other names. */
function file(rename: (name: string) => string) {
  const entries = [...tensorsNeeded(WIDTH)].map(
    ([name, shape]): [string, { shape: readonly number[]; data: Float32Array }] => [
      rename(name),
      { shape, data: formula(name, shape) },
    ],
  );
  return readSafetensors(writeSafetensors(new Map(entries), {})).tensors;
}

describe('the input of SSD300', () => {
  const values = (image: Image) => {
    const out = new Float32Array(2 * SIZE * SIZE * 3);
    ssdInput(image, out, 1);
    expect(out.subarray(0, SIZE * SIZE * 3).every((v) => v === 0)).toBe(true);
    return (x: number, y: number) => [...out.subarray(3 * (SIZE * (SIZE + y) + x), 3 * (SIZE * (SIZE + y) + x) + 3)];
  };

  test('is RGB minus the mean colour', () => {
    const image = blank(SIZE, SIZE, [200, 100, 50]);
    image.data.set([1, 2, 3], 3 * (7 * SIZE + 299));
    const at = values(image);
    expect(at(0, 0)).toEqual([200 - 123, 100 - 117, 50 - 104]);
    expect(at(299, 7)).toEqual([1 - 123, 2 - 117, 3 - 104]);
    expect(at(298, 7)).toEqual([200 - 123, 100 - 117, 50 - 104]);
  });

  test('is interpolated between pixel centres, and beyond the outermost ones it is constant', () => {
    // 2 columns and 3 rows become 300: pixel i lies at (i + ½)/150 − ½ and (i + ½)/100 − ½.
    const image: Image = { width: 2, height: 3, data: new Uint8Array(18) };
    image.data.set([100, 0, 0, 200, 0, 0], 0);
    image.data.set([50, 0, 0, 150, 0, 0], 6);
    const red = (x: number, y: number) => (values(image)(x, y)[0] as number) + 123;
    expect(red(0, 0)).toBe(100);
    expect(red(74, 49)).toBe(100);
    expect(red(299, 0)).toBe(200);
    expect(red(120, 0)).toBeCloseTo(100 + 100 * (120.5 / 150 - 0.5), 4);
    expect(red(0, 90)).toBeCloseTo(100 - 50 * (90.5 / 100 - 0.5), 4);
    expect(red(120, 90)).toBeCloseTo(100 + 100 * (120.5 / 150 - 0.5) - 50 * (90.5 / 100 - 0.5), 4);
  });

  test('of a larger image is not filtered', () => {
    // 900 columns become 300: pixel i lies at 3i + 1, so that the two others of each three have no influence.
    const image: Image = { width: 900, height: 1, data: new Uint8Array(2700) };
    image.data.fill(90, 3 * (3 * 40 + 1), 3 * (3 * 40 + 2));
    const at = values(image);
    expect([39, 40, 41].map((x) => at(x, 5)[1])).toEqual([-117, 90 - 117, -117]);
  });
});

describe('the weights of SSD300', () => {
  const built = (tensors: TorchTensors) => {
    const weights = new FrozenWeights('ssd300', tensors);
    ssd300(weights, input('image', [1, SIZE, SIZE, 3]), WIDTH);
    return new Map(weights.set.names.map((name) => [name, weights.set.initial(name)]));
  };
  /** The names of the parameters whose values differ. */
  const differing = (a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>) =>
    [...new Set([...a.keys(), ...b.keys()])].filter((name) => !equal(a.get(name), b.get(name)));
  const same = (name: string) => name;
  const published = built(formula);

  test('are the 71 tensors of the published file', () => {
    const shapes = new Map<string, readonly number[]>();
    SSD300.define(
      new FrozenWeights('ssd300', (name, shape) => {
        shapes.set(name, shape);
        return new Float32Array(shape.reduce((a, b) => a * b, 1));
      }),
    );
    expect(shapes.size).toBe(71);
    expect([...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(26_285_486);
    expect(shapes.get('vgg.31.weight')).toEqual([1024, 512, 3, 3]);
    expect(shapes.get('conf.5.weight')).toEqual([84, 256, 3, 3]);
  });

  test('of the PyTorch port are taken as they are', () => {
    expect(built(ssdTensors(file(same), 'ssd300_mAP_77.43_v2.pth', 'SSD300'))).toEqual(published);
    expect(
      built(
        tensorsOfNetwork(
          SSD300,
          file((name) => `module.${name}`),
          'own.pth',
        ),
      ),
    ).toEqual(published);
  });

  test('of Caffe are found by the names of its layers, and take BGR', () => {
    const names = [...tensorsNeeded(WIDTH).keys()].map((name) => [name, caffeName(name)] as const);
    expect(new Set(names.map(([, caffe]) => caffe)).size).toBe(71);
    // The port's names follow the order in which the network is evaluated.
    const layersOf = (list: RegExp) => names.flatMap(([name, caffe]) => (list.test(name) ? [caffe] : []));
    expect(
      layersOf(/^vgg.*weight/)
        .map((name) => name.replace('.weight', ''))
        .join(' '),
    ).toBe(
      'conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv4_1 conv4_2 conv4_3 conv5_1 conv5_2 conv5_3 fc6 fc7',
    );
    expect(
      layersOf(/^extras.*bias/)
        .map((name) => name.replace('.bias', ''))
        .join(' '),
    ).toBe('conv6_1 conv6_2 conv7_1 conv7_2 conv8_1 conv8_2 conv9_1 conv9_2');
    const maps = ['conv4_3_norm', 'fc7', 'conv6_2', 'conv7_2', 'conv8_2', 'conv9_2'];
    expect(layersOf(/^loc.*weight/)).toEqual(maps.map((map) => `${map}_mbox_loc.weight`));
    expect(layersOf(/^conf.*bias/)).toEqual(maps.map((map) => `${map}_mbox_conf.bias`));
    expect(caffeName('L2Norm.weight')).toBe('conv4_3_norm.weight');
    const caffe = built(ssdTensors(file(caffeName), 'caffe.safetensors', 'SSD300'));
    expect(differing(caffe, published)).toEqual(['vgg.0.weight']);
    // In device layout [3, 3, 3, 2] the input channels are the third dimension.
    const channels = (weights: Float32Array | undefined, c: number) =>
      [...(weights ?? [])].filter((_, i) => Math.floor(i / 2) % 3 === c);
    for (const c of [0, 1, 2])
      expect(channels(caffe.get('vgg.0.weight'), c)).toEqual(channels(published.get('vgg.0.weight'), 2 - c));
    expect(differing(built(ssdTensors(file(same), 'weights/ssd_300_VOC0712.pth', 'SSD300')), caffe)).toEqual([]);
    expect(differing(built(ssdTensors(file(caffeName), 'c.safetensors', 'SSD300', 'RGB')), published)).toEqual([]);
  });

  test('of another network are refused', () => {
    const tensors = tensorsOfNetwork(
      SSD300,
      file((name) => `x.${name}`),
      'other.pth',
    );
    expect(() => SSD300.define(new FrozenWeights('ssd300', tensors))).toThrow(
      /other\.pth has no tensor vgg\.0\.weight; it has x\.vgg\.0\.weight.*ssd300_mAP_77\.43_v2\.pth/,
    );
  });
});

describe('SSD300', () => {
  let engine: Engine;
  const pictures = [0, 1, 2].map((k): Image => {
    const data = Uint8Array.from({ length: 3 * 40 * 20 }, (_, i) => (i * i * (k + 3)) % 256);
    return { width: 20, height: 40, data };
  });
  const weights = new FrozenWeights('ssd300', formula);

  beforeAll(async () => {
    engine = await sharedEngine();
  });

  test('gives every image its own results, wherever it is in a batch', async () => {
    const network = await Ssd300.create(engine, weights, 2, WIDTH);
    const done: number[] = [];
    const outputs = await network.run(pictures);
    const scores = await network.personScores(pictures, (count) => done.push(count));
    expect(done).toEqual([2, 3]);
    expect(outputs.map(({ conf }) => personScore(conf))).toEqual(scores);
    // The last picture, which had a batch for itself, is now in a batch with the first.
    const [last, first] = await network.run([pictures[2], pictures[0]] as Image[]);
    for (const name of ['loc', 'conf'] as const) {
      expect(equal(last?.[name], outputs[2]?.[name])).toBe(true);
      expect(equal(first?.[name], outputs[0]?.[name])).toBe(true);
      expect(equal(last?.[name], first?.[name])).toBe(false);
    }
    expect(await network.personScores([])).toEqual([]);
    network.destroy();
  });

  test('refuses results that are not finite, batches that do not fit, and pictures that are none', async () => {
    const broken = new FrozenWeights('broken', (name, shape) => {
      const values = formula(name, shape);
      // Sums of such weights overflow.
      return name === 'conf.0.weight' ? values.fill(3e38) : values;
    });
    const network = await Ssd300.create(engine, broken, 1, WIDTH);
    await expect(network.personScores(pictures)).rejects.toThrow(PoseGanError);
    const canvas = { width: 1, height: 1, data: new Uint8Array(4) };
    await expect(network.personScores([canvas])).rejects.toThrow(/images\.0 must be an image/);
    network.destroy();
    await expect(Ssd300.create(engine, weights, 20_000, WIDTH)).rejects.toThrow(LimitError);
  });
});
