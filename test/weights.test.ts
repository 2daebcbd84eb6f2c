import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { compile } from '../src/autograd/compile.js';
import { input } from '../src/autograd/leaves.js';
import { main } from '../src/cli/main.js';
import { readRemoteTensors } from '../src/data/remote.js';
import { readSafetensors, toFloat64, writeSafetensors } from '../src/data/safetensors.js';
import { importVgg19, recogniseVgg19 } from '../src/data/vgg19.js';
import { PoseGanError, UsageError } from '../src/gpu/errors.js';
import { conv2d } from '../src/kernels/conv2d/oracle.js';
import { oihwToHwio } from '../src/kernels/layout.js';
import { type Nd, nd, testNormal, testRandom } from '../src/kernels/oracle.js';
import { modelConfig } from '../src/model/config.js';
import { conv1_2, meanActivation, REFERENCE_ACTIVATION, referenceImage, scaleFeatures } from '../src/model/features.js';
import { filterBank } from '../src/model/filter-bank.js';
import { Vgg } from '../src/model/vgg.js';
import { findVgg, installVgg, loadFeatures, weightsFolder } from '../src/node/weights.js';
import { sharedEngine } from './gpu.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pose-gan-weights-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

type Tensors = Map<string, { shape: readonly number[]; data: Float32Array }>;

const SHAPES = { 0: [64, 3, 3, 3], 2: [64, 64, 3, 3], 5: [128, 64, 3, 3] } as const;

/** Random weights of the kind that training leaves: outputs about as large as inputs. */
function torchvision(seed = 1, prefix = ''): Tensors {
  const random = testRandom(seed);
  const tensors: Tensors = new Map();
  for (const [position, shape] of Object.entries(SHAPES)) {
    const deviation = Math.sqrt(2 / (9 * shape[1]));
    const fill = (n: number, d: number) => Float32Array.from({ length: n }, () => d * testNormal(random));
    tensors.set(`${prefix}features.${position}.weight`, { shape, data: fill(9 * shape[0] * shape[1], deviation) });
    tensors.set(`${prefix}features.${position}.bias`, { shape: [shape[0]], data: fill(shape[0], 0.1) });
  }
  return tensors;
}

const stored = (tensors: Tensors) => readSafetensors(writeSafetensors(tensors)).tensors;

/** A picture of h×w 8-bit RGB values. */
const picture = (h: number, w: number, seed = 5): Float32Array => {
  const random = testRandom(seed);
  return Float32Array.from({ length: h * w * 3 }, () => Math.floor(256 * random()));
};

