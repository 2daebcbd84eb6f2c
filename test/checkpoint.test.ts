import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import { readSafetensors, toFloat32, writeSafetensors } from '../src/data/safetensors.js';
import { UsageError } from '../src/gpu/errors.js';
import { Random } from '../src/kernels/dropout/random.js';
import { hwioToOihw, weightsFromPyTorch, weightsToPyTorch } from '../src/kernels/layout.js';
import { nd } from '../src/kernels/oracle.js';
import { Parameters } from '../src/model/blocks.js';
import { fromCheckpoint, type Nets, toCheckpoint, weightsOf } from '../src/model/checkpoint.js';
import { type ConfigOptions, modelConfig } from '../src/model/config.js';
import { discriminator, discriminatorInput } from '../src/model/discriminator.js';
import { generator } from '../src/model/generator.js';
import { pairInputs } from '../src/model/inputs.js';
import { generatorParameters } from '../src/model/pairs.js';
import type { TrainingState } from '../src/model/trainer.js';
import { fromStateFile, stateFileInfo, toStateFile } from '../src/model/training-state.js';
import { listCheckpoints, loadCheckpoint, loadState, saveCheckpoint } from '../src/node/checkpoint-files.js';
import { PERSON } from '../src/pose/skeleton.js';
import { VERSION } from '../src/version.js';
import { halved } from './half.js';

const recipe: ConfigOptions = { preset: 'paper', size: 'market', ablation: 'full', width: 1 / 32 };

function build(options: ConfigOptions = recipe): Nets {
  const config = modelConfig(options);
  const nets = { generator: new ParameterSet('generator'), discriminator: new ParameterSet('discriminator') };
  const inputs = pairInputs(config, 1, new Random(1), false);
  const { image } = generator(new Parameters(nets.generator, 1), config, inputs);
  discriminator(
    new Parameters(nets.discriminator, 1),
    config,
    discriminatorInput({ ...inputs, image: input('y', image.shape) }),
  );
  return nets;
}

const nets = build();

/** Values that identify their place: no two parameters and no two runs (`seed`) have the same ones. */
function values(set: ParameterSet, seed: number): Map<string, Float32Array> {
  return new Map(
    set.names.map((n, k) => [n, Float32Array.from({ length: set.get(n).size }, (_, i) => seed + k + i / 65536)]),
  );
}

function state(step: number, seed: number): TrainingState {
  const of = (net: keyof Nets, k: number) => values(nets[net], seed + k);
  return {
    generator: of('generator', 0),
    discriminator: of('discriminator', 100),
    moments: {
      'generator.m': of('generator', 200),
      'generator.v': of('generator', 300),
      'discriminator.m': of('discriminator', 400),
      'discriminator.v': of('discriminator', 500),
    },
    step,
    randomStep: 2 * step,
  };
}

const info = { config: modelConfig(recipe), recipe, skeleton: PERSON, seed: 7, features: 'filter bank' as const };
const file = (step = 3, seed = 0) => toCheckpoint(nets, state(step, seed), { ...info, step });

/** Returns the same file with other metadata or tensors. */
function edited(
  bytes: Uint8Array,
  metadata: Record<string, string>,
  edit: (t: Map<string, { shape: readonly number[]; data: Float32Array }>) => void = () => {},
): Uint8Array {
  const { metadata: old, tensors } = readSafetensors(bytes);
  const all = new Map([...tensors].map(([k, t]) => [k, { shape: t.shape, data: toFloat32(t) }]));
  edit(all);
  return writeSafetensors(all, { ...old, ...metadata });
}

test('a checkpoint in half precision opens with exactly the values that it holds', () => {
  const of = (edge: number) => (set: ParameterSet) =>
    new Map(
      set.names.map((n, k) => [n, Float32Array.from({ length: set.get(n).size }, (_, i) => edge * Math.sin(i + k))]),
    );
  // Some are below 2⁻¹⁴, where half precision has fewer digits.
  for (const edge of [1000, 1, 1e-5]) {
    const weights = { generator: of(edge)(nets.generator), discriminator: of(edge)(nets.discriminator) };
    const { f16, f32 } = halved(toCheckpoint(nets, weights, { ...info, step: 3 }));
    expect(f16.length).toBeLessThan(0.6 * f32.length);
    const [small, exact] = [f16, f32].map((bytes) => weightsOf(fromCheckpoint(bytes, 'net'), nets));
    expect(small).toEqual(exact);
    const [name = ''] = nets.generator.names;
    const [got, meant] = [exact?.generator.get(name) ?? [], weights.generator.get(name) ?? []];
    for (const [i, x] of got.entries())
      expect(Math.abs(x - (meant[i] ?? 0))).toBeLessThanOrEqual(edge * 2 ** -11 + 2 ** -25);
    expect(new Set(got).size).toBeGreaterThan(10);
  }
});

