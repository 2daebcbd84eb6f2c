import { ExchangingPlan } from '../compiler/exchanging-plan.js';
import type { Engine } from '../gpu/engine.js';
import { PoseGanError } from '../gpu/errors.js';
import { hashWords } from '../hash.js';
import { broadcastText, type Collective, countOf } from './collective.js';
import { feedsFor, type TrainingData } from './inputs.js';
import { type Losses, Trainer, type TrainerOptions, type TrainingState } from './trainer.js';

export type { Collective } from './collective.js';

/**
 * Trains one model on several ranks, each with one part of every batch. Gradients are added up over all ranks before Adam, so an
 * iteration is that of one rank with the whole batch, except for rounding, and all ranks keep the same parameters.
 *
 * Ranks call all methods in the same order. So `train` and `losses` are called in turn, and the promises may be awaited later.
 */
export class ParallelTrainer {
  /** The last collective call that was begun. Each waits for the one before, so that their order is the same on every rank. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly trainer: Trainer,
    private readonly plan: ExchangingPlan,
    private readonly ranks: Collective,
  ) {}

  /** `bucketBytes` is the least number of bytes of gradients that are exchanged together. */
  static async create(
    engine: Engine,
    options: Omit<TrainerOptions, 'shard'>,
    ranks: Collective,
    bucketBytes?: number,
  ): Promise<ParallelTrainer> {
    const { rank, size } = ranks;
    const trainer = await Trainer.create(engine, { ...options, shard: { rank, size } });
    const plan = await ExchangingPlan.create(trainer.plan, trainer.updates, bucketBytes);
    return new ParallelTrainer(trainer, plan, ranks);
  }

  get config() {
    return this.trainer.config;
  }

  get sets() {
    return this.trainer.sets;
  }

  get step(): number {
    return this.trainer.step;
  }

  /** The bytes of the gradients, and how long this rank has waited for their exchange in all iterations so far. */
  get exchange(): { readonly bytes: number; readonly waitedMs: number } {
    return { bytes: this.plan.buckets.bytes, waitedMs: this.plan.waitedMs };
  }

  #next<T>(call: () => Promise<T>): Promise<T> {
    const next = this.#last.then(call);
    this.#last = next.catch(() => {});
    return next;
  }

  /** Does one iteration with this rank's part of a batch. Resolves when its last part is submitted. */
  train(...args: [data: TrainingData]): Promise<void> {
    const { plan, config } = this.trainer;
    const feeds = feedsFor('ParallelTrainer.train', plan.inputNames, config, args);
    return this.plan.run(feeds, (values) => this.#next(() => this.ranks.sum(values)));
  }

  /** The losses of the iteration submitted last, as means over the whole batch. */
  losses(): Promise<Losses> {
    const read = this.trainer.losses();
    read.catch(() => {});
    return this.#next(async () => {
      const { discriminator: d, adversarial: a, reconstruction: r } = await read;
      const sums = Float32Array.of(d, a, r);
      await this.ranks.sum(sums);
      const [discriminator = 0, adversarial = 0, reconstruction = 0] = sums.map((x) => x / this.ranks.size);
      return { discriminator, adversarial, reconstruction };
    });
  }

  /** Whether any rank gives `true`. */
  any(flag: boolean): Promise<boolean> {
    return this.#next(async () => (await countOf(this.ranks, flag)) > 0);
  }

  checkFinite(): Promise<void> {
    return this.trainer.checkFinite();
  }

  /** Reads everything on this rank, which does not concern the others. */
  state(): Promise<TrainingState> {
    return this.trainer.state();
  }

  restore(state: TrainingState): void {
    this.trainer.restore(state);
  }

  /** Gives all ranks the state of rank 0. */
  share(): Promise<void> {
    return this.#next(async () => {
      const state = await this.trainer.state();
      for (const values of [state.generator, state.discriminator, ...Object.values(state.moments)])
        for (const array of values.values()) await this.ranks.broadcast(bytesOf(array));
      const counters = await broadcastText(this.ranks, JSON.stringify([state.step, state.randomStep]));
      const [step, randomStep] = JSON.parse(counters) as [number, number];
      this.trainer.restore({ ...state, step, randomStep });
    });
  }

  /** Rejects on every rank unless all have the same parameters, bit for bit. */
  expectSame(): Promise<void> {
    const { sets, step } = this.trainer;
    const { engine } = this.trainer.plan;
    const read = Promise.all([sets.generator.read(engine), sets.discriminator.read(engine)]);
    read.catch(() => {});
    return this.#next(async () => {
      const hashes = (await read).flatMap((values) => [...values.values()].map((v) => hashWords(wordsOf(v))));
      const own = hashes.join(' ');
      const differs = own !== (await broadcastText(this.ranks, own));
      const differing = await countOf(this.ranks, differs);
      if (differing)
        throw new PoseGanError(
          `after iteration ${step}, ${differing} of ${this.ranks.size} ranks have other parameters than rank 0` +
            `${differs ? `, rank ${this.ranks.rank} among them` : ''}: their sums of gradients differed, which a correct exchange never does. ` +
            'Check the network and the MPI library, and resume from the last checkpoint.',
        );
    });
  }

  destroy(): void {
    this.plan.destroy();
    this.trainer.destroy();
  }
}

const bytesOf = (x: Float32Array) => new Uint8Array(x.buffer as ArrayBuffer, x.byteOffset, x.byteLength);
const wordsOf = (x: Float32Array) => new Uint32Array(x.buffer, x.byteOffset, x.length);
