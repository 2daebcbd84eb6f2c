import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { formatAnnotations } from '../src/data/annotations.js';
import { blank, fromTensor, type Image } from '../src/data/image.js';
import { formatPairs } from '../src/data/pairs.js';
import { stream } from '../src/data/random.js';
import { fromCheckpoint } from '../src/model/checkpoint.js';
import { type ModelConfig, modelConfig } from '../src/model/config.js';
import { generatorParameters, pairData } from '../src/model/pairs.js';
import { Generator } from '../src/model/trainer.js';
import { writeFileAtomic } from '../src/node/files.js';
import { encodePng, readImage } from '../src/node/images.js';
import { PERSON, type Pose } from '../src/pose/skeleton.js';
import { sharedEngine } from './gpu.js';
import { untrained } from './made-checkpoint.js';
import { standing } from './person.js';

export const HEIGHT = 64;
export const WIDTH = 32;
/** The model is shallow and narrow, because every command compiles its kernels again. */
export const config: ModelConfig = {
  ...modelConfig({ ablation: 'dsc' }),
  height: HEIGHT,
  width: WIDTH,
  encoder: [3, 6, 6],
  decoder: [6, 6, 3],
  deformedLevels: 2,
  dropoutBlocks: 1,
  discriminator: [3, 1],
  batch: 2,
};

export const FRAME = { height: HEIGHT, width: WIDTH, skeleton: PERSON };

export const POSES: Readonly<Record<string, Pose>> = {
  'a_1.png': standing(),
  'a_2.png': standing({ right_wrist: [3, 12], left_knee: [25, 40] }),
  'a_3.png': standing({ nose: null, right_eye: null, left_eye: null }),
  'a_4.png': standing({ right_hip: null }),
};
export const PAIRS = [
  ['a_1.png', 'a_2.png'],
  ['a_2.png', 'a_3.png'],
  ['a_3.png', 'a_1.png'],
] as const;

/** Makes blocks of colour, so that comparisons see shapes and not only noise. */
export function picture(seed: number, height = HEIGHT, width = WIDTH): Image {
  const random = stream(seed);
  const image = blank(width, height);
  for (let p = 0; p < width * height; p++) image.data.set([(p * seed) % 256, p % 256, random.below(256)], 3 * p);
  return image;
}

let folder: string;
/** Returns an empty folder, a new one for every test. */
export let out: string;
export const at = (...parts: string[]) => join(folder, ...parts);
export const imageAt = (name: string) => at('data', 'd-dataset', 'test', name);
export const table = () => at('data', 'd-annotation-test.csv');

/** Makes the data and an untrained net for the tests of one file, and removes them afterwards. */
export function prepare(): void {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'generate-'));
    for (const [i, name] of Object.keys(POSES).entries()) writeFileAtomic(imageAt(name), encodePng(picture(i + 2)));
    writeFileSync(table(), formatAnnotations(new Map(Object.entries(POSES))));
    writeFileSync(at('data', 'd-pairs-test.csv'), formatPairs(PAIRS));
    writeFileSync(at('net.safetensors'), untrained(config, PERSON));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    out = mkdtempSync(join(folder, 'out-'));
  });
  afterEach(() => vi.restoreAllMocks());
}

/** Runs a command and returns what it printed. */
export async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  vi.spyOn(console, 'log').mockImplementation((text) => {
    stdout += `${text}\n`;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
  const code = await main(args);
  vi.restoreAllMocks();
  return { code, stdout, stderr };
}

export const net = () => ['--checkpoint', at('net.safetensors')];
export const dataset = () => ['--data', at('data'), '--name', 'd'];
export const person = () => ['--image', imageAt('a_1.png'), '--annotations', table()];

/** Returns the pictures for pairs of the dataset directly from a generator, all with the noise of step 0. */
export async function expected(
  pairs: readonly (readonly [string, string | Pose])[],
  seed = 0,
  batch = 1,
): Promise<Image[]> {
  const checkpoint = fromCheckpoint(readFileSync(at('net.safetensors')), 'net');
  const set = generatorParameters(checkpoint);
  const model = await Generator.create(await sharedEngine(), config, batch, { set, seed });
  const list = pairs.map(([a, b]) => ({
    image: readImage(imageAt(a)),
    pose: POSES[a] as Pose,
    target: typeof b === 'string' ? (POSES[b] as Pose) : b,
  }));
  const values = await model.generate(pairData(config, PERSON, list));
  model.destroy();
  return list.map((_, i) => fromTensor(values, WIDTH, HEIGHT, i * HEIGHT * WIDTH * 3));
}
