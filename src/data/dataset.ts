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
import { isValid, type Pose, resizePose, SKELETON, type Skeleton, trunkProblem } from '../pose/skeleton.js';
import { parseAnnotations, rowNumbers } from './annotations.js';
import type { ImageHeader } from './image-header.js';
import { withinPicture } from './named-pose.js';
import { permute } from './order.js';
import {
  allPairs,
  firstUnderscore,
  groupByIdentity,
  type IdentityRule,
  type Pair,
  parsePairs,
  summarise,
} from './pairs.js';

/** Reads, decodes and fits image files, several at a time. */
export interface Decoder {
  /** The pixels (H×W×3 bytes) of an image file, resized when it has another size; `UsageError` that names a broken one. */
  decode(path: string, height: number, width: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A data folder, wherever it is: on a disk, or dropped on a page. Paths are as errors name them. */
export interface DataSource {
  readonly folder: string;
  /** A path below the folder. */
  path(...names: string[]): string;
  /** Whether there is a file or folder. */
  exists(path: string): boolean;
  /** The names in the data folder, or nothing when it is not there. */
  list(): readonly string[] | undefined;
  /** A text file; `UsageError` that names it and what it is for. */
  readText(path: string, what: string): Promise<string>;
  /** Format and size of an image file; `UsageError` that names it. */
  imageHeader(path: string): Promise<ImageHeader>;
  decoder(): Decoder;
}

export type Split = 'train' | 'test';

export interface DatasetOptions {
  /** The dataset's name D in the data folder, and which half (spec §1: `D-dataset/train`, `D-annotation-train.csv`, …). */
  readonly name: string;
  readonly split: Split;
  /** The size of the model's images. */
  readonly height: number;
  readonly width: number;
  readonly skeleton: Skeleton;
  /** Fit images of another size, joints included, in place of refusing them. */
  readonly resize?: boolean;
  /** Leave out and count what cannot be used, in place of refusing it. */
  readonly skipBad?: boolean;
  /** How pairs are derived when the dataset has no pairs file; the spec's rule by default. */
  readonly identity?: IdentityRule;
  /** Other pairs than those of the dataset's file, or a part of them. */
  readonly select?: PairSelection;
  /** Whether every image is decoded once (true), or its header read alone. */
  readonly thorough?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PairSelection {
  /** These pairs, or those of this file. */
  readonly pairs?: readonly Pair[];
  readonly file?: string;
  /** At most this many: the first, or with `seed` a sample without replacement. */
  readonly limit?: number;
  readonly seed?: number;
}

/** An image that is in a pair; the pose is in pixels of the dataset's size. */
export interface DatasetImage {
  readonly name: string;
  readonly path: string;
  readonly pose: Pose;
}

/** What was left out, and the first few reasons. */
export interface Skipped {
  rows: number;
  images: number;
  pairs: number;
  readonly reasons: string[];
}

/** A checked dataset: every image is there and decodes, every pair has two valid poses. */
export interface Dataset {
  readonly name: string;
  readonly split: Split;
  readonly height: number;
  readonly width: number;
  readonly skeleton: Skeleton;
  readonly images: readonly DatasetImage[];
  /** Indices into `images`: source and target of pair i at 2i and 2i + 1. */
  readonly pairs: Uint32Array;
  readonly skipped: Readonly<Skipped>;
  /** What a person should know, as signs of a wrong identity rule. */
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

const REASONS = 10;
/** Decodings in flight while everything is checked. */
const CHECKS_AT_ONCE = 32;

/** Where the files of one half of a dataset are. */
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

/** The same, with the pairs file that was chosen in its place. */
function pathsOf(source: DataSource, { name, split, select }: DatasetOptions) {
  const paths = datasetPaths(source, name, split);
  return { ...paths, pairs: select?.file ?? paths.pairs };
}

/**
 * Opens one half of a dataset and checks everything that training would trip over (spec §1, §8): malformed rows, pairs
 * of unknown images, missing trunk joints, joints outside their image, unreadable images, images of another size, no
 * pair at all. The first problem is thrown as a `UsageError` that names file and row; with `skipBad` it is counted and
 * left out.
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
    if (skipped.reasons.length < REASONS) skipped.reasons.push(error.message);
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

  // After the other checks, since joints that lie at one place are often outside of the image too.
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
  if (!flat.length) throw new UsageError(noPairs(paths.pairs, rows !== undefined, skipped, warnings));
  return { name, split, height, width, skeleton, images, pairs: Uint32Array.from(flat), skipped, warnings };
}

/** The pairs of the dataset's file, or all that the annotations give; `rows` are the row numbers of the file. */
async function loadPairs(
  source: DataSource,
  options: DatasetOptions,
  file: string,
  poses: ReadonlyMap<string, Pose>,
  warnings: string[],
  onBad: (error: UsageError) => void,
): Promise<{ pairs: readonly Pair[]; rows?: number[] }> {
  const { skeleton, identity = firstUnderscore, select } = options;
  if (select?.pairs) return { pairs: select.pairs };
  if (select?.file || source.exists(file))
    return limited(parsePairs(await source.readText(file, 'pairs table'), file, onBad), select);
  warnings.push(...summarise(poses, skeleton, identity).warnings);
  return limited({ pairs: allPairs(groupByIdentity(poses, skeleton, identity)) }, select);
}

function limited(all: { pairs: Pair[]; rows?: number[] }, { limit, seed }: PairSelection = {}): typeof all {
  const count = all.pairs.length;
  if (limit === undefined || limit >= count) return all;
  const chosen = Array.from({ length: limit }, (_, i) => (seed === undefined ? i : permute(i, count, seed)));
  return {
    pairs: chosen.map((i) => all.pairs[i] as Pair),
    rows: all.rows && chosen.map((i) => all.rows?.[i] as number),
  };
}

/** Checks size and joints against the image's header; the pose in pixels of the dataset's size. */
function fitPose(
  pose: Pose,
  path: string,
  header: ImageHeader,
  { height, width, resize, skeleton }: DatasetOptions,
  row: () => string,
): Pose {
  const size = [header.height, header.width] as const;
  const inside = withinPicture(pose, size, skeleton, row, path);
  if (header.height === height && header.width === width) return inside;
  if (!resize)
    throw new UsageError(
      `${path} is ${header.height}×${header.width} (height×width), the model takes ${height}×${width}. Fix: --resize fits it, joints included`,
    );
  return resizePose(inside, size, [height, width]);
}

/** Decodes everything once; returns the images that could be. */
async function decodable(
  source: DataSource,
  images: readonly DatasetImage[],
  { height, width, onProgress }: DatasetOptions,
  onBad: (error: UsageError) => void,
): Promise<DatasetImage[]> {
  const decoder = source.decoder();
  const bad = new Map<DatasetImage, UsageError>();
  let next = 0;
  let done = 0;
  const lane = async () => {
    for (let image = images[next++]; image; image = images[next++]) {
      try {
        await decoder.decode(image.path, height, width);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        bad.set(image, error);
      }
      onProgress?.(++done, images.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, lane));
  } finally {
    await decoder.close();
  }
  // In the order of the dataset, whichever worker was first.
  for (const image of images) {
    const error = bad.get(image);
    if (error) onBad(error);
  }
  return images.filter((image) => !bad.has(image));
}

function noPairs(file: string, exists: boolean, skipped: Skipped, warnings: readonly string[]): string {
  const where = exists ? `${file} has no usable pair` : `${file} is not there and the annotations give no pair`;
  const left = skipped.rows + skipped.images + skipped.pairs;
  const why = left
    ? `; ${skipped.rows} rows, ${skipped.images} images and ${skipped.pairs} pairs were left out, first: ${skipped.reasons[0]}`
    : '';
  return `${where}${why}${warnings.map((w) => `; ${w}`).join('')}. Fix: pose-gan pairs makes pairs from annotations and shows the identities it finds`;
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
    `the ${split} half of dataset ${name} needs ${missing.join(' and ')}; ${found}. Fix: pose-gan synth draws one`,
  );
}
