import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { readRemoteTensors } from '../src/data/remote.js';
import { readSafetensors, toFloat64, writeSafetensors } from '../src/data/safetensors.js';
import { PoseGanError, UsageError } from '../src/gpu/errors.js';
import { modelConfig } from '../src/model/config.js';
import { meanActivation, REFERENCE_ACTIVATION } from '../src/model/features.js';
import { filterBank } from '../src/model/filter-bank.js';
import { importVgg19 } from '../src/model/vgg19.js';
import { findVgg, installVgg, loadFeatures, weightsFolder } from '../src/node/weights.js';
import { stored, type Tensors, torchvision } from './torchvision.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pose-gan-weights-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

describe('installing', () => {
  const write = (name: string, tensors: Tensors) => {
    const path = join(folder, name);
    writeFileSync(path, writeSafetensors(tensors));
    return path;
  };

  test('the installed file is small, is found again, and is a plain OIHW safetensors file', () => {
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
    // The scaling is folded into the weights: our B is their third channel, divided by 255 times its deviation.
    const old = all.get('module.features.0.weight')?.data as Float32Array;
    const stored = tensors.get('conv1_1.weight');
    expect((stored && toFloat64(stored)[4]) as number).toBeCloseTo((old[18 + 4] as number) / (255 * 0.225), 9);
  });

  test('training multiplies small features by their gain and takes large ones as they are', () => {
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

  test('without VGG-19 the filter bank is used with a notice, unless a choice is given', () => {
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

  test('the folder is the given one, else that of the variable, else the user’s', () => {
    vi.stubEnv('POSE_GAN_WEIGHTS', '/some/other/place');
    expect(weightsFolder('here')).toBe('here');
    expect(weightsFolder()).toBe('/some/other/place');
    vi.stubEnv('POSE_GAN_WEIGHTS', '');
    expect(weightsFolder()).toMatch(/webgpu-pose-gan$/);
    vi.unstubAllEnvs();
  });

  test('the command line installs weights', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const problems = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const to = join(folder, 'cli');
    const said = () => String(log.mock.lastCall?.[0]);
    expect(await main(['weights', '--folder', to])).toBe(0);
    expect(said()).toMatch(/not installed.*filter bank/s);
    expect(await main(['weights', 'vgg19', write('v.safetensors', torchvision()), '--folder', to])).toBe(0);
    expect(said()).toMatch(/vgg19 installed.*torchvision.*training multiplies them by/s);
    expect(await main(['weights', '--json', '--folder', to])).toBe(0);
    expect(JSON.parse(said()).vgg19).toMatchObject({ convention: 'torchvision', path: join(to, 'vgg19.safetensors') });
    for (const [words, message] of [
      [['vgg19'], /name either a file or --url/],
      [['vgg11', 'x'], /no weights "vgg11"/],
      [['vgg19', 'package.json'], /neither a safetensors file nor one of PyTorch/],
      [['vgg19', 'nowhere.pth'], /cannot read the weights nowhere\.pth/],
      [['--url', 'http://x'], /--url needs the word vgg19/],
      [['vgg19', '--url', 'ftp://x'], /not an http or https address/],
    ] as const) {
      expect(await main(['weights', ...words, '--folder', to])).toBe(2);
      expect(String(problems.mock.lastCall?.[0])).toMatch(message);
    }
  });
});

describe('from a server', () => {
  /** Makes a VGG-19 like those on servers, with 2 MB of other layers before, between and after the needed ones. */
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

  test('only the header and the needed tensors are transferred, and neighbours in one request', async () => {
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
    ['/text', /not a safetensors file: its first 8 bytes/, UsageError],
  ])('%s is an error that says what to do', async (path, message, kind) => {
    const reading = readRemoteTensors(`${base}${path}`, () => ['features.0.bias']);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(kind);
  });

  test('a server that does not answer is an error', async () => {
    await expect(readRemoteTensors('http://127.0.0.1:9/x', () => [])).rejects.toThrow(/cannot be reached/);
  });
});
