import { join } from 'node:path';
import { formatAnnotations, parseAnnotations } from '../data/annotations.js';
import type { Split } from '../data/dataset.js';
import { nameProblem } from '../data/file-name.js';
import { flip } from '../data/image.js';
import { withinPicture } from '../data/named-pose.js';
import { allPairs, formatPairs, groupByIdentity, type Pair, parsePairs } from '../data/pairs.js';
import { UsageError } from '../gpu/errors.js';
import { flipPose, type Pose, type Skeleton } from '../pose/skeleton.js';
import { datasetPaths, lockDataset } from './dataset.js';
import { expectWritable, isThere, readTable, writeFileAtomic } from './files.js';
import { encodePng, readImage, readImageHeader } from './images.js';

/** The suffix of the names of mirrored images, before the extension, so that it does not change the identity. */
const SUFFIX = '_flip';

/** The name of the mirrored image, which is a PNG, because saving a JPEG again would lose detail. */
export function flippedName(name: string): string {
  return `${name.replace(/\.[^.]*$/, '')}${SUFFIX}.png`;
}

const isFlipped = (name: string) => new RegExp(`${SUFFIX}\\.[^.]*$`).test(name);

export interface FlipOptions {
  readonly folder: string;
  readonly name: string;
  readonly split: Split;
  readonly skeleton: Skeleton;
  readonly onProgress?: (done: number, total: number) => void;
  /** Called with notes on how the tables were interpreted. */
  readonly onNote?: (text: string) => void;
}

/**
 * Doubles one half of a dataset by mirrored images (spec §1). Their joints have the sides exchanged, and their pairs are
 * those of the originals. Everything is checked before anything is written. The annotation table is written last, so an
 * interrupted run can be repeated. Symbolic links in the dataset, which may come from anybody, are replaced and never
 * followed. Throws `UsageError` if the dataset already has mirrored images.
 */
export function flipDataset({ folder, name, split, skeleton, onProgress, onNote }: FlipOptions): {
  images: number;
  pairs: number;
} {
  const paths = datasetPaths(folder, name, split);
  const poses = parseAnnotations(readTable(paths.annotations, 'annotation table'), paths.annotations, skeleton, {
    onNote,
  });
  const before = [...poses.keys()].find(isFlipped);
  if (before)
    throw new UsageError(
      `${paths.annotations} already has mirrored images, such as ${before}; mirroring twice gives the originals again`,
    );
  const names = new Map<string, string>();
  const all = new Map<string, Pose>(poses);
  for (const [image, pose] of poses) {
    const path = join(paths.images, image);
    const { height, width } = readImageHeader(path);
    withinPicture(pose, [height, width], skeleton, `${paths.annotations}, ${image}`);
    const mirrored = flippedName(image);
    if (all.has(mirrored)) throw new UsageError(`${image} and another image would both become ${mirrored}`);
    const problem = nameProblem(mirrored);
    if (problem) throw new UsageError(`${paths.annotations}: the mirrored image of ${image}: ${problem}`);
    names.set(image, mirrored);
    all.set(mirrored, flipPose(skeleton, pose, width));
  }
  const pairs = (
    isThere(paths.pairs)
      ? parsePairs(readTable(paths.pairs, 'pairs table'), paths.pairs).pairs
      : allPairs(groupByIdentity(poses, skeleton))
  ).filter(([from, to]) => !isFlipped(from) && !isFlipped(to));
  const mirroredPairs = pairs.map(([from, to]): Pair => {
    const [a, b] = [names.get(from), names.get(to)];
    if (a && b) return [a, b];
    throw new UsageError(`${paths.pairs} pairs ${a ? to : from}, which ${paths.annotations} does not have`);
  });
  for (const path of [paths.pairs, paths.annotations]) expectWritable(path, 'file');
  expectWritable(paths.images, 'folder');
  const held = lockDataset(folder, name);
  try {
    let done = 0;
    for (const [image, mirrored] of names) {
      const bytes = encodePng(flip(readImage(join(paths.images, image))));
      writeFileAtomic(join(paths.images, mirrored), bytes, { sync: false, followLink: false });
      onProgress?.(++done, names.size);
    }
    writeFileAtomic(paths.pairs, formatPairs([...pairs, ...mirroredPairs]), { followLink: false });
    writeFileAtomic(paths.annotations, formatAnnotations(all), { followLink: false });
  } finally {
    held.release();
  }
  return { images: names.size, pairs: mirroredPairs.length };
}
