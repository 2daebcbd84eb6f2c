import {
  BOOLEAN,
  COUNT,
  checked,
  FUNCTION,
  type Kind,
  type Kinds,
  listOf,
  NATURAL,
  OBJECT,
  oneOf,
  STRING,
} from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { isValid, type Pose, SKELETON, type Skeleton, trunkProblem } from '../pose/skeleton.js';
import { parseAnnotations, rowNumbers } from './annotations.js';
import { decodable, fitPose } from './dataset-images.js';
import { loadPairs } from './dataset-pairs.js';
import type { IdentityRule } from './identity.js';
import type { ImageHeader } from './image-header.js';
import { type Pair, type Unpaired, unpairedOf } from './pairs.js';

/** Reads, decodes and resizes image files, several at a time. */
export interface Decoder {
  /** The pixels (H×W×3 bytes) of an image file, resized to the given size. A broken file is a `UsageError` that names it. */
  decode(path: string, height: number, width: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A data folder on a disk, or one that was dropped on a page. Paths are in the form that errors show. */
export interface DataSource {
  readonly folder: string;
  /** A path below the folder. */
  path(...names: string[]): string;
  /** Whether the file or folder exists. */
  exists(path: string): boolean;
  /** The names in the data folder, or `undefined` if there is no such folder. */
  list(): readonly string[] | undefined;
  /** The content of a text file. A failure is a `UsageError` that names the file and its purpose. */
  readText(path: string, what: string): Promise<string>;
  /** The format and size of an image file. A failure is a `UsageError` that names the file. */
  imageHeader(path: string): Promise<ImageHeader>;
  decoder(): Decoder;
}

export type Split = 'train' | 'test';

export interface DatasetOptions {
  /** The dataset's name D in the data folder (spec §1: `D-dataset/train`, `D-annotation-train.csv`, …). */
  readonly name: string;
  readonly split: Split;
  /** The size of the model's images. */
  readonly height: number;
  readonly width: number;
  readonly skeleton: Skeleton;
  /** Resize images of another size, joints included, instead of refusing them. */
  readonly resize?: boolean;
  /** Skip and count what cannot be used, instead of refusing it. */
  readonly skipBad?: boolean;
  /** How pairs are derived if the dataset has no pairs file. Default: `identityByName`. */
  readonly identity?: IdentityRule;
  /** Selects other pairs than those of the dataset's file, or some of them. */
  readonly select?: PairSelection;
  /** Whether every image is decoded once for the check (default), or only its header is read. */
  readonly thorough?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PairSelection {
  /** These pairs. */
  readonly pairs?: readonly Pair[];
  /** The pairs of this file. */
  readonly file?: string;
  /** The largest number of pairs: the first ones, or with `seed` a sample without replacement. */
  readonly limit?: number;
  readonly seed?: number;
}

/** An image of a pair, with its pose in pixels of the dataset's size. */
export interface DatasetImage {
  readonly name: string;
  readonly path: string;
  readonly pose: Pose;
}

/** How much was skipped, and the first few reasons. */
interface Skipped {
  rows: number;
  images: number;
  pairs: number;
  readonly reasons: string[];
}

/** A checked dataset: every image exists and can be decoded, and every pair has two valid poses. */
export interface Dataset {
  readonly name: string;
  readonly split: Split;
  readonly height: number;
  readonly width: number;
  readonly skeleton: Skeleton;
  /** The images that are in a pair. */
  readonly images: readonly DatasetImage[];
  /** Indices into `images`: the source and the target of pair i are at 2i and 2i + 1. */
  readonly pairs: Uint32Array;
  readonly skipped: Readonly<Skipped>;
  /** The other images of the annotation table. */
  readonly unpaired: Unpaired;
  /** Warnings for the user, such as signs of a wrong identity rule. */
  readonly warnings: readonly string[];
}

const SOURCE: Kind = ['a data folder', (v) => OBJECT[1](v) && FUNCTION[1]((v as DataSource).readText)];
const OPTIONS: Kinds = {
  name: STRING,
  split: /* @__PURE__ */ oneOf('train', 'test'),
  height: COUNT,
  width: COUNT,
  skeleton: SKELETON,
  'resize?': BOOLEAN,
  'skipBad?': BOOLEAN,
  'identity?': FUNCTION,
  'select?': {
    'pairs?': /* @__PURE__ */ listOf(/* @__PURE__ */ listOf(STRING)),
    'file?': STRING,
    'limit?': NATURAL,
    'seed?': NATURAL,
  },
  'thorough?': BOOLEAN,
  'onProgress?': FUNCTION,
};

const MAX_REASONS = 10;

/** The paths of the files of one half of a dataset. */
export function datasetPaths({ path }: Pick<DataSource, 'path'>, name: string, split: Split) {
  return {
    images: path(`${name}-dataset`, split),
    annotations: path(`${name}-annotation-${split}.csv`),
    pairs: path(`${name}-pairs-${split}.csv`),
  };
}

/** The names of the datasets in a data folder. */
export function datasetNames(source: DataSource): string[] {
  return (source.list() ?? []).flatMap((e) => /^(.+)-dataset$/.exec(e)?.[1] ?? []);
}

/** The same paths, but with the selected pairs file. */
function pathsOf(source: DataSource, { name, split, select }: DatasetOptions) {
  const paths = datasetPaths(source, name, split);
  return { ...paths, pairs: select?.file ?? paths.pairs };
}

/**
 * Opens one half of a dataset and checks everything that would make training fail (spec §1, §8): malformed rows, pairs
 * of unknown images, missing trunk joints, joints outside their image, unreadable images, images of another size, no
 * pair at all. The first problem is thrown as a `UsageError` that names file and row; with `skipBad`, problems are
 * skipped and counted.
 */
export async function openDataset(...args: [source: DataSource, options: DatasetOptions]): Promise<Dataset> {
  const [source, options] = checked('openDataset', { source: SOURCE, options: OPTIONS }, args);
  const { name, split, skeleton, height, width } = options;
  const paths = pathsOf(source, options);
  if (!source.exists(paths.annotations) || !source.exists(paths.images)) throw notThere(source, options, paths);
  const skipped: Skipped = { rows: 0, images: 0, pairs: 0, reasons: [] };
  const problem = (kind: 'rows' | 'images', error: UsageError) => {
    if (!options.skipBad) throw error;
    skipped[kind]++;
    if (skipped.reasons.length < MAX_REASONS) skipped.reasons.push(error.message);
  };

  const table = await source.readText(paths.annotations, 'annotation table');
  const warnings: string[] = [];
  const poses = parseAnnotations(table, paths.annotations, skeleton, {
    onBad: (e) => problem('rows', e),
    onNote: (text) => warnings.push(text),
  });
  let numbers: Map<string, number> | undefined;
  const row = (image: string) => {
    numbers ??= rowNumbers(table);
    return `${paths.annotations}, row ${numbers.get(image)}`;
  };
  const { pairs, rows } = await loadPairs(source, options, paths.pairs, poses, warnings, (e) => problem('rows', e));

  const unsized = (image: string, pose: Pose) =>
    new UsageError(`${row(image)}: ${image} is in a pair but ${trunkProblem(skeleton, pose)}`);
  const check = async (image: string): Promise<DatasetImage> => {
    const pose = poses.get(image);
    if (!pose) throw new UsageError(`${paths.annotations} has no row for ${image}`);
    if (!isValid(skeleton, pose)) throw unsized(image, pose);
    const path = source.path(`${name}-dataset`, split, image);
    const header = await source.imageHeader(path);
    return { name: image, path, pose: fitPose(pose, path, header, options, () => row(image)) };
  };
  const usable = new Map<string, DatasetImage>();
  const unusable = new Map<string, UsageError>();
  const kept: Pair[] = [];
  for (const [i, pair] of pairs.entries()) {
    const inRow = (error: UsageError) =>
      rows ? new UsageError(`${paths.pairs}, row ${rows[i]}: ${error.message}`) : error;
    for (const image of pair) {
      if (usable.has(image) || unusable.has(image)) continue;
      try {
        usable.set(image, await check(image));
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        unusable.set(image, error);
        problem('images', inRow(error));
      }
    }
    const bad = pair.map((image) => unusable.get(image)).find((error) => error !== undefined);
    if (bad) skipped.pairs++;
    else kept.push(pair);
  }

  // This comes after the other checks, since joints that are all at one place are often outside the image too.
  for (const image of usable.keys()) {
    const pose = poses.get(image) as Pose;
    if (!trunkProblem(skeleton, pose)) continue;
    problem('images', unsized(image, pose));
    usable.delete(image);
  }
  let images = [...usable.values()];
  if (options.thorough ?? true) images = await decodable(source, images, options, (e) => problem('images', e));
  const index = new Map(images.map((image, i) => [image.name, i]));
  const flat: number[] = [];
  for (const [from, to] of kept) {
    const [a, b] = [index.get(from), index.get(to)];
    if (a !== undefined && b !== undefined) flat.push(a, b);
    else skipped.pairs++;
  }
  const why = reasonsOf(skipped, warnings);
  if (!flat.length && options.select?.pairs) throw new UsageError(`no image of ${paths.images} can be used${why}`);
  if (!flat.length)
    throw new UsageError(
      `${noPairs(paths.pairs, rows !== undefined)}${why}. ` +
        'Fix: pose-gan pairs makes pairs from annotations and shows the identities that it finds',
    );
  const found = { images, pairs: Uint32Array.from(flat), skipped, unpaired: unpairedOf(poses, pairs, skeleton) };
  return { name, split, height, width, skeleton, ...found, warnings };
}

const noPairs = (file: string, exists: boolean) =>
  exists ? `${file} has no usable pair` : `${file} does not exist and the annotations give no pair`;

/** What was skipped and why, as the end of a sentence. */
function reasonsOf({ rows, images, pairs, reasons }: Skipped, warnings: readonly string[]): string {
  const why =
    rows + images + pairs
      ? `; ${rows} rows, ${images} images and ${pairs} pairs were skipped, the first because ${reasons[0]}`
      : '';
  return why + warnings.map((w) => `; ${w}`).join('');
}

function notThere(
  source: DataSource,
  { name, split }: DatasetOptions,
  paths: ReturnType<typeof datasetPaths>,
): UsageError {
  const missing = [paths.annotations, paths.images].filter((p) => !source.exists(p));
  const known = datasetNames(source);
  const found = source.list()
    ? `${source.folder} holds ${known.length ? `the datasets ${known.join(', ')}` : 'no dataset'}`
    : `there is no folder ${source.folder}`;
  return new UsageError(
    `the ${split} half of dataset ${name} needs ${missing.join(' and ')}; ${found}. Fix: pose-gan synth draws a dataset`,
  );
}
