import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { formatAnnotations } from '../data/annotations.js';
import { allPairs, formatPairs, groupByIdentity } from '../data/pairs.js';
import { drawSynthetic, synthName } from '../data/synth.js';
import { UsageError } from '../gpu/errors.js';
import { PERSON, type Pose } from '../pose/skeleton.js';
import { datasetPaths, type Split } from './dataset.js';
import { writeFileAtomic } from './files.js';
import { encodePng } from './images.js';

export interface SynthDatasetOptions {
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

/**
 * Draws a synthetic people dataset in the layout of the spec (§1): nobody is in both halves. The same options give the
 * same bytes. Throws `UsageError`, before anything is drawn, for impossible counts and when a dataset of that name is
 * there.
 */
export function writeSynthDataset(options: SynthDatasetOptions): SynthCounts {
  const { folder, name, trainIdentities, testIdentities, imagesPerIdentity, overwrite } = options;
  if (!/^[\w.]+(-[\w.]+)*$/.test(name))
    throw new UsageError(`"${name}" cannot be the name of a dataset; letters, digits, _ . and - can`);
  const people = trainIdentities + testIdentities;
  if (people > 9999) throw new UsageError(`${people} identities were asked for; file names have room for 9999`);
  if (imagesPerIdentity < 2)
    throw new UsageError('a pair needs two pictures of a person: at least 2 images per identity');
  const halves: readonly [Split, number, number][] = [
    ['train', 1, trainIdentities],
    ['test', trainIdentities + 1, people],
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
  const total = people * imagesPerIdentity;
  let done = 0;
  const counts: Partial<Record<Split, { images: number; pairs: number }>> = {};
  for (const [split, first, last] of halves) {
    const paths = datasetPaths(folder, name, split);
    const poses = new Map<string, Pose>();
    for (let identity = first; identity <= last; identity++)
      for (let index = 0; index < imagesPerIdentity; index++) {
        const { image, pose } = drawSynthetic({ ...options, identity, index });
        const file = synthName(identity, index);
        poses.set(file, pose);
        // Pictures can be drawn again, and the tables that make them a dataset come last: syncing each would only be
        // slow.
        writeFileAtomic(join(paths.images, file), encodePng(image), { sync: false });
        options.onProgress?.(++done, total);
      }
    const pairs = allPairs(groupByIdentity(poses, PERSON));
    writeFileAtomic(paths.pairs, formatPairs(pairs));
    writeFileAtomic(paths.annotations, formatAnnotations(poses));
    counts[split] = { images: poses.size, pairs: pairs.length };
  }
  return counts as SynthCounts;
}
