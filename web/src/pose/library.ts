import { SYNTH_OBJECTS } from '../../../src/data/synth-object.js';
import type { Skeleton } from '../../../src/pose/skeleton.js';

/** A picture that the synthetic data generator can draw. */
export interface Sample {
  readonly label: string;
  readonly identity: number;
  readonly index: number;
}

/** The sample people and sample poses for a skeleton. */
export interface Library {
  /** A name of `SYNTH_OBJECTS`. */
  readonly object: string;
  readonly seed: number;
  readonly people: readonly Sample[];
  readonly poses: readonly Sample[];
}

const sample = (label: string, identity: number, index: number): Sample => ({ label, identity, index });

/** Chosen by eye for variety, with the whole body visible and few hidden joints. The app's model was not trained on them. */
const PEOPLE: Library = {
  object: 'person',
  seed: 2026,
  people: [
    sample('Green trousers', 25, 2),
    sample('Striped dress', 42, 4),
    sample('Blue stripes', 40, 1),
    sample('Black and white stripes', 21, 5),
    sample('Black top, checked trousers', 51, 0),
    sample('Brown top, jeans', 3, 7),
  ],
  poses: [
    sample('Standing', 40, 1),
    sample('Hands on hips', 55, 0),
    sample('Arms spread', 5, 1),
    sample('One arm up', 11, 2),
    sample('Reaching up', 22, 5),
    sample('Pointing', 12, 5),
    sample('Arms crossed', 3, 2),
    sample('Calling', 33, 4),
    sample('Walking', 58, 5),
    sample('Running', 39, 0),
    sample('Stepping', 21, 0),
    sample('Close by', 35, 2),
  ],
};

const numbered = (what: string, count: number, index: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => sample(`${what} ${i + 1}`, i + 1, index(i)));

const libraries: Readonly<Record<string, Library>> = {
  person: PEOPLE,
  lamp: { object: 'lamp', seed: 2026, people: numbered('Lamp', 6, () => 0), poses: numbered('Pose', 12, () => 1) },
};

/** The library for the joints of a skeleton; `undefined` for other skeletons than those of the generator. */
export function libraryFor(skeleton: Skeleton): Library | undefined {
  const same = (other: Skeleton) =>
    other.joints.length === skeleton.joints.length && other.joints.every((name, i) => name === skeleton.joints[i]);
  const found = Object.entries(SYNTH_OBJECTS).find(([, object]) => same(object.skeleton));
  return found && libraries[found[0]];
}
