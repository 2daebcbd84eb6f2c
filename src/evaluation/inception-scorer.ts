import type { Image } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';
import { FeatureStatistics, frechetDistance } from '../metrics/frechet.js';
import { INCEPTION_SPLITS, inceptionScore } from '../metrics/inception-score.js';
import { masked, poseMask } from '../metrics/mask.js';
import { present } from '../present.js';
import { INCEPTION_RESIZE, INCEPTION_RESIZES, Inception, type InceptionResize } from './inception.js';
import { INCEPTION, INCEPTION_CLASSES, INCEPTION_FEATURES } from './inception-network.js';
import type { Metric, System } from './metric.js';
import { SYSTEMS } from './metric.js';
import { keyOf } from './score-cache.js';
import type { EvaluatedPair, NetworkMetrics, OnFinishing, Scorer, ScorerContext, SetScores } from './scorer.js';

type Kind = 'plain' | 'masked';
type Model = Pick<Inception, 'run' | 'destroy' | 'resize'>;

const resizing = (name: InceptionResize) => `resized to 299×299 ${INCEPTION_RESIZES[name].words} (convention ${name})`;
const IS = `exp of the mean KL divergence in ${INCEPTION_SPLITS} splits, ± their standard deviation; soft-max of 1,008 logits without bias`;
const ONCE = 'real images and copies count once each, however many pairs they are in';

/** The metrics with the conventions of an evaluation. Without a context, they are those of the defaults. */
function metricsOf(context?: ScorerContext): readonly Metric[] {
  const network = `${INCEPTION.title}${context ? ` (${context.weightsFiles.join()})` : ''}`;
  const reference = context?.reference?.title ?? 'the real targets, which therefore have no FID themselves';
  const is = { better: 'higher', digits: 3, level: 'set' } as const;
  const how = `${IS}; ${network}, ${resizing(INCEPTION_RESIZE)}; ${ONCE}`;
  return [
    { ...is, key: 'is', title: 'IS', convention: how },
    {
      ...is,
      key: 'maskIs',
      title: 'mask-IS',
      convention: `IS of images that are black outside the mask of the target pose: ${how}`,
    },
    {
      ...{ key: 'fid', title: 'FID', better: 'lower', digits: 2, level: 'set' },
      convention:
        `Fréchet distance of the 2,048 features of ${network}, ${resizing(context?.fidResize ?? INCEPTION_RESIZE)}; generated images from ` +
        `${context?.format ?? 'memory'}, reference: ${reference}; ${ONCE}; biased upwards for few images; ` +
        'a figure below that of other real images against the same reference proves nothing',
    },
  ];
}

