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

/** Both halves of a dataset; without a test half, samples come from the training half. */
export interface Datasets {
  readonly train: Dataset;
  readonly test: Dataset | undefined;
  readonly decoder: () => Decoder;
}

export type OnProgress = (what: string, done: number, total: number) => void;

const IMAGES_PER_PERSON = 8;
const SYNTHETIC = 'synth';
/** Milliseconds of drawing after which messages are heard. */
const BREATH = 50;

/** The names D of a dropped folder. `UsageError` when there is none. */
export function namesIn(source: DataSource): string[] {
  // A table without its images is a dataset too, about which the checks say what is missing.
  const tables = (source.list() ?? []).flatMap((e) => /^(.+)-annotation-(?:train|test)\.csv$/.exec(e)?.[1] ?? []);
  const names = [...new Set([...datasetNames(source), ...tables])].sort();
  if (!names.length)
    throw new UsageError(
      `${source.folder} holds no dataset. One named D is the folder D-dataset with train (and test) in it, and beside it ` +
        'D-annotation-train.csv and, if pairs are given, D-pairs-train.csv',
    );
  return names;
}

/** The skeleton of a dropped dataset: the file that `pose-gan synth` writes for other objects, else the person. */
export async function skeletonOf(source: DataSource, name: string): Promise<Skeleton> {
  const path = source.path(`${name}-skeleton.json`);
  if (!source.exists(path)) return PERSON;
  const text = await source.readText(path, 'skeleton');
  return parseSkeleton(parseJson(text, `the skeleton ${path}`), path);
}

/**
 * Draws the synthetic people: those of `pose-gan synth --train-identities people --test-identities ⌈people / 6⌉ --place place`.
 * Messages are heard while it works; the signal ends it by throwing.
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
  let breath = performance.now();
  return drawnSource(SYNTHETIC, options, async (done) => {
    signal.throwIfAborted();
    if (performance.now() - breath < BREATH) return;
    onProgress('Drawing people', done, total);
    await new Promise((resolve) => setTimeout(resolve));
    breath = performance.now();
  });
}

/** Opens and checks both halves; errors are those of `pose-gan train`. */
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
