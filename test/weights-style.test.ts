import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { readSafetensors, writeSafetensors } from '../src/data/safetensors.js';
import { UsageError } from '../src/gpu/errors.js';
import { conv1_2 } from '../src/model/features.js';
import { importVgg19 } from '../src/model/vgg19.js';
import { findVgg } from '../src/node/weights.js';
import { stored, type Tensors, torchvision } from './torchvision.js';

/**
 * Converts to Caffe-style weights of the same net, whose input is BGR, 255·deviation times larger, with Caffe's mean subtracted.
 */
function caffe(tensors: Tensors): Tensors {
  const [mean, deviation] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ] as const;
  const bgr = [103.939, 116.779, 123.68] as const;
  const old = tensors.get('features.0.weight')?.data as Float32Array;
  const bias = Float64Array.from(tensors.get('features.0.bias')?.data as Float32Array);
  const first = new Float32Array(old.length);
  for (let o = 0; o < 64; o++)
    for (let c = 0; c < 3; c++)
      for (let tap = 0; tap < 9; tap++) {
        const w = (old[(3 * o + 2 - c) * 9 + tap] as number) / (255 * (deviation[2 - c] as number));
        first[(3 * o + c) * 9 + tap] = w;
        bias[o] = (bias[o] as number) + w * ((bgr[c] as number) - 255 * (mean[2 - c] as number));
      }
  return new Map([
    ...tensors,
    ['features.0.weight', { shape: [64, 3, 3, 3], data: first }],
    ['features.0.bias', { shape: [64], data: Float32Array.from(bias) }],
  ]);
}

/** Makes weights whose layers have these root mean squares; in `first` one outer channel is larger. */
function scaled(first: number, heavy: 'BGR' | 'RGB', others: Readonly<Record<string, number>> = {}): Tensors {
  const tensors = torchvision(3);
  for (const [name, t] of tensors) {
    if (name === 'features.0.weight')
      for (const [i, v] of t.data.entries())
        t.data[i] = v * (1 + (heavy === 'RGB' ? -0.1 : 0.1) * ((Math.floor(i / 9) % 3) - 1));
    const wanted = name === 'features.0.weight' ? first : others[name];
    const rms = Math.sqrt(t.data.reduce((s, v) => s + v * v, 0) / t.data.length);
    if (wanted) for (const [i, v] of t.data.entries()) t.data[i] = (v * wanted) / rms;
  }
  return tensors;
}

/** The root mean squares of the weights of the published VGG-19, computed with NumPy. */
const PUBLISHED = {
  'features.0.bias': 0.5530958864,
  'features.2.weight': 0.0400985228,
  'features.2.bias': 0.3093677953,
  'features.5.weight': 0.0299924565,
  'features.5.bias': 0.1590644685,
};
const FIRST = 0.1913880941;

/** Returns the largest difference between two nets' features of one picture, relative to the largest feature. */
function difference(a: Tensors, b: Tensors): number {
  const [h, w] = [6, 7];
  const rgb = Float32Array.from({ length: 3 * h * w }, (_, i) => (i * 7919) % 256);
  const [x, y] = [a, b].map((t) => conv1_2(importVgg19(stored(t), 'v').weights, rgb, h, w)) as [
    Float32Array,
    Float32Array,
  ];
  return Math.max(...x.map((v, i) => Math.abs(v - (y[i] as number)))) / Math.max(...x);
}

