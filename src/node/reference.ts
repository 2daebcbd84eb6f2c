import { basename, join } from 'node:path';
import type { Image } from '../data/image.js';
import type { Reference } from '../evaluation/scorer.js';
import { UsageError } from '../gpu/errors.js';
import { readImage } from './images.js';
import { formatsOf, picturesIn } from './triptychs.js';

const BATCH = 16;

/** A reference with the paths of all its pictures. */
export interface ReferenceFolder extends Reference {
  readonly paths: readonly string[];
}

/**
 * The pictures of a folder as the reference of FID, of which `images` gives those that `partOf` chooses; default: all. Throws
 * `UsageError` if there are fewer than two.
 */
export function referenceFolder(folder: string, partOf = (paths: readonly string[]) => paths): ReferenceFolder {
  const names = picturesIn(folder);
  if (names.length < 2)
    throw new UsageError(
      `the reference ${folder} has one picture, but FID needs at least two, and means little below some thousands. ` +
        'Fix: name the folder of the training images',
    );
  const paths = names.map((name) => join(folder, name));
  const own = partOf(paths);
  return {
    title: `${names.length.toLocaleString('en')} images of ${basename(folder)} (${formatsOf(names)})`,
    count: own.length,
    paths,
    images: async function* (): AsyncGenerator<readonly Image[]> {
      for (let at = 0; at < own.length; at += BATCH) yield own.slice(at, at + BATCH).map(readImage);
    },
  };
}
