import {
  type DataSource,
  type Dataset,
  type Decoder,
  datasetNames,
  datasetPaths,
  openDataset,
} from '../../../src/data/dataset.js';
import { drawnSource } from '../../../src/data/files-source.js';
import { parseJson } from '../../../src/data/json.js';
import { synthTotal } from '../../../src/data/synth-dataset.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { PERSON, parseSkeleton, type Skeleton } from '../../../src/pose/skeleton.js';
import { testPeople } from './command.js';
import type { DataChoice } from './protocol.js';

/** Both halves of a dataset. Without a test half, the samples come from the training half. */
export interface Datasets {
  readonly train: Dataset;
  readonly test: Dataset | undefined;
  readonly decoder: () => Decoder;
}

export type OnProgress = (what: string, done: number, total: number) => void;

const IMAGES_PER_PERSON = 8;
const SYNTHETIC = 'synth';
/** Milliseconds of drawing after which the worker handles messages. */
const YIELD_MS = 50;

/** The names D of the datasets in a dropped folder. Throws `UsageError` if there is none. */
export function namesIn(source: DataSource): string[] {
  // A table without its images counts as a dataset too; the checks then report what is missing.
  const tables = (source.list() ?? []).flatMap((e) => /^(.+)-annotation-(?:train|test)\.csv$/.exec(e)?.[1] ?? []);
  const names = [...new Set([...datasetNames(source), ...tables])].sort();
  if (!names.length)
    throw new UsageError(
      `${source.folder} holds no dataset. A dataset named D consists of the folder D-dataset with the folder train (and test) ` +
        'in it, of D-annotation-train.csv and, if pairs are given, of D-pairs-train.csv',
    );
  return names;
}

/** The skeleton of a dropped dataset: that of its skeleton file, which `pose-gan synth` writes for other objects, or a person's. */
export async function skeletonOf(source: DataSource, name: string): Promise<Skeleton> {
  const path = source.path(`${name}-skeleton.json`);
  if (!source.exists(path)) return PERSON;
  const text = await source.readText(path, 'skeleton');
  return parseSkeleton(parseJson(text, `the skeleton ${path}`), path);
}

/**
 * Draws the people of `pose-gan synth --train-identities people --test-identities ⌈people / 6⌉ --place place`. The worker handles
 * messages in the meantime. Rejects when the signal aborts.
 */
export async function drawPeople(
  { people, seed, place }: Omit<Extract<DataChoice, { kind: 'synthetic' }>, 'kind'>,
  [height, width]: readonly [number, number],
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<DataSource> {
  const options = {
    trainIdentities: people,
    testIdentities: testPeople(people),
    imagesPerIdentity: IMAGES_PER_PERSON,
    ...{ height, width, seed, place },
  };
  const total = synthTotal(options);
  let lastYield = performance.now();
  return drawnSource(SYNTHETIC, options, async (done) => {
    signal.throwIfAborted();
    if (performance.now() - lastYield < YIELD_MS) return;
    onProgress('Drawing people', done, total);
    await new Promise((resolve) => setTimeout(resolve));
    lastYield = performance.now();
  });
}

/** Opens and checks both halves. Throws the errors of `pose-gan train`. */
export async function openBoth(
  source: DataSource,
  choice: DataChoice,
  skeleton: Skeleton,
  [height, width]: readonly [number, number],
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Datasets> {
  const drawn = choice.kind === 'synthetic';
  const name = drawn ? SYNTHETIC : choice.name;
  const { resize = false, skipBad = false } = drawn ? {} : choice;
  const common = { name, height, width, skeleton, resize, skipBad, thorough: !drawn };
  const open = (split: 'train' | 'test') =>
    openDataset(source, {
      ...{ ...common, split },
      onProgress: (done, total) => {
        signal.throwIfAborted();
        onProgress(`Checking images (${split})`, done, total);
      },
    });
  const train = await open('train');
  const hasTest = source.exists(datasetPaths(source, name, 'test').annotations);
  return { train, test: hasTest ? await open('test') : undefined, decoder: () => source.decoder() };
}