describe('Caffe-style weights under torchvision’s names', () => {
  test('the same net in both styles gives the same features, and each style is recognised by its range', () => {
    const [ours, theirs] = [torchvision(), caffe(torchvision())];
    expect(importVgg19(stored(ours), 'v')).toMatchObject({ convention: 'torchvision', decidedBy: 'the range' });
    expect(importVgg19(stored(theirs), 'v')).toMatchObject({ convention: 'caffe', decidedBy: 'the range' });
    expect(difference(ours, theirs)).toBeLessThan(1e-6);
  });

  test.each([
    ['as published: BGR, 0 … 255', scaled(FIRST, 'BGR', PUBLISHED), 'caffe'],
    ['folded for torchvision’s inputs', scaled(57.612 * FIRST, 'RGB', PUBLISHED), 'torchvision'],
  ])('the published VGG-19 is recognised by its other layers, %s', (_, tensors, convention) => {
    expect(importVgg19(stored(tensors), 'v')).toMatchObject({ convention, decidedBy: 'the published weights' });
  });

  test('the published VGG-19 has these sizes under Caffe’s names, too', () => {
    const names: Record<string, string> = { 0: 'conv1_1', 2: 'conv1_2', 5: 'conv2_1' };
    const renamed = new Map(
      [...scaled(57.612 * FIRST, 'RGB', PUBLISHED)].map(([k, t]) => [
        k.replace(/features\.(\d)/, (_, n) => names[n] ?? ''),
        t,
      ]),
    );
    expect(importVgg19(stored(renamed), 'v').convention).toBe('torchvision');
  });

  test.each([
    [
      'of the published net for RGB, 0 … 255',
      scaled(FIRST, 'RGB', PUBLISHED),
      /RGB inputs and a first layer times 1\.00/,
    ],
    ['of the published net for 0 … 1', scaled(255 * FIRST, 'RGB', PUBLISHED), /first layer times 255/],
    ['that fit both', scaled(FIRST * 3, 'BGR'), /range of its numbers fits both/],
  ])('weights with numbers %s are an error that asks for the style', (_, tensors, message) => {
    const reading = () => importVgg19(stored(tensors), 'v.pth');
    expect(reading).toThrow(message);
    expect(reading).toThrow(/^v\.pth .*--style caffe .*--style torchvision .*57-fold/);
    expect(reading).toThrow(UsageError);
    expect(importVgg19(stored(tensors), 'v', 'caffe')).toMatchObject({ convention: 'caffe', decidedBy: 'the option' });
  });

  test('the two styles of one file differ 57-fold', () => {
    const tensors = stored(scaled(FIRST * 3, 'BGR'));
    const [a, b] = (['caffe', 'torchvision'] as const).map((style) => importVgg19(tensors, 'v', style).activation);
    expect((a as number) / (b as number)).toBeGreaterThan(50);
    expect((a as number) / (b as number)).toBeLessThan(65);
  });
});

describe('on the command line', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pose-gan-style-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('--style decides, is recorded with the installed weights, and survives', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const problems = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const file = join(folder, 'v.safetensors');
    writeFileSync(file, writeSafetensors(scaled(FIRST * 3, 'BGR')));
    const run = (...style: string[]) => main(['weights', 'vgg19', file, '--folder', folder, '--json', ...style]);
    expect(await run()).toBe(2);
    expect(String(problems.mock.lastCall?.[0])).toMatch(/--style caffe/);
    expect(await run('--style', 'keras')).toBe(2);
    expect(String(problems.mock.lastCall?.[0])).toMatch(/no style "keras"; known are caffe and torchvision/);
    expect(await run('--style', 'caffe')).toBe(0);
    expect(JSON.parse(String(log.mock.lastCall?.[0]))).toMatchObject({ convention: 'caffe', decidedBy: 'the option' });
    const installed = findVgg(folder);
    expect(installed).toMatchObject({ convention: 'caffe', decidedBy: 'the option' });
    expect(installed?.weights).toEqual(
      importVgg19(readSafetensors(writeSafetensors(scaled(FIRST * 3, 'BGR'))).tensors, 'v', 'caffe').weights,
    );
    vi.restoreAllMocks();
  });

  test('a file whose name ends in a SHA-256, as those of torch.hub do, must have that hash', async () => {
    const problems = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const content = writeSafetensors(torchvision());
    const digest = createHash('sha256').update(content).digest('hex').slice(0, 8);
    const path = join(folder, `vgg19-${digest}.safetensors`);
    writeFileSync(path, content);
    expect(await main(['weights', 'vgg19', path, '--folder', folder])).toBe(0);
    content[content.length - 1] = (content[content.length - 1] as number) ^ 1;
    writeFileSync(path, content);
    expect(await main(['weights', 'vgg19', path, '--folder', folder])).toBe(2);
    expect(String(problems.mock.lastCall?.[0])).toMatch(
      /its SHA-256 begins with [0-9a-f]{8}, but its name says .*Download it again/,
    );
    expect(log).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
  });
});