test.each([
  ['one NaN', 1, [Number.NaN]],
  ['an infinity', 1, [Number.NEGATIVE_INFINITY]],
  ['several', 3, [Number.NaN, 5, Number.POSITIVE_INFINITY, Number.NaN]],
])('a checkpoint or training state with %s is refused by file, tensor and number', (_, count, bad) => {
  const weight = 'generator.appearance.1.weight';
  const { size } = nets.generator.get('appearance.1.weight');
  for (const at of [0, size - bad.length]) {
    const plant = (t: Map<string, { shape: readonly number[]; data: Float32Array }>, name: string) =>
      t.get(name)?.data.set(bad, at);
    const broken = edited(file(), {}, (t) => plant(t, weight));
    const said = `${count} of the ${size} values of`;
    expect(() => fromCheckpoint(broken, 'net.safetensors')).toThrow(UsageError);
    expect(() => fromCheckpoint(broken, 'net.safetensors')).toThrow(
      `net.safetensors: ${said} ${weight} are NaN or infinite. The training diverged, or the file is damaged`,
    );
    const good = file();
    const stateBytes = toStateFile(nets, state(3, 0), { orderSeed: 1, batch: 2 }, good);
    const brokenState = edited(stateBytes, {}, (t) => plant(t, `v.${weight}`));
    const checkpoint = fromCheckpoint(good, 'net.safetensors');
    expect(() => fromStateFile(brokenState, 'net.state', checkpoint, nets)).toThrow(
      `net.state: ${said} v.${weight} are NaN or infinite.`,
    );
    expect(() => stateFileInfo(brokenState, 'net.state', checkpoint)).toThrow(UsageError);
  }
  const two = edited(file(), {}, (t) => {
    for (const { data } of t.values()) data.fill(Number.NaN);
  });
  expect(() => fromCheckpoint(two, 'net')).toThrow(/are NaN or infinite, as are some of \d+ more tensors\./);
});

test('weights that are not finite in half precision are refused, too', () => {
  const of = (set: ParameterSet) => new Map(set.names.map((n) => [n, new Float32Array(set.get(n).size).fill(7e4)]));
  const weights = { generator: of(nets.generator), discriminator: of(nets.discriminator) };
  const { f16 } = halved(toCheckpoint(nets, weights, { ...info, step: 3 }));
  expect(() => fromCheckpoint(f16, 'net')).toThrow(/net: \d+ of the \d+ values of generator\.\S+ are NaN or infinite/);
});

test('the fast permutation equals that of layout.ts, and its inverse undoes it', () => {
  const size = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(fc.tuple(size, size, size, size), (shape) => {
      const x = nd(shape, (i) => i);
      const torch = weightsToPyTorch(Float32Array.from(x.data), shape);
      expect(torch).toEqual(Float32Array.from(hwioToOihw(x).data));
      expect(weightsFromPyTorch(torch, shape)).toEqual(Float32Array.from(x.data));
    }),
  );
});

