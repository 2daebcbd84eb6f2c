import { FeatureStatistics, frechetDistance } from '../metrics/frechet.js';
import { INCEPTION_SPLITS, inceptionScore } from '../metrics/inception-score.js';
import { INCEPTION_CLASSES, INCEPTION_FEATURES } from './inception-network.js';
import { SYSTEMS, type System } from './metric.js';
import type { OnFinishing, SetScores } from './scorer.js';

/** Whether an image is whole, or black outside of the mask of the target's pose. */
export type Kind = 'plain' | 'masked';

/** What Inception says of one image. */
export interface InceptionRow {
  readonly system: System;
  readonly kind: Kind;
  /** The name of a real image, which counts once. Generated images have none. */
  readonly key?: string | undefined;
  /** [1008]. */
  readonly probabilities: Float32Array;
  /** [2048], for FID; masked images need none. */
  readonly features?: Float32Array | undefined;
}

/** What is kept of the images of one system. */
interface Collected {
  readonly probabilities: Record<Kind, Float32Array[]>;
  readonly features: FeatureStatistics;
}

const collected = (): Collected => ({
  probabilities: { plain: [], masked: [] },
  features: new FeatureStatistics(INCEPTION_FEATURES),
});

/** A split of one image has the score 1 whatever it shows. */
const LEAST = 2 * INCEPTION_SPLITS;

/**
 * IS, mask-IS and FID of all images of an evaluation. They depend on the order in which the images are added: IS divides them in their
 * order, and sums are rounded in their order. Rows that several programs have computed give the same bits if they are added in the order
 * in which one program would have computed them.
 */
export class InceptionFigures {
  readonly #systems: Record<System, Collected> = { generated: collected(), copy: collected(), real: collected() };
  readonly #seen = new Set<string>();
  readonly #reference: FeatureStatistics | undefined;

  /** With `hasReference`, FID compares with images of `addReference`, else with the real targets. */
  constructor(hasReference: boolean) {
    this.#reference = hasReference ? new FeatureStatistics(INCEPTION_FEATURES) : undefined;
  }

  /** Adds an image after those before, unless it is a real image that was added already. */
  add({ system, kind, key, probabilities, features }: InceptionRow): void {
    if (key !== undefined && this.#seen.has(key)) return;
    if (key !== undefined) this.#seen.add(key);
    this.#systems[system].probabilities[kind].push(probabilities);
    if (features) this.#systems[system].features.add(features);
  }

  /** Adds the features of images of the reference, [images, 2048]. */
  addReference(features: Float32Array): void {
    this.#reference?.add(features);
  }

  figures(onFinishing?: OnFinishing): SetScores {
    return { is: this.#inception('plain'), maskIs: this.#inception('masked'), fid: this.#frechet(onFinishing) };
  }

  #inception(kind: Kind) {
    const scores = SYSTEMS.map((system) => {
      const rows = this.#systems[system].probabilities[kind];
      if (rows.length < LEAST) return [system, undefined] as const;
      const { mean, deviation, images } = inceptionScore(joined(rows), INCEPTION_CLASSES);
      return [system, { value: mean, error: deviation, count: images }] as const;
    });
    const count = this.#systems.generated.probabilities[kind].length;
    const few =
      kind === 'masked' && !count
        ? 'No target has a pose that gives a mask.'
        : `${INCEPTION_SPLITS} splits need at least ${LEAST} images, there are ${count}. Evaluate more pairs.`;
    return { ...known(scores), ...(count < LEAST && { missing: few }) };
  }

  #frechet(onFinishing?: OnFinishing) {
    const { generated, copy, real } = this.#systems;
    const reference = this.#reference ?? real.features;
    if (generated.features.count < 2 || reference.count < 2)
      return {
        missing: `FID is undefined for fewer than two images; there are ${generated.features.count} generated ones and ${reference.count} of the reference. Evaluate more pairs.`,
      };
    const distance = ({ features }: Collected) => {
      if (features.count < 2) return undefined;
      const onProgress = (done: number, total: number) => onFinishing?.('Fréchet distances', done, total);
      return { value: frechetDistance(features, reference, onProgress), count: features.count };
    };
    // The distance of the real targets from themselves is 0 by definition and says nothing.
    const others = this.#reference ? distance(real) : undefined;
    return known([
      ['generated', distance(generated)],
      ['copy', distance(copy)],
      ['real', others],
    ]);
  }
}

const known = <T>(entries: readonly (readonly [System, T | undefined])[]): Partial<Record<System, T>> =>
  Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Partial<Record<System, T>>;

function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.length * INCEPTION_CLASSES);
  for (const [i, row] of rows.entries()) all.set(row, i * INCEPTION_CLASSES);
  return all;
}