/** conv1_2 as torchvision runs it: (v/255 − mean)/deviation in RGB, zero padding, ReLU; in float64. */
function torchvisionFeatures(tensors: Tensors, rgb: ArrayLike<number>, h: number, w: number): Nd {
  const [mean, deviation] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  const window = { stride: [1, 1], pad: [1, 1, 1, 1] } as const;
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

test('torchvision weights give the same features behind our pre-processing; at the border nearly', () => {
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

test('Caffe-style weights are taken as they are', () => {
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

  test('a whole VGG-19 is recognised, under a prefix too', () => {
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

  test('other files say what was looked for and found', () => {
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

test('scaled features are the same features times the gain, exactly enough', () => {
  const { weights } = importVgg19(stored(torchvision()), 'v');
  const { rgb, size } = referenceImage();
  const small = rgb.subarray(0, 3 * size * 4);
  const [plain, scaled] = [conv1_2(weights, small, 4, size), conv1_2(scaleFeatures(weights, 64), small, 4, size)];
  expect(Math.max(...plain)).toBeGreaterThan(0.1);
  for (const [i, v] of plain.entries()) expect(scaled[i]).toBeCloseTo(64 * v, 3);
});

describe('the filter bank', () => {
  const bank = filterBank();

  test('has 64 live channels of VGG’s size, always the same', () => {
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

  /** Mean over pixels of the least L1 distance of features within a 5×5 window: the nearest-neighbour loss. */
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

  test('an image is nearer to itself shifted than to another one, and a grey level further off is further off', () => {
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
    expect(distance(plain(100), plain(110), n)).toBeGreaterThan(0);
    expect(distance(plain(100), plain(140), n)).toBeGreaterThan(2 * distance(plain(100), plain(110), n));
  });

  test('edges answer to their direction and sign, colour edges to colour alone', () => {
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
    // brighter to the right: direction 0, positive; to the left: negative; downwards: direction 4 of 8
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
    // redder to the right at the same grey
    const red = respond((x, _, c) => 120 + (c === 0 ? 1 : c === 1 ? -1 : 0) * (x < 4 ? -30 : 30));
    expect(best(red, 28, 36)).toBe(28);
    expect(Math.max(...red.slice(12, 28))).toBeLessThan(1e-3);
  });

  test('on the device it gives the same, conv2_1 too', async () => {
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

describe('installing', () => {
  const write = (name: string, tensors: Tensors) => {
    const path = join(folder, name);
    writeFileSync(path, writeSafetensors(tensors));
    return path;
  };

  test('the installed file is small, found again, and opens as plain OIHW safetensors', () => {
    const to = join(folder, 'a');
    expect(findVgg(to)).toBeUndefined();
    const all = torchvision(1, 'module.');
    all.set('module.classifier.0.weight', { shape: [1000], data: new Float32Array(1000) });
    const made = installVgg(write('v.safetensors', all), to);
    expect(statSync(made.path).size).toBeLessThan(460_000);
    const found = findVgg(to);
    expect(found).toMatchObject({ convention: 'torchvision', source: made.source, path: made.path, gain: made.gain });
    expect(found?.weights).toEqual(made.weights);
    const { tensors, metadata } = readSafetensors(readFileSync(made.path));
    expect(tensors.get('conv1_1.weight')?.shape).toEqual([64, 3, 3, 3]);
    expect(metadata.input).toContain('BGR');
    // folded: B of ours is the third channel of theirs, over 255 times its deviation
    const old = all.get('module.features.0.weight')?.data as Float32Array;
    const stored = tensors.get('conv1_1.weight');
    expect((stored && toFloat64(stored)[4]) as number).toBeCloseTo((old[18 + 4] as number) / (255 * 0.225), 9);
  });

  test('training takes small features times their gain; large ones as they are', () => {
    const to = join(folder, 'b');
    const config = modelConfig();
    const { gain } = installVgg(write('small.safetensors', torchvision()), to);
    expect(gain).toBeGreaterThan(10);
    const { weights, kind } = loadFeatures(config, undefined, to);
    expect(kind).toBe('vgg19');
    expect(meanActivation(weights as Map<string, Float32Array>)).toBeCloseTo(REFERENCE_ACTIVATION, 1);
    const large = new Map(
      [...torchvision()].map(([k, t]) => [
        k,
        { ...t, data: t.data.map((v) => (k === 'features.0.weight' ? gain * v : v)) },
      ]),
    );
    expect(installVgg(write('large.safetensors', large), to).gain).toBe(1);
  });

  test('without VGG-19 the filter bank is taken, and says so; choices win', () => {
    const [none, some] = [join(folder, 'none'), join(folder, 'some')];
    installVgg(write('v.safetensors', torchvision()), some);
    const full = modelConfig();
    const bank = loadFeatures(full, undefined, none);
    expect(bank).toMatchObject({ kind: 'filter bank', weights: filterBank() });
    expect(bank.note).toMatch(/filter bank, as VGG-19 is not installed .*pose-gan weights vgg19/);
    expect(loadFeatures(full, 'bank', some).kind).toBe('filter bank');
    expect(() => loadFeatures(full, 'vgg19', none)).toThrow(/not installed in .*none/);
    expect(() => loadFeatures(full, 'vgg16', none)).toThrow(UsageError);
    expect(loadFeatures(modelConfig({ ablation: 'dsc' }), undefined, none)).toEqual({ kind: 'none' });
  });

  test('a damaged installation is an error, not the filter bank', () => {
    const to = join(folder, 'damaged');
    mkdirSync(to);
    writeFileSync(join(to, 'vgg19.safetensors'), 'x');
    expect(() => loadFeatures(modelConfig(), undefined, to)).toThrow(/damaged; install it again/);
  });

  test('the folder is the one given, else the variable, else the user’s', () => {
    vi.stubEnv('POSE_GAN_WEIGHTS', '/some/other/place');
    expect(weightsFolder('here')).toBe('here');
    expect(weightsFolder()).toBe('/some/other/place');
    vi.stubEnv('POSE_GAN_WEIGHTS', '');
    expect(weightsFolder()).toMatch(/webgpu-pose-gan$/);
    vi.unstubAllEnvs();
  });

  test('on the command line', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const problems = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const to = join(folder, 'cli');
    const said = () => String(log.mock.lastCall?.[0]);
    expect(await main(['weights', '--folder', to])).toBe(0);
    expect(said()).toMatch(/not installed.*filter bank/s);
    expect(await main(['weights', 'vgg19', write('v.safetensors', torchvision()), '--folder', to])).toBe(0);
    expect(said()).toMatch(/vgg19 installed.*torchvision.*training takes them times/s);
    expect(await main(['weights', '--json', '--folder', to])).toBe(0);
    expect(JSON.parse(said()).vgg19).toMatchObject({ convention: 'torchvision', path: join(to, 'vgg19.safetensors') });
    for (const [words, message] of [
      [['vgg19'], /name either a file or --url/],
      [['vgg16', 'x'], /no weights "vgg16"/],
      [['vgg19', 'package.json'], /neither a safetensors file nor one of PyTorch/],
      [['vgg19', 'nowhere.pth'], /cannot read the weights nowhere\.pth/],
      [['--url', 'http://x'], /--url goes with vgg19/],
      [['vgg19', '--url', 'ftp://x'], /no http or https address/],
    ] as const) {
      expect(await main(['weights', ...words, '--folder', to])).toBe(2);
      expect(String(problems.mock.lastCall?.[0])).toMatch(message);
    }
  });
});

describe('from a server', () => {
  /** A VGG-19 as servers have it: 2 MB of other layers before, between and behind those that are needed. */
  const tensors: Tensors = new Map([['classifier.0.weight', { shape: [300_000], data: new Float32Array(300_000) }]]);
  for (const [name, t] of torchvision()) {
    tensors.set(name, t);
    if (name === 'features.2.bias')
      tensors.set('features.34.weight', { shape: [200_000], data: new Float32Array(200_000) });
  }
  const file = writeSafetensors(tensors);
  const needed = [...torchvision().values()].reduce((n, t) => n + 4 * t.data.length, 0);
  const header = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));

  let server: Server;
  let base: string;
  const seen = { bytes: 0, requests: 0 };
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.requests++;
      const [, from = 0, to = 0] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')?.map(Number) ?? [];
      const send = (status: number, body: Uint8Array, headers = {}) => {
        seen.bytes += body.length;
        response.writeHead(status, headers).end(body);
      };
      const content = request.url === '/text' ? new TextEncoder().encode('no such file here') : file;
      if (request.url === '/missing') return send(404, new Uint8Array());
      if (request.url === '/whole') return send(200, file);
      if (request.url === '/short' && from > 8) return send(416, new Uint8Array());
      if (request.url === '/moved') return send(302, new Uint8Array(), { location: '/file' });
      return send(206, content.slice(from, to + 1), { 'content-range': `bytes ${from}-${to}/${content.length}` });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('only header and needed tensors are transferred, neighbours in one request', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    Object.assign(seen, { bytes: 0, requests: 0 });
    const to = join(folder, 'remote');
    expect(await main(['weights', 'vgg19', '--url', `${base}/file`, '--folder', to, '--json'])).toBe(0);
    expect(seen).toEqual({ bytes: header + needed, requests: 4 });
    expect(file.length).toBeGreaterThan(5 * seen.bytes - 500_000);
    expect(JSON.parse(String(log.mock.lastCall?.[0]))).toMatchObject({ transferred: seen.bytes, total: file.length });
    const local = importVgg19(stored(torchvision()), 'v');
    expect(findVgg(to)?.weights).toEqual(local.weights);
  });

  test('redirects are followed', async () => {
    const { tensors: got } = await readRemoteTensors(`${base}/moved`, () => ['features.0.bias']);
    expect(got.get('features.0.bias')?.shape).toEqual([64]);
  });

  test.each([
    ['/whole', /ignores byte ranges.*Download it/, PoseGanError],
    ['/missing', /answers 404/, PoseGanError],
    ['/short', /cut short/, PoseGanError],
    ['/text', /no safetensors file: its first 8 bytes/, UsageError],
  ])('%s is an error that says what to do', async (path, message, kind) => {
    const reading = readRemoteTensors(`${base}${path}`, () => ['features.0.bias']);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(kind);
  });

  test('a server that is not there', async () => {
    await expect(readRemoteTensors('http://127.0.0.1:9/x', () => [])).rejects.toThrow(/cannot be reached/);
  });
});
