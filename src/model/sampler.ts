import type { Batch, Batches } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import type { Image } from '../data/image.js';
import { sampleSheet } from '../data/samples.js';
import type { Engine } from '../gpu/engine.js';
import { Generator, type Trainer } from './trainer.js';

/** Seed of the choice of pairs, the same in every run. */
const PAIRS_SEED = 1;
/** Pairs of a sheet, where there are as many. */
const PAIRS = 4;

/** Draws sample sheets of a training run: the same few pairs whenever it is asked. */
export class Sampler {
  private constructor(
    private readonly dataset: Dataset,
    private readonly batch: Batch,
    private readonly generator: Generator,
  ) {}

  /** `open` makes batches of the dataset that the pairs are taken from; they are closed here. `seed` is of the noise. */
  static async create(
    engine: Engine,
    trainer: Trainer,
    dataset: Dataset,
    open: (options: { batch: number; seed: number; ahead: number }) => Batches,
    seed: number,
  ): Promise<Sampler> {
    const count = Math.min(PAIRS, dataset.pairs.length / 2);
    const batches = open({ batch: count, seed: PAIRS_SEED, ahead: 0 });
    const batch = await batches.batch(0).finally(() => batches.close());
    const generator = await Generator.create(engine, trainer.config, count, { set: trainer.sets.generator, seed });
    return new Sampler(dataset, batch, generator);
  }

  /** The sheet with the generator's present weights: a row a pair, source | target pose | target | generated. */
  async draw(): Promise<Image> {
    const { batch, dataset, generator } = this;
    // Sheets differ by the weights alone, and those of a resumed run are those of one that was never interrupted.
    generator.random.step = 0;
    return sampleSheet(batch, await generator.generate(batch), dataset.skeleton, dataset.height, dataset.width);
  }
}
