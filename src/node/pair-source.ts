import type { Dataset, DatasetImage } from '../data/dataset.js';
import { identityOf } from '../data/identity.js';
import { fromTensor, type Image } from '../data/image.js';
import type { EvaluatedPair } from '../evaluation/scorer.js';
import type { Generator } from '../model/trainer.js';
import type { Skeleton } from '../pose/skeleton.js';
import { generateBatches } from './generation.js';
import { Loader } from './loader.js';

/** Where the pairs of an evaluation come from. */
export interface PairSource {
  readonly count: number;
  /** The size of the pictures. */
  readonly height: number;
  readonly width: number;
  /** The skeleton of the poses, if there are any. */
  readonly skeleton?: Skeleton;
  /** The number of pairs in a batch; the last one may have fewer. */
  readonly batch: number;
  /**
   * All pairs in order, in batches, or those of the batches with the given numbers. What comes next is prepared while the caller handles a
   * batch.
   */
  batches(numbers?: readonly number[]): AsyncIterable<readonly EvaluatedPair[]>;
}

/** The numbers of all batches of a source. */
export const batchNumbers = ({ count, batch }: Pick<PairSource, 'count' | 'batch'>): readonly number[] =>
  Array.from({ length: Math.ceil(count / batch) }, (_, s) => s);

/** The number of pairs in the batches with the given numbers. */
export const pairsIn = ({ count, batch }: Pick<PairSource, 'count' | 'batch'>, numbers: readonly number[]): number =>
  numbers.reduce((n, s) => n + Math.min(batch, count - s * batch), 0);

export interface GeneratedOptions {
  /** The number of decoding threads. */
  readonly workers?: number;
  /** Who is on a picture, by its name. Default: `identityOf`. */
  readonly identity?: (name: string) => string;
}

/** All pairs of a dataset with what a model generates for them. The generator's batch can have any size. */
export function generatedPairs(model: Generator, dataset: Dataset, options: GeneratedOptions = {}): PairSource {
  const { batch: size, config } = model;
  const { height, width, skeleton } = dataset;
  const { identity = identityOf } = options;
  const count = dataset.pairs.length / 2;
  const imageAt = (i: number) => dataset.images[dataset.pairs[i] as number] as DatasetImage;
  async function* batches(steps = batchNumbers({ count, batch: size })): AsyncGenerator<readonly EvaluatedPair[]> {
    const order = { batch: size, geometry: config.geometry, shuffle: false } as const;
    const loader = new Loader(dataset, { ...order, ...(options.workers && { workers: options.workers }) });
    try {
      for await (const { batch, images } of generateBatches(model, loader, steps)) {
        const first = batch.step * size;
        // The last batch is filled up with the first pairs, which are left out.
        yield Array.from({ length: Math.min(size, count - first) }, (_, i): EvaluatedPair => {
          const [a, b] = [imageAt(2 * (first + i)), imageAt(2 * (first + i) + 1)];
          const picture = (v: Float32Array): Image => fromTensor(v, width, height, i * height * width * 3);
          const names = [a.name, b.name] as const;
          const pictures = { source: picture(batch.source), target: picture(batch.target), generated: picture(images) };
          return { names, identity: identity(b.name), ...pictures, pose: b.pose };
        });
      }
    } finally {
      await loader.close();
    }
  }
  return { count, batch: size, height, width, skeleton, batches };
}
