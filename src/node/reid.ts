import { join } from 'node:path';
import { parseAnnotations } from '../data/annotations.js';
import type { Dataset } from '../data/dataset.js';
import { identityByName } from '../data/identity.js';
import { fromTensor, type Image } from '../data/image.js';
import { type AugmentedFile, type LabelledFile, planAugmentation } from '../data/reid.js';
import { UsageError } from '../gpu/errors.js';
import { isValid, type Skeleton } from '../pose/skeleton.js';
import { type DatasetOptions, datasetPaths, openDataset } from './dataset.js';
import { isThere, namesIn, readBytes, readTable, statOf } from './files.js';
import { identityPattern } from './identity.js';
import { encodePng } from './images.js';
import { encodeJpeg } from './jpeg-encoder.js';

const IS_PICTURE = /\.(jpe?g|png)$/i;

export interface ReidOptions extends Omit<DatasetOptions, 'split' | 'select' | 'identity'> {
  /** The number of pictures to generate for each image. */
  readonly poses: number;
  readonly seed: number;
  /** A regular expression whose first group is the identity on a picture. Default: `identityByName`. */
  readonly identity?: string;
  readonly ending?: '.jpg' | '.png';
}

/** The files of an augmented training set, before they are written. */
export interface Augmentation {
  /** The images with usable poses. Its pairs are those to generate, one for each of `generated`. */
  readonly dataset: Dataset;
  readonly generated: readonly AugmentedFile[];
  /** All images of the training set, with or without a pose. */
  readonly originals: readonly (LabelledFile & { readonly path: string })[];
  readonly identities: number;
  /** The number of images that show no identity, such as junk and distractors of Market-1501. */
  readonly anonymous: number;
}

/**
 * Plans the augmentation of the training half of a dataset, after all its images were checked. Throws `UsageError` if there is nothing
 * to augment, and with the errors of `openDataset` and `planAugmentation`.
 */
export async function planReid({ poses, seed, identity, ending, ...options }: ReidOptions): Promise<Augmentation> {
  const { folder, name, skeleton, skipBad } = options;
  const paths = datasetPaths(folder, name, 'train');
  const names = isThere(paths.images) ? namesIn(paths.images).filter((file) => IS_PICTURE.test(file)) : [];
  const posed = isThere(paths.annotations) ? posedNames(paths.annotations, skeleton, skipBad === true) : [];
  const rule = identity === undefined ? identityByName : identityPattern(identity, [...new Set([...names, ...posed])]);
  const known = (file: string) => rule(file) !== undefined;
  const wanted = posed.filter(known).sort();
  if (isThere(paths.images) && !names.length)
    throw new UsageError(`there is no image in ${paths.images} (.jpg, .jpeg or .png), so nothing can be generated`);
  if (names.length && !wanted.length)
    throw new UsageError(
      `${paths.annotations} has no training image with an identity and a usable pose, which needs ${skeleton.trunk.joints.join(', ')}`,
    );
  // Each image stands for a pair with itself, since the pairs are drawn among the images that can be used.
  const pairs = wanted.map((file) => [file, file] as const);
  const checked = await openDataset({ ...options, split: 'train', select: { pairs } });
  const usable = checked.images.map((image) => image.name);
  const kept = new Set(usable);
  const skipped = new Set(wanted.filter((file) => !kept.has(file)));
  const originals = [...new Set([...names, ...usable])].filter((file) => known(file) && !skipped.has(file)).sort();
  const plan = planAugmentation(originals, usable, {
    ...{ poses, seed },
    identity: (all) => (identity === undefined ? identityByName : identityPattern(identity, all)),
    ...(ending && { ending }),
  });
  return {
    dataset: { ...checked, pairs: Uint32Array.from(plan.generated.flatMap(({ source, target }) => [source, target])) },
    generated: plan.generated,
    originals: plan.originals.map((original) => ({ ...original, path: join(paths.images, original.file) })),
    identities: new Set(plan.originals.map(({ label }) => label)).size,
    anonymous: names.filter((file) => !known(file)).length,
  };
}

/** The images whose poses can be used, in the order of the annotation table. */
function posedNames(file: string, skeleton: Skeleton, skipBad: boolean): string[] {
  // The dataset counts what is skipped.
  const onBad = skipBad ? () => {} : undefined;
  const poses = parseAnnotations(readTable(file, 'annotation table'), file, skeleton, { onBad });
  return [...poses].filter(([, pose]) => isValid(skeleton, pose)).map(([name]) => name);
}

/** The number of bytes at the end of a file by which a complete picture is known. */
const ENDINGS = { '.png': [0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82], '.jpg': [0xff, 0xd9] } as const;

/** Whether a generated picture is there and was written to its end. A machine that lost power can leave empty files. */
export function isComplete(path: string): boolean {
  if (!statOf(path)?.size) return false;
  const ending = path.endsWith('.png') ? ENDINGS['.png'] : ENDINGS['.jpg'];
  const bytes = readBytes(path);
  return ending.every((byte, i) => bytes[bytes.length - ending.length + i] === byte);
}

/** Picture `i` of a batch of generated images, encoded as the ending of its name says. */
export function encodedPicture(
  images: Float32Array,
  i: number,
  { height, width }: Dataset,
  file: string,
  quality: number,
): Uint8Array {
  const picture: Image = fromTensor(images, width, height, i * height * width * 3);
  return file.endsWith('.png') ? encodePng(picture) : encodeJpeg(picture, quality);
}