/** The convention of resizing for FID that a user named, or the default. Throws `UsageError` for an unknown one. */
export function fidResizeOf(name: string = INCEPTION_RESIZE): InceptionResize {
  const known = Object.keys(INCEPTION_RESIZES) as InceptionResize[];
  const found = known.find((k) => k === name);
  if (!found)
    throw new UsageError(`there is no convention "${name}" of resizing for FID; known are ${known.join(', ')}`);
  return found;
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

/** An image of a system that the network has not seen yet. */
interface Waiting {
  readonly image: Image;
  readonly system: System;
  readonly kind: Kind;
}

/** A split of one image has the score 1 whatever it shows. */
const LEAST = 2 * INCEPTION_SPLITS;

/** So many images are given to the network at once, so that its batches are full. */
const AT_ONCE = 32;

/** Computes IS, mask-IS and FID. `forFid` is a second network where FID has another convention of resizing. */
export class InceptionScorer implements Scorer {
  readonly metrics: readonly Metric[];
  readonly #systems: Record<System, Collected> = { generated: collected(), copy: collected(), real: collected() };
  readonly #seen = new Set<string>();
  #waiting: Waiting[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(
    readonly model: Model,
    readonly context: ScorerContext,
    readonly forFid?: Model,
  ) {
    this.metrics = metricsOf(context);
  }

  async score(pairs: readonly EvaluatedPair[]) {
    for (const pair of pairs) this.#add(pair);
    while (this.#waiting.length >= AT_ONCE) await this.#send(this.#waiting.splice(0, AT_ONCE));
    return pairs.map(() => ({}));
  }

  #add({ names, source, target, generated, pose }: EvaluatedPair): void {
    const { skeleton } = this.context;
    const hasMask = skeleton && pose?.some((joint) => joint !== null);
    const mask = hasMask && pose ? poseMask(skeleton, pose, target.height, target.width) : undefined;
    const add = (image: Image, system: System, key: string) => {
      if (this.#seen.has(key)) return;
      if (system !== 'generated') this.#seen.add(key);
      this.#waiting.push({ image, system, kind: 'plain' });
    };
    add(generated, 'generated', '');
    add(source, 'copy', `copy ${keyOf(names, 0)}`);
    add(target, 'real', `real ${keyOf(names, 1)}`);
    if (!mask) return;
    this.#waiting.push({ image: masked(generated, mask), system: 'generated', kind: 'masked' });
    this.#waiting.push({ image: masked(source, mask), system: 'copy', kind: 'masked' });
    const key = `masked ${keyOf(names, 1)}`;
    if (!this.#seen.has(key)) this.#waiting.push({ image: masked(target, mask), system: 'real', kind: 'masked' });
    this.#seen.add(key);
  }

  /** Runs images after those that were sent before. */
  #send(images: readonly Waiting[]): Promise<void> {
    const result = this.#last.then(() => this.#run(images));
    this.#last = result.catch(() => {});
    return result;
  }

  async #run(waiting: readonly Waiting[]): Promise<void> {
    if (!waiting.length) return;
    const { features, probabilities } = await this.model.run(waiting.map((w) => w.image));
    const plain = waiting.filter((w) => w.kind === 'plain');
    const forFid = this.forFid && plain.length ? await this.forFid.run(plain.map((w) => w.image)) : undefined;
    for (const [i, { system, kind }] of waiting.entries()) {
      const { probabilities: kept, features: statistics } = this.#systems[system];
      kept[kind].push(probabilities.slice(i * INCEPTION_CLASSES, (i + 1) * INCEPTION_CLASSES));
      if (kind === 'plain' && !forFid) statistics.add(rowOf(features, i));
    }
    for (const [i, { system }] of forFid ? plain.entries() : [])
      this.#systems[system].features.add(rowOf((forFid as { features: Float32Array }).features, i));
  }

  async finish(onFinishing?: OnFinishing): Promise<SetScores> {
    await this.#send(this.#waiting.splice(0));
    return { is: this.#inception('plain'), maskIs: this.#inception('masked'), fid: await this.#frechet(onFinishing) };
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

  async #frechet(onFinishing?: OnFinishing) {
    const { generated, copy, real } = this.#systems;
    const reference = await this.#reference(onFinishing);
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
    const others = this.context.reference ? distance(real) : undefined;
    return known([
      ['generated', distance(generated)],
      ['copy', distance(copy)],
      ['real', others],
    ]);
  }

  /** The features of the reference: those of the real targets, or of the given images. */
  async #reference(onFinishing?: OnFinishing): Promise<FeatureStatistics> {
    const { reference } = this.context;
    if (!reference) return this.#systems.real.features;
    const statistics = new FeatureStatistics(INCEPTION_FEATURES);
    for await (const images of reference.images()) {
      const { features } = await (this.forFid ?? this.model).run(images);
      statistics.add(features);
      onFinishing?.('reference images', statistics.count, reference.count);
    }
    return statistics;
  }

  async close(): Promise<void> {
    await this.#last;
    this.model.destroy();
    this.forFid?.destroy();
  }
}

const rowOf = (features: Float32Array, i: number) =>
  features.subarray(i * INCEPTION_FEATURES, (i + 1) * INCEPTION_FEATURES);

const known = <T>(entries: readonly (readonly [System, T | undefined])[]): Partial<Record<System, T>> =>
  Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Partial<Record<System, T>>;

function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.length * INCEPTION_CLASSES);
  for (const [i, row] of rows.entries()) all.set(row, i * INCEPTION_CLASSES);
  return all;
}

/** IS, mask-IS and FID with Inception v3. */
export const INCEPTION_METRICS: NetworkMetrics = {
  networks: [INCEPTION],
  metrics: metricsOf(),
  create: async (engine, [weights], context) => {
    const resize = context.fidResize ?? INCEPTION_RESIZE;
    const model = await Inception.create(engine, present(weights));
    const other =
      resize === INCEPTION_RESIZE ? undefined : await Inception.create(engine, present(weights), { resize });
    return new InceptionScorer(model, context, other);
  },
};
