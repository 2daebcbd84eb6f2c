import { basename, join } from 'node:path';
import type { Image } from '../data/image.js';
import type { Reference } from '../evaluation/scorer.js';
import { UsageError } from '../gpu/errors.js';
import { readImage } from './images.js';
import { formatsOf, picturesIn } from './triptychs.js';

const BATCH = 16;

/** The pictures of a folder as the reference of FID. Throws `UsageError` if there are fewer than two. */
export function referenceFolder(folder: string): Reference {
  const names = picturesIn(folder);
  if (names.length < 2)
    throw new UsageError(
      `the reference ${folder} has one picture, but FID needs at least two, and means little below some thousands. ` +
        'Fix: name the folder of the training images',
    );
  return {
    title: `${names.length.toLocaleString('en')} images of ${basename(folder)} (${formatsOf(names)})`,
    count: names.length,
    images: async function* (): AsyncGenerator<readonly Image[]> {
      for (let at = 0; at < names.length; at += BATCH)
        yield names.slice(at, at + BATCH).map((name) => readImage(join(folder, name)));
    },
  };
}
