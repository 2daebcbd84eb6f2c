import { join } from 'node:path';
import type { Split } from '../data/dataset.js';
import { type SynthDatasetOptions, type SynthPart, synthDataset, synthTotal } from '../data/synth-dataset.js';
import { PEOPLE } from '../data/synth-object.js';
import { UsageError } from '../gpu/errors.js';
import { PERSON } from '../pose/skeleton.js';
import { datasetPaths, lockDataset } from './dataset.js';
import { expectWritable, isThere, removeFile, writeFileAtomic } from './files.js';
import { encodePng } from './images.js';

export interface SynthFolderOptions extends SynthDatasetOptions {
  readonly folder: string;
  readonly name: string;
  /** Whether an existing dataset is replaced. */
  readonly overwrite?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

const HALVES = ['train', 'test'] as const;

/** The numbers of drawn images and pairs of each half. */
export type SynthCounts = Readonly<Record<Split, SynthHalf>>;

type SynthHalf = Extract<SynthPart, { kind: 'tables' }>['counts'];

/** The path of the skeleton of a dataset that does not show people. */
export const skeletonPath = (folder: string, name: string) => join(folder, `${name}-skeleton.json`);

/**
 * Draws a synthetic dataset in the layout of the spec (§1), in which no identity is in both halves. The same options give
 * the same bytes. A skeleton other than the person's is written beside the tables. Before anything is drawn, throws
 * `UsageError` for impossible counts, or if a dataset of that name exists.
 */
export function writeSynthDataset(options: SynthFolderOptions): SynthCounts {
  const { folder, name, overwrite } = options;
  if (!/^[\w.]+(-[\w.]+)*$/.test(name))
    throw new UsageError(`"${name}" cannot be the name of a dataset; it may have letters, digits, _ . and -`);
  const total = synthTotal(options);
  for (const split of HALVES) {
    const { annotations } = datasetPaths(folder, name, split);
    if (isThere(annotations) && !overwrite)
      throw new UsageError(
        `${annotations} already exists. Fix: use another --name or --out, or --overwrite to draw it again`,
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
  // The tables are removed first and written last, so that a half-drawn dataset cannot be opened.
  for (const split of HALVES) removeFile(datasetPaths(folder, name, split).annotations);
  const skeletonFile = skeletonPath(folder, name);
  if (skeleton === PERSON) removeFile(skeletonFile);
  else writeFileAtomic(skeletonFile, `${JSON.stringify(skeleton, null, 2)}\n`);
  let done = 0;
  const counts: Partial<Record<Split, SynthHalf>> = {};
  for (const part of synthDataset(drawing)) {
    const paths = datasetPaths(folder, name, part.split);
    if (part.kind === 'image') {
      // Syncing each picture would be slow and is unnecessary, because they can be drawn again and the tables come last.
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
