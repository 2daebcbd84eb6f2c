import type { Batch, Batches } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import type { Image } from '../data/image.js';
import { sampleSheet } from '../data/samples.js';
import type { Engine } from '../gpu/engine.js';
import { Generator, type Trainer } from './trainer.js';

/** The seed by which pairs are chosen, which is the same in every run. */
const PAIRS_SEED = 1;
/** The largest number of pairs of a sheet. */
const MAX_PAIRS = 4;

/** Draws sample sheets of a training run, always of the same few pairs. */
export class Sampler {
  private constructor(
    private readonly dataset: Dataset,
    private readonly batch: Batch,
    private readonly generator: Generator,
  ) {}

  /** `open` opens batches of the dataset, from which the pairs are taken; they are closed here. `seed` is the seed of the noise. */
  static async create(
    engine: Engine,
    trainer: Pick<Trainer, 'config' | 'sets'>,
    dataset: Dataset,
    open: (options: { batch: number; seed: number; ahead: number }) => Batches,
    seed: number,
  ): Promise<Sampler> {
    const count = Math.min(MAX_PAIRS, dataset.pairs.length / 2);
    const batches = open({ batch: count, seed: PAIRS_SEED, ahead: 0 });
    const batch = await batches.batch(0).finally(() => batches.close());
    const generator = await Generator.create(engine, trainer.config, count, { set: trainer.sets.generator, seed });
    return new Sampler(dataset, batch, generator);
  }

  /** The sheet with the generator's current weights. Each row is a pair: source | target pose | target | generated. */
  async draw(): Promise<Image> {
    const { batch, dataset, generator } = this;
    // With the same noise, sheets depend only on the weights, and a resumed run has the same sheets as an uninterrupted one.
    generator.random.step = 0;
    return sampleSheet(batch, await generator.generate(batch), dataset.skeleton, dataset.height, dataset.width);
  }
}
