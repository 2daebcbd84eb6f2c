import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import type { Optimizer } from '../src/autograd/optimizer.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import { compile } from '../src/compiler/compile.js';
import { readSafetensors, toFloat32, writeSafetensors } from '../src/data/safetensors.js';
import type { Engine } from '../src/gpu/engine.js';
import { UsageError } from '../src/gpu/errors.js';
import { Adam } from '../src/kernels/adam/adam.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { dropout } from '../src/kernels/dropout/dropout.js';
import { Random } from '../src/kernels/dropout/random.js';
import { square, sub } from '../src/kernels/elementwise/elementwise.js';
import { SGD } from '../src/kernels/sgd/sgd.js';
import { mean } from '../src/kernels/sum/sum.js';
import { load, save } from '../src/nets/files.js';
import { heNormal } from '../src/nets/initializers.js';
import { loadNet, saveNet } from '../src/node/nets.js';
import { VERSION } from '../src/version.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
const folder = mkdtempSync(join(tmpdir(), 'nets-'));
beforeAll(async () => {
  engine = await sharedEngine();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const convolution = () => {
  const net = new ParameterSet('net');
  net.parameter('w', [3, 3, 2, 4], heNormal(1));
  net.parameter('b', [4], (i) => i);
  return net;
};

const namesIn = (bytes: Uint8Array) => [...readSafetensors(bytes).tensors.keys()];

test('a set is saved under its own names, in device layout, with the version', async () => {
  const net = convolution();
  const { tensors, metadata } = readSafetensors(await save(engine, net));
  const shapes = Object.fromEntries([...tensors].map(([name, { shape, dtype }]) => [name, [dtype, ...shape]]));
  expect(shapes).toEqual({ w: ['F32', 3, 3, 2, 4], b: ['F32', 4] });
  const w = tensors.get('w');
  expect(w && toFloat32(w)).toEqual(net.initial('w'));
  expect(metadata).toEqual({ format: 'webgpu-pose-gan nets', version: '1', library: VERSION });
});

test('several sets and optimisers are saved by the names that they are given', async () => {
  const net = convolution();
  const adam = new Adam(net);
  adam.step = 3;
  const all = await save(engine, { net, adam, random: new Random(7) });
  expect(namesIn(all)).toEqual(['net.w', 'net.b', 'adam.m.w', 'adam.m.b', 'adam.v.w', 'adam.v.b']);
  expect(readSafetensors(all).metadata).toMatchObject({ 'adam.step': '3', 'random.step': '0', 'random.seed': '7' });
  const alone = await save(engine, adam);
  expect(namesIn(alone)).toEqual(['m.w', 'm.b', 'v.w', 'v.b']);
  expect(readSafetensors(alone).metadata.step).toBe('3');
  expect(namesIn(await save(engine, new SGD(net))), 'without momentum there is only the step').toEqual([]);
  const one = new ParameterSet('one');
  one.parameter('m.w', [1], () => 0);
  const two = new ParameterSet('two');
  two.parameter('w', [1], () => 0);
  await expect(save(engine, { a: one, 'a.m': two })).rejects.toThrow(/two values would be named a\.m\.w/);
});

describe('what could not be loaded again', () => {
  test('a name that is no Unicode text is not saved', async () => {
    const half = '\u{1f600}'.slice(0, 1);
    for (const saved of [convolution(), new SGD(convolution())])
      await expect(save(engine, { [half]: saved })).rejects.toThrow(
        /save: the name "\\ud83d\.\S+" is not Unicode text/,
      );
  });

  test('NaN and infinities are neither saved nor loaded, but can be put back', async () => {
    const net = convolution();
    const good = readSafetensors(await save(engine, net)).tensors;
    const bad = new Map([['b', Float32Array.of(0, Number.NaN, 1 / 0, 1)]]);
    net.write(engine, bad);
    expect((await net.read(engine)).get('b')).toEqual(bad.get('b'));
    await expect(save(engine, { net })).rejects.toThrow(
      'save: 2 of the 4 values of net.b are NaN or infinite. The training diverged; nothing was saved.',
    );
    const tensors = [...good].map(
      ([name, t]) => [name, { shape: t.shape, data: bad.get(name) ?? toFloat32(t) }] as const,
    );
    const loading = load(engine, writeSafetensors(new Map(tensors)), convolution());
    await expect(loading).rejects.toThrow('file does not fit: 2 of the 4 values of b are NaN or infinite.');
  });
});

/** A net that is trained with dropout, from a state or from the start. */
async function training(make: (set: ParameterSet) => Optimizer, seed: number) {
  const net = new ParameterSet('net');
  const random = new Random(5);
  const x = dropout(input('x', [2, 4, 4, 2]), random, 0.5);
  const w = net.parameter('w', [3, 3, 2, 4], heNormal(seed));
  const y = conv2d(x, w, { pad: 1, bias: net.parameter('b', [4], () => 0) });
  const loss = mean(square(sub(y, input('target', [2, 4, 4, 4]))));
  const optimizer = make(net);
  const plan = await compile(engine, { loss }, { update: [optimizer.minimize(loss)] });
  const target = Float32Array.from({ length: 128 }, (_, i) => Math.cos(i));
  const run = (steps: number) => {
    for (let i = 0; i < steps; i++) {
      const step = optimizer.step;
      plan.run({ x: Float32Array.from({ length: 64 }, (_, k) => Math.sin(k + step)), target });
    }
  };
  return { state: { net, optimizer, random }, run, plan };
}

test.each<[string, (set: ParameterSet) => Optimizer]>([
  ['Adam', (set) => new Adam(set, { learningRate: (step) => 0.1 / (1 + step), clipNorm: 0.5 })],
  ['SGD', (set) => new SGD(set, { learningRate: 0.1, momentum: 0.9, dampening: 0.5 })],
])('training with %s goes on exactly from a file', async (_, make) => {
  const first = await training(make, 1);
  first.run(3);
  const saving = save(engine, first.state);
  // Runs that are submitted before the promise is awaited are not in the file.
  first.run(4);
  const second = await training(make, 2);
  expect(await load(engine, await saving, second.state)).toEqual({ missing: [], unexpected: [] });
  expect(second.state.optimizer.step).toBe(3);
  second.run(4);
  const values = async ({ state: { net, optimizer } }: typeof first) =>
    Promise.all([net, ...Object.values(optimizer.state)].map((set) => set.read(engine)));
  expect(await values(second)).toEqual(await values(first));
  expect(second.state.random.step).toBe(7);
  expect(await second.plan.scalar('loss')).toBe(await first.plan.scalar('loss'));
  first.plan.destroy();
  second.plan.destroy();
});

describe('what does not fit', () => {
  const file = (tensors: Record<string, readonly number[]>, metadata: Record<string, string> = {}) =>
    writeSafetensors(
      new Map(
        Object.entries(tensors).map(([name, shape]) => [
          name,
          { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(9) },
        ]),
      ),
      metadata,
    );

  test('is an error that lists all of it, and nothing changes', async () => {
    const net = convolution();
    const adam = new Adam(net);
    const before = await net.read(engine);
    const bytes = file({ 'net.w': [4, 2, 3, 3], 'net.c': [4], 'adam.m.w': [3, 3, 2, 4] }, { 'adam.step': 'three' });
    const loading = load(engine, bytes, { net, adam }, { name: 'run.safetensors' });
    await expect(loading).rejects.toThrow(UsageError);
    await expect(loading).rejects.toThrow(
      'run.safetensors does not fit: net.w is [4, 2, 3, 3], but [3, 3, 2, 4] is needed; ' +
        'adam.step is three, not an integer of 0 or more; net.b is missing; adam.m.b is missing; adam.v.w is missing; ' +
        'and 2 more. With strict: false, missing and unexpected names are allowed.',
    );
    expect(await net.read(engine)).toEqual(before);
    expect(adam.step).toBe(0);
    const stepless = load(engine, await save(engine, { m: adam.state.m, v: adam.state.v }), adam);
    await expect(stepless).rejects.toThrow(/file does not fit: step \(of the metadata\) is missing/);
  });

  test('is allowed with strict: false, except for other shapes', async () => {
    const net = convolution();
    const b = new Float32Array(4).fill(9);
    const report = await load(engine, file({ b: [4], c: [1] }), net, { strict: false });
    expect(report).toEqual({ missing: ['w'], unexpected: ['c'] });
    expect(await net.read(engine)).toEqual(
      new Map([
        ['w', net.initial('w')],
        ['b', b],
      ]),
    );
    const wrong = load(engine, file({ b: [2, 2] }), net, { strict: false });
    await expect(wrong).rejects.toThrow(/^file does not fit: b is \[2, 2\], but \[4\] is needed\.$/);
    const adam = new Adam(net);
    adam.step = 2;
    const all = await save(engine, { net, adam });
    expect(await load(engine, all, { net }, { strict: false }), 'a net alone, of a file of training').toMatchObject({
      missing: [],
      unexpected: ['adam.m.w', 'adam.m.b', 'adam.v.w', 'adam.v.b'],
    });
    const partly = await load(engine, file({ 'm.w': [3, 3, 2, 4] }), adam, { strict: false });
    expect(partly.missing).toEqual(['m.b', 'v.w', 'v.b', 'step (of the metadata)']);
    expect(adam.step).toBe(2);
  });

  test('is refused for a generator of another seed, a later version and a file of another kind', async () => {
    const seven = await save(engine, { random: new Random(7) });
    await expect(load(engine, seven, { random: new Random(8) })).rejects.toThrow(
      /random\.seed is 7, but 8 is needed\.$/,
    );
    const later = file({ b: [4] }, { format: 'webgpu-pose-gan nets', version: '2', library: '3.1.4' });
    await expect(load(engine, later, convolution())).rejects.toThrow(
      /file has the format version 2, but .* reads 1\. It was written by 3\.1\.4: use that version or a newer one/,
    );
    const text = new TextEncoder().encode('no safetensors, but a text');
    await expect(load(engine, text, convolution(), { name: 'a.txt' })).rejects.toThrow(
      /^a\.txt is not a usable safetensors file/,
    );
    await expect(save(engine, [convolution()] as never)).rejects.toThrow(/saved must be a ParameterSet, .* got \[/);
  });
});

test('files of Node are whole, in new folders too, and errors name them', async () => {
  const net = convolution();
  const path = join(folder, 'new', 'net.safetensors');
  await saveNet(path, engine, net);
  expect(readdirSync(join(folder, 'new')), 'and nothing else').toEqual(['net.safetensors']);
  const other = new ParameterSet('other');
  for (const name of net.names) other.parameter(name, net.get(name).shape, () => 0);
  expect(await loadNet(path, engine, other)).toEqual({ missing: [], unexpected: [] });
  expect(await other.read(engine)).toEqual(await net.read(engine));
  await expect(loadNet(path, engine, { net })).rejects.toThrow(`${path} does not fit: net.w is missing`);
  expect(await loadNet(path, engine, { net }, { strict: false })).toMatchObject({ missing: ['net.w', 'net.b'] });
  await expect(loadNet(join(folder, 'none'), engine, net)).rejects.toThrow(/none/);
  writeFileSync(path, 'short');
  await expect(loadNet(path, engine, net)).rejects.toThrow(`${path} is not a usable safetensors file`);
});