test('a checkpoint has the names and layouts of PyTorch and describes the model, and is read back bit for bit', () => {
  const bytes = file();
  const { tensors, metadata } = readSafetensors(bytes);
  expect(tensors.get('generator.appearance.0.weight')?.shape).toEqual([2, 21, 3, 3]);
  expect(tensors.get('generator.appearance.0.gamma')?.shape).toEqual([2]);
  // Weights of a transposed convolution are in × out × 4 × 4. The deepest map has 2·16 channels and 64 of noise.
  expect(tensors.get('generator.decoder.0.weight')?.shape).toEqual([96, 16, 4, 4]);
  expect(tensors.get('discriminator.0.weight')?.shape).toEqual([2, 42, 4, 4]);
  expect([...tensors.keys()].filter((n) => !/^(generator|discriminator)\.(?!discriminator|generator)/.test(n))).toEqual(
    [],
  );
  expect(metadata.library).toBe(VERSION);

  const checkpoint = fromCheckpoint(bytes, 'x.safetensors');
  expect(checkpoint.info).toEqual({ ...info, step: 3, library: VERSION });
  expect(weightsOf(checkpoint, nets)).toEqual({
    generator: state(3, 0).generator,
    discriminator: state(3, 0).discriminator,
  });
  expect(Object.keys(weightsOf(checkpoint, { generator: nets.generator }))).toEqual(['generator']);
});

test('a file in memory that is a part of a larger buffer, as Node reads small files, gives the same', () => {
  const bytes = file();
  const shared = new Uint8Array(bytes.length + 3);
  shared.set(bytes, 3);
  const there = fromCheckpoint(Buffer.from(shared.buffer, 3), 'x');
  expect(there.fingerprint).toBe(fromCheckpoint(bytes, 'x').fingerprint);
  expect(weightsOf(there, nets).generator).toEqual(state(3, 0).generator);
});

test('missing values, or too few, are refused before a file is made', () => {
  const values = state(3, 0);
  const less = new Map(values.generator);
  less.set('appearance.0.weight', new Float32Array(5));
  expect(() => toCheckpoint(nets, { ...values, generator: less }, { ...info, step: 3 })).toThrow(
    /generator\.appearance\.0\.weight has 5 values.*needs 378/,
  );
});

test('tensors that do not fit are listed, with shapes and advice', () => {
  const damaged = edited(file(), {}, (t) => {
    t.delete('generator.pose.0.weight');
    t.set('generator.appearance.0.gamma', { shape: [3], data: new Float32Array(3) });
    t.set('generator.extra', { shape: [1], data: new Float32Array(1) });
  });
  let message = '';
  try {
    weightsOf(fromCheckpoint(damaged, 'run/x.safetensors'), nets);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    message = (error as Error).message;
  }
  expect(message).toContain('run/x.safetensors');
  expect(message).toContain('generator.pose.0.weight [2, 18, 3, 3] is missing');
  expect(message).toContain('generator.appearance.0.gamma is [3], but the model needs [2]');
  expect(message).toContain('generator.extra is not a parameter');
  expect(message).toMatch(/Build the model from the checkpoint/);

  const wide = build({ ...recipe, width: 1 / 16 });
  expect(() => weightsOf(fromCheckpoint(file(), 'x'), wide)).toThrow(/needs \[4, 21, 3, 3\].*and \d+ more/);
});

test.each([
  ['another file', { format: 'other' }, /x is not a webgpu-pose-gan checkpoint: its metadata says "other"/],
  ['a newer format', { version: '2', library: '9.9.9' }, /format version 2.*reads 1.*9\.9\.9/],
  ['a bad step', { step: '-1' }, /field step is -1/],
  ['no JSON', { config: '{' }, /field config is not JSON/],
  [
    'an incomplete configuration',
    { config: '{"height": 128}' },
    /configuration.width must be an integer of at least 1, got undefined/,
  ],
  [
    'a bad configuration',
    { config: JSON.stringify({ ...info.config, encoder: [0.5] }) },
    /configuration.encoder.0 must be an integer of at least 1, got 0.5/,
  ],
  [
    'a nested one',
    { config: JSON.stringify({ ...info.config, loss: { kind: 'l1' } }) },
    /configuration.loss.weight must be a finite number, got undefined/,
  ],
  ['unknown features', { features: 'x' }, /features "x"/],
  ['a skeleton of other joints', { config: JSON.stringify({ ...info.config, joints: 5 }) }, /5 joints.*18/],
])('%s is refused', (_, metadata, message) => {
  expect(() => fromCheckpoint(edited(file(), metadata as Record<string, string>), 'x')).toThrow(message);
});

