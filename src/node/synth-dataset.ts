import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { formatAnnotations } from '../data/annotations.js';
import type { Split } from '../data/dataset.js';
import { allPairs, formatPairs, groupByIdentity } from '../data/pairs.js';
import { synthName } from '../data/synth.js';
import { PEOPLE, type SynthObject } from '../data/synth-object.js';
import { UsageError } from '../gpu/errors.js';
import { PERSON, type Pose } from '../pose/skeleton.js';
import { datasetPaths } from './dataset.js';
import { writeFileAtomic } from './files.js';
import { encodePng } from './images.js';

export interface SynthDatasetOptions {
  /** What to draw: a person by default. */
  readonly object?: SynthObject;
  readonly folder: string;
  readonly name: string;
  readonly trainIdentities: number;
  readonly testIdentities: number;
  readonly imagesPerIdentity: number;
  readonly height: number;
  readonly width: number;
  readonly seed: number;
  /** Draw again what is there. */
  readonly overwrite?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was drawn, by half. */
export type SynthCounts = Readonly<Record<Split, { readonly images: number; readonly pairs: number }>>;

/** Where the skeleton of a dataset is written that does not show people. */
export const skeletonPath = (folder: string, name: string) => join(folder, `${name}-skeleton.json`);

/**
 * Draws a synthetic dataset in the layout of the spec (§1): no identity is in both halves. The same options give the same
 * bytes. A skeleton other than the person's is written beside the tables. Throws `UsageError`, before anything is drawn,
 * for impossible counts and when a dataset of that name is there.
 */
export function writeSynthDataset(options: SynthDatasetOptions): SynthCounts {
  const { folder, name, trainIdentities, testIdentities, imagesPerIdentity, overwrite } = options;
  const { skeleton, draw } = options.object ?? PEOPLE;
  if (!/^[\w.]+(-[\w.]+)*$/.test(name))
    throw new UsageError(`"${name}" cannot be the name of a dataset; letters, digits, _ . and - can`);
  const identities = trainIdentities + testIdentities;
  if (identities > 9999) throw new UsageError(`${identities} identities were asked for; file names have room for 9999`);
  if (imagesPerIdentity < 2)
    throw new UsageError('a pair needs two pictures of one identity: at least 2 images per identity');
  const halves: readonly [Split, number, number][] = [
    ['train', 1, trainIdentities],
    ['test', trainIdentities + 1, identities],
  ];
  for (const [split] of halves) {
    const { annotations } = datasetPaths(folder, name, split);
    if (existsSync(annotations) && !overwrite)
      throw new UsageError(
        `${annotations} is there already. Fix: another --name or --out, or --overwrite to draw it again`,
      );
  }
  // A dataset that is drawn half is none: without its tables nobody takes it for one.
  for (const [split] of halves) rmSync(datasetPaths(folder, name, split).annotations, { force: true });
  const beside = skeletonPath(folder, name);
  if (skeleton === PERSON) rmSync(beside, { force: true });
  else writeFileAtomic(beside, `${JSON.stringify(skeleton, null, 2)}\n`);
  const total = identities * imagesPerIdentity;
  let done = 0;
  const counts: Partial<Record<Split, { images: number; pairs: number }>> = {};
  for (const [split, first, last] of halves) {
    const paths = datasetPaths(folder, name, split);
    const poses = new Map<string, Pose>();
    for (let identity = first; identity <= last; identity++)
      for (let index = 0; index < imagesPerIdentity; index++) {
        const { image, pose } = draw({ ...options, identity, index });
        const file = synthName(identity, index);
        poses.set(file, pose);
        // Pictures can be drawn again, and the tables that make them a dataset come last: syncing each would only be
        // slow.
        writeFileAtomic(join(paths.images, file), encodePng(image), { sync: false });
        options.onProgress?.(++done, total);
      }
    const pairs = allPairs(groupByIdentity(poses, skeleton));
    writeFileAtomic(paths.pairs, formatPairs(pairs));
    writeFileAtomic(paths.annotations, formatAnnotations(poses));
    counts[split] = { images: poses.size, pairs: pairs.length };
  }
  return counts as SynthCounts;
}
