import { join } from 'node:path';
import type { Split } from '../data/dataset.js';
import { type SynthDatasetOptions, synthDataset, synthTotal } from '../data/synth-dataset.js';
import { PEOPLE } from '../data/synth-object.js';
import { UsageError } from '../gpu/errors.js';
import { PERSON } from '../pose/skeleton.js';
import { datasetPaths, lockDataset } from './dataset.js';
import { expectWritable, isThere, removeFile, writeFileAtomic } from './files.js';
import { encodePng } from './images.js';

export interface SynthFolderOptions extends SynthDatasetOptions {
  readonly folder: string;
  readonly name: string;
  /** Draw again what is there. */
  readonly overwrite?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

const HALVES = ['train', 'test'] as const;

/** What was drawn, by half. */
export type SynthCounts = Readonly<Record<Split, { readonly images: number; readonly pairs: number }>>;

/** Where the skeleton of a dataset is written that does not show people. */
export const skeletonPath = (folder: string, name: string) => join(folder, `${name}-skeleton.json`);

/**
 * Draws a synthetic dataset in the layout of the spec (§1): no identity is in both halves. The same options give the same
 * bytes. A skeleton other than the person's is written beside the tables. Throws `UsageError`, before anything is drawn,
 * for impossible counts and when a dataset of that name is there.
 */
export function writeSynthDataset(options: SynthFolderOptions): SynthCounts {
  const { folder, name, overwrite } = options;
  if (!/^[\w.]+(-[\w.]+)*$/.test(name))
    throw new UsageError(`"${name}" cannot be the name of a dataset; letters, digits, _ . and - can`);
  const total = synthTotal(options);
  for (const split of HALVES) {
    const { annotations } = datasetPaths(folder, name, split);
    if (isThere(annotations) && !overwrite)
      throw new UsageError(
        `${annotations} is there already. Fix: another --name or --out, or --overwrite to draw it again`,
      );
  }
  expectWritable(folder, 'folder');
  const held = lockDataset(folder, name);
  try {
    return draw(options, total);
  } finally {
    held.release();
  }
}

function draw(options: SynthFolderOptions, total: number): SynthCounts {
  const { folder, name, overwrite: _, onProgress, ...drawing } = options;
  const { skeleton } = options.object ?? PEOPLE;
  // A dataset that is drawn half is none: without its tables nobody takes it for one.
  for (const split of HALVES) removeFile(datasetPaths(folder, name, split).annotations);
  const beside = skeletonPath(folder, name);
  if (skeleton === PERSON) removeFile(beside);
  else writeFileAtomic(beside, `${JSON.stringify(skeleton, null, 2)}\n`);
  let done = 0;
  const counts: Partial<Record<Split, { images: number; pairs: number }>> = {};
  for (const part of synthDataset(drawing)) {
    const paths = datasetPaths(folder, name, part.split);
    if (part.kind === 'image') {
      // Pictures can be drawn again, and the tables that make them a dataset come last: syncing each would only be
      // slow.
      writeFileAtomic(join(paths.images, part.name), encodePng(part.image), { sync: false, followLink: false });
      onProgress?.(++done, total);
    } else {
      writeFileAtomic(paths.pairs, part.pairs);
      writeFileAtomic(paths.annotations, part.annotations);
      counts[part.split] = part.counts;
    }
  }
  return counts as SynthCounts;
}