test('a configuration of an impossible model is an error that names the file', () => {
  for (const change of [{ height: 7 }, { deformedLevels: 2.5 }, { encoder: Array(30).fill(2) }]) {
    const bytes = edited(file(), { config: JSON.stringify({ ...info.config, ...change }) });
    expect(() => generatorParameters(fromCheckpoint(bytes, 'x'))).toThrow(
      /^x: (no model can be built from )?its configuration/,
    );
  }
});

test('the training state restores moments and counters, and recognises its weights', () => {
  const bytes = file(5, 1);
  const stored = toStateFile(nets, state(5, 1), { orderSeed: 11, batch: 4, notes: { best: 0.5 } }, bytes);
  expect(readSafetensors(stored).tensors.has('m.generator.appearance.0.weight')).toBe(true);
  expect(readSafetensors(stored).tensors.has('v.discriminator.0.weight')).toBe(true);
  const back = fromStateFile(stored, 's', fromCheckpoint(bytes, 'x'), nets);
  expect(back).toEqual({ state: state(5, 1), info: { orderSeed: 11, batch: 4, notes: { best: 0.5 } } });

  expect(() => fromStateFile(stored, 's', fromCheckpoint(file(5, 2), 'x'), nets)).toThrow(
    /not the training state of x/,
  );
  expect(() => fromStateFile(bytes, 's', fromCheckpoint(bytes, 'x'), nets)).toThrow(/s is not a .* training state/);
  const partial = edited(stored, {}, (t) => t.delete('v.discriminator.0.weight'));
  expect(() => fromStateFile(partial, 's', fromCheckpoint(bytes, 'x'), nets)).toThrow(
    /v\.discriminator\.0\.weight .* missing/,
  );
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pose-gan-checkpoint-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const save = (to: string, step: number, seed: number, keep?: number) =>
  saveCheckpoint(to, nets, state(step, seed), { info, stateInfo: { orderSeed: 0, batch: 4 }, keep });

test('saving keeps the latest pairs, and a folder loads the latest of them', () => {
  const run = join(folder, 'run');
  expect(listCheckpoints(run)).toEqual([]);
  save(run, 10, 0);
  save(run, 20, 1);
  expect(listCheckpoints(run).map((c) => c.step)).toEqual([20]);
  expect(readdirSync(run)).toHaveLength(2);
  save(run, 30, 2, 2);
  save(run, 40, 3, 2);
  expect(listCheckpoints(run).map((c) => c.step)).toEqual([30, 40]);
  expect(readdirSync(run)).toHaveLength(4);
  const checkpoint = loadCheckpoint(run);
  expect(checkpoint.info.step).toBe(40);
  expect(loadState(checkpoint, nets).state).toEqual(state(40, 3));
  expect(loadState(loadCheckpoint(listCheckpoints(run)[0]?.path ?? ''), nets).state).toEqual(state(30, 2));
});

test('a stop between the two files leaves the previous pair intact', () => {
  const run = join(folder, 'stopped');
  save(run, 10, 0);
  const later = join(folder, 'later');
  save(later, 20, 1);
  // The state was written last, and its checkpoint never was.
  for (const name of readdirSync(later).filter((n) => n.includes('.state.')))
    writeFileSync(join(run, name), readFileSync(join(later, name)));
  const checkpoint = loadCheckpoint(run);
  expect(loadState(checkpoint, nets).state).toEqual(state(10, 0));
  save(run, 20, 2);
  expect(readdirSync(run)).toHaveLength(2);
  expect(loadState(loadCheckpoint(run), nets).state).toEqual(state(20, 2));
});

test('files that are missing or of another kind are errors', () => {
  expect(() => loadCheckpoint(join(folder, 'none'))).toThrow(/there is no checkpoint/);
  expect(() => loadCheckpoint(folder)).toThrow(/holds no checkpoint/);
  const run = join(folder, 'lonely');
  save(run, 10, 0);
  const stateFile = readdirSync(run).find((n) => n.includes('.state.')) ?? '';
  expect(() => loadCheckpoint(join(run, stateFile))).toThrow(
    /training state beside a checkpoint; name .*checkpoint-00000010/,
  );
  rmSync(join(run, stateFile));
  expect(() => loadState(loadCheckpoint(run), nets)).toThrow(/cannot be resumed.*not beside it/);
});

test('the version is that of the package', () => {
  expect(VERSION).toBe(manifest.version);
});
