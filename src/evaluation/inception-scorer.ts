import type { Image } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';
import { INCEPTION_SPLITS } from '../metrics/inception-score.js';
import { masked, poseMask } from '../metrics/mask.js';
import { present } from '../present.js';
import { INCEPTION_RESIZE, INCEPTION_RESIZES, Inception, type InceptionResize } from './inception.js';
import { InceptionFigures, type InceptionRow, type Kind } from './inception-figures.js';
import { INCEPTION, INCEPTION_CLASSES, INCEPTION_FEATURES } from './inception-network.js';
import type { Metric, System } from './metric.js';
import { keyOf } from './score-cache.js';
import type {
  EvaluatedPair,
  NetworkMetrics,
  OnFinishing,
  Scorer,
  ScorerContext,
  SetPart,
  SetScores,
} from './scorer.js';

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

/** An image of a system that the network has not seen yet. */
interface Waiting {
  readonly image: Image;
  readonly system: System;
  readonly kind: Kind;
  /** The name of a real image. */
  readonly key?: string;
}

/** So many images are given to the network at once, so that its batches are full. */
const AT_ONCE = 32;

/** Computes IS, mask-IS and FID. `forFid` is a second network where FID has another convention of resizing. */
export class InceptionScorer implements Scorer {
  readonly metrics: readonly Metric[];
  readonly #figures: InceptionFigures;
  /** The rows of a part, which are joined with those of other parts. */
  readonly #rows: InceptionRow[] = [];
  readonly #seen = new Set<string>();
  #waiting: Waiting[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(
    readonly model: Model,
    readonly context: ScorerContext,
    readonly forFid?: Model,
  ) {
    this.metrics = metricsOf(context);
    this.#figures = new InceptionFigures(context.reference !== undefined);
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
    const add = (image: Image, system: System, kind: Kind, key?: string) => {
      if (key !== undefined && this.#seen.has(key)) return;
      if (key !== undefined) this.#seen.add(key);
      this.#waiting.push({ image, system, kind, ...(key !== undefined && { key }) });
    };
    add(generated, 'generated', 'plain');
    add(source, 'copy', 'plain', `copy ${keyOf(names, 0)}`);
    add(target, 'real', 'plain', `real ${keyOf(names, 1)}`);
    if (!mask) return;
    add(masked(generated, mask), 'generated', 'masked');
    add(masked(source, mask), 'copy', 'masked');
    add(masked(target, mask), 'real', 'masked', `masked ${keyOf(names, 1)}`);
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
    let nth = 0;
    for (const [i, { system, kind, key }] of waiting.entries()) {
      const row = { system, kind, key, probabilities: slice(probabilities, i, INCEPTION_CLASSES) };
      if (kind === 'masked') this.#take(row);
      else
        this.#take({
          ...row,
          features: forFid ? slice(forFid.features, nth++, INCEPTION_FEATURES) : slice(features, i, INCEPTION_FEATURES),
        });
    }
  }

  /** Counts an image, or keeps what counts of it for the evaluation of all parts. */
  #take(row: InceptionRow): void {
    if (this.context.isPart) this.#rows.push(row);
    else this.#figures.add(row);
  }

  async finish(onFinishing?: OnFinishing): Promise<SetScores> {
    await this.#send(this.#waiting.splice(0));
    await this.#reference((features) => this.#figures.addReference(features), onFinishing);
    return this.#figures.figures(onFinishing);
  }

  async rows(onFinishing?: OnFinishing): Promise<SetPart> {
    await this.#send(this.#waiting.splice(0));
    const reference: Float32Array[] = [];
    await this.#reference((features) => reference.push(features), onFinishing);
    return { rows: this.#rows, reference, hasReference: this.context.reference !== undefined };
  }

  /** Computes the features of the reference, if it is not the real targets. */
  async #reference(take: (features: Float32Array) => void, onFinishing?: OnFinishing): Promise<void> {
    const { reference } = this.context;
    if (!reference) return;
    let done = 0;
    for await (const images of reference.images()) {
      take((await (this.forFid ?? this.model).run(images)).features);
      done += images.length;
      onFinishing?.('reference images', done, reference.count);
    }
  }

  async close(): Promise<void> {
    await this.#last;
    this.model.destroy();
    this.forFid?.destroy();
  }
}

/** A copy of one row, so that the results of a whole batch are not kept for it. */
const slice = (values: Float32Array, row: number, length: number) => values.slice(row * length, (row + 1) * length);

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
