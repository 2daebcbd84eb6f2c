import { createHash } from 'node:crypto';
import type { Dataset } from '../data/dataset.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { readBytes } from './files.js';

/** The number of hexadecimal digits, 64 bits, which tell contents apart in an error that a person reads. */
const DIGITS = 16;

/** A digest of texts and bytes in their order, the first digits of a SHA-256. It tells contents apart. */
class Digest {
  readonly #hash = createHash('sha256');

  add(content: string | Uint8Array): this {
    // With the length before each item, the same bytes divided in another way have another digest.
    this.#hash.update(`${content.length}\n`).update(content);
    return this;
  }

  /** The digits. Nothing can be added after this. */
  end(): string {
    return this.#hash.digest('hex').slice(0, DIGITS);
  }
}

/** The digest of one text or one file's content. */
export const digestOf = (content: string | Uint8Array): string => new Digest().add(content).end();

/** The digest of the contents of files in their order, whatever their names are. */
export function filesDigest(paths: readonly string[], onProgress?: (done: number, total: number) => void): string {
  const digest = new Digest();
  for (const [i, path] of paths.entries()) {
    digest.add(readBytes(path));
    onProgress?.(i + 1, paths.length);
  }
  return digest.end();
}

/** The digest of all that decides what a checkpoint's generator computes. */
export const checkpointDigest = ({ fingerprint, info: { config, skeleton } }: Checkpoint): string =>
  digestOf(JSON.stringify([fingerprint, config, skeleton]));

/**
 * What decides the results of work on a dataset, whatever the paths of its files are: the names of its pairs in their order, the poses
 * as they are used, and the contents of the images.
 */
export function datasetDigests(
  { images, pairs, skeleton }: Dataset,
  onProgress?: (done: number, total: number) => void,
): { readonly pairs: string; readonly poses: string; readonly images: string } {
  const named = new Digest();
  for (const i of pairs) named.add(images[i]?.name ?? '');
  const posed = new Digest().add(JSON.stringify(skeleton));
  for (const { name, pose } of images) posed.add(name).add(JSON.stringify(pose));
  const paths = images.map(({ path }) => path);
  return { pairs: named.end(), poses: posed.end(), images: filesDigest(paths, onProgress) };
}
