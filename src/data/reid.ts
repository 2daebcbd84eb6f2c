import { UsageError } from '../gpu/errors.js';
import { nameProblem } from './file-name.js';
import type { IdentityRule } from './identity.js';
import { describe } from './json.js';
import { permute } from './order.js';

/** A picture of a training set for re-identification, and the number of the person on it. */
export interface LabelledFile {
  readonly file: string;
  /** 0 … n − 1 for n identities. */
  readonly label: number;
}

/** A picture to generate: the person of the image `source` in the pose of the image `target`, both as numbers in the list of images. */
export interface AugmentedFile extends LabelledFile {
  readonly source: number;
  readonly target: number;
}

export interface AugmentationOptions {
  /** How many pictures are generated for each image. The paper has 2. */
  readonly poses: number;
  readonly seed: number;
  /** The identity on a picture by its name, for these names. */
  readonly identity: (names: readonly string[]) => IdentityRule;
  /** The ending of the names of generated pictures, such as `.png`. Default: that of each image. */
  readonly ending?: '.jpg' | '.png';
}

/** The largest number of pictures of a plan, far more than a training set has. */
const MOST = 10_000_000;

/**
 * The numbers of the images that lend their poses to image `index`: `count` different ones out of `total`, but not the image itself. They
 * are drawn uniformly, and are a pure function of the seed and the index.
 */
export function drawTargets(index: number, total: number, count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, k) => {
    const other = permute(k, total - 1, seed, index);
    return other < index ? other : other + 1;
  });
}

/** The name of the k-th picture generated for an image. What it adds stands behind the identity, as does the suffix of mirrored images. */
const generatedName = (name: string, k: number, ending = /\.png$/i.test(name) ? '.png' : '.jpg') =>
  `${name.replace(/\.[^.]*$/, '')}_g${k}${ending}`;

/**
 * The paper's augmentation of a training set for re-identification. `originals` are the names of all its images, and `sources` those of the
 * images with a usable pose, each sorted. Every source is shown in the poses of other sources, whoever is on them. Labels number the
 * identities of the originals in the order of their names. Throws `UsageError` if there are too few sources, or if a name would have two
 * meanings.
 */
export function planAugmentation(
  originals: readonly string[],
  sources: readonly string[],
  { poses, seed, identity, ending }: AugmentationOptions,
): { readonly originals: LabelledFile[]; readonly generated: AugmentedFile[] } {
  if (sources.length <= poses)
    throw new UsageError(
      `${poses} target poses for each image need at least ${poses + 1} images with a usable pose, but there ` +
        `${sources.length === 1 ? 'is 1' : `are ${sources.length}`}; give fewer --poses, or more images`,
    );
  if (sources.length * poses > MOST)
    throw new UsageError(
      `${poses} poses for each of ${sources.length} images are more than ${MOST.toLocaleString('en')} pictures; give fewer --poses`,
    );
  const made = sources.flatMap((name, source) =>
    drawTargets(source, sources.length, poses, seed).map((target, k) => ({
      ...{ file: generatedName(name, k + 1, ending), source, target },
    })),
  );
  const rule = identity([...originals, ...made.map(({ file }) => file)]);
  const labels = labelsOf(originals, rule);
  const labelled = (file: string, like = file): LabelledFile => {
    const label = labels.get(rule(like) ?? '');
    if (label === undefined) throw new UsageError(`${like} has no identity`);
    return { file, label };
  };
  const taken = new Set(originals);
  for (const { file, source } of made) {
    const name = sources[source] as string;
    const problem = nameProblem(file);
    if (problem) throw new UsageError(`a picture generated for ${name} would be ${file}: ${problem}`);
    if (taken.has(file))
      throw new UsageError(
        `a picture generated for ${name} would be ${file}, but that is the name of another; rename an image`,
      );
    taken.add(file);
    if (rule(file) !== rule(name))
      throw new UsageError(
        `${name} shows ${describe(rule(name))}, but by the name ${file} a picture generated for it would show ${describe(rule(file))}. ` +
          'Fix: give a pattern by --identity that reads only the beginning of the name',
      );
  }
  return {
    originals: originals.map((file) => labelled(file)),
    generated: made.map((m) => ({ ...m, ...labelled(m.file, sources[m.source]) })),
  };
}

/** The number of each identity, in the order of their names. */
function labelsOf(names: readonly string[], rule: IdentityRule): Map<string, number> {
  const identities = [...new Set(names.flatMap((name) => rule(name) ?? []))].sort();
  return new Map(identities.map((identity, label) => [identity, label]));
}

/**
 * The text of `train.txt`: a line `PATH LABEL` for each file, sorted by name, as Caffe's image lists and the baselines that the paper
 * trains have it. `prefix` stands before each name. Throws `UsageError` for a path with a blank, which programs take for its end.
 */
export function formatTrainList(files: readonly LabelledFile[], prefix = ''): string {
  const odd = [{ file: prefix }, ...files].find(({ file }) => /\s/.test(file));
  if (odd)
    throw new UsageError(
      `${describe(odd.file)} has a blank, by which train.txt separates paths from labels; rename the image, or give another --prefix`,
    );
  const sorted = [...files].sort((a, b) => (a.file < b.file ? -1 : 1));
  return sorted.map(({ file, label }) => `${prefix}${file} ${label}\n`).join('');
}
