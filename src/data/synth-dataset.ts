import { COUNT, checked, FUNCTION, type Kind, type Kinds, NATURAL, OBJECT } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import type { Pose } from '../pose/skeleton.js';
import { formatAnnotations } from './annotations.js';
import type { Split } from './dataset.js';
import type { Image } from './image.js';
import { allPairs, formatPairs, groupByIdentity, type Unpaired, unpairedOf } from './pairs.js';
import type { Place } from './synth/backdrop.js';
import { PLACE, SIDE, synthName } from './synth.js';
import { PEOPLE, type SynthObject } from './synth-object.js';

export interface SynthDatasetOptions {
  /** What to draw. Default: people. */
  readonly object?: SynthObject;
  readonly trainIdentities: number;
  readonly testIdentities: number;
  readonly imagesPerIdentity: number;
  readonly height: number;
  readonly width: number;
  readonly seed: number;
  /** Default: `'anywhere'`. */
  readonly place?: Place;
}

const OBJECT_KIND: Kind = ['an object of SYNTH_OBJECTS', (v) => OBJECT[1](v) && FUNCTION[1]((v as SynthObject).draw)];
export const DATASET: Kinds = {
  'object?': OBJECT_KIND,
  trainIdentities: NATURAL,
  testIdentities: NATURAL,
  imagesPerIdentity: COUNT,
  height: SIDE,
  width: SIDE,
  seed: NATURAL,
  'place?': PLACE,
};

/** A picture of a synthetic dataset, or the tables of one of its halves, which follow its last picture. */
export type SynthPart =
  | { readonly kind: 'image'; readonly split: Split; readonly name: string; readonly image: Image }
  | {
      readonly kind: 'tables';
      readonly split: Split;
      readonly annotations: string;
      readonly pairs: string;
      readonly counts: { readonly images: number; readonly pairs: number; readonly unpaired: Unpaired };
    };

/** The number of pictures of a dataset. Throws `UsageError` for impossible counts. */
export function synthTotal({ trainIdentities, testIdentities, imagesPerIdentity }: SynthDatasetOptions): number {
  const identities = trainIdentities + testIdentities;
  if (identities > 9999)
    throw new UsageError(`${identities} identities were asked for; file names can number at most 9999`);
  if (imagesPerIdentity < 2)
    throw new UsageError('a pair needs two pictures of one identity; use at least 2 images per identity');
  return identities * imagesPerIdentity;
}

/** Draws a synthetic dataset part by part, as a pure function of the options. No identity is in both halves. */
export function* synthDataset(...args: [options: SynthDatasetOptions]): Generator<SynthPart> {
  const [options] = checked('synthDataset', { options: DATASET }, args);
  const { trainIdentities, testIdentities, imagesPerIdentity, object = PEOPLE } = options;
  const { seed, height, width, place } = options;
  synthTotal(options);
  const halves = [
    ['train', 1, trainIdentities],
    ['test', trainIdentities + 1, trainIdentities + testIdentities],
  ] as const;
  for (const [split, first, last] of halves) {
    const poses = new Map<string, Pose>();
    for (let identity = first; identity <= last; identity++)
      for (let index = 0; index < imagesPerIdentity; index++) {
        const { image, pose } = object.draw({ seed, identity, index, height, width, place });
        const name = synthName(identity, index);
        poses.set(name, pose);
        yield { kind: 'image', split, name, image };
      }
    const pairs = allPairs(groupByIdentity(poses, object.skeleton));
    const unpaired = unpairedOf(poses, pairs, object.skeleton);
    const counts = { images: poses.size, pairs: pairs.length, unpaired };
    yield { kind: 'tables', split, annotations: formatAnnotations(poses), pairs: formatPairs(pairs), counts };
  }
}
