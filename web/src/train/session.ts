import { open } from '../../../src/browser.js';
import { Batches } from '../../../src/data/batches.js';
import type { Engine } from '../../../src/gpu/engine.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { type Checkpoint, fromCheckpoint, weightsOf } from '../../../src/model/checkpoint.js';
import type { ConfigOptions, ModelConfig } from '../../../src/model/config.js';
import type { Features } from '../../../src/model/features.js';
import { filterBank } from '../../../src/model/filter-bank.js';
import { iterate, type LogRow } from '../../../src/model/iterate.js';
import { withRecovery } from '../../../src/model/recovery.js';
import { type RunFiles, runFiles } from '../../../src/model/run-files.js';
import { Sampler } from '../../../src/model/sampler.js';
import { Trainer } from '../../../src/model/trainer.js';
import { fromStateFile } from '../../../src/model/training-state.js';
import { Vgg } from '../../../src/model/vgg.js';
import type { Datasets } from './datasets.js';
import type { DataChoice, Intervals, Report } from './protocol.js';

/** The model, the data and the settings of a run. */
export interface RunSetup {
  readonly config: ModelConfig;
  readonly recipe: ConfigOptions;
  readonly features: Features;
  readonly seed: number;
  readonly batch: number;
  readonly choice: DataChoice;
  readonly data: Datasets;
  /** A checkpoint without training state, with whose weights the run begins. */
  readonly weights?: Checkpoint;
}

/** One training run with its device, its snapshots, and the requests that arrive during it. */
export class Session {
  /** Losses of every iteration so far. */
  rows: LogRow[];
  /** The state from which the run continues if its device is lost, or later. */
  snapshot: RunFiles | undefined;
  #intervals: Intervals;
  #requested = { sample: false, save: false };
  #running = true;
  #stopped = false;
  #wake: () => void = () => {};
  /** Tells the recovery that there is a new snapshot. */
  #saved: () => void = () => {};
  /** Seconds of training before this part of the run. */
  #secondsBefore = 0;

  constructor(
    readonly setup: RunSetup,
    from: { readonly snapshot?: RunFiles; readonly rows: readonly LogRow[] },
    intervals: Intervals,
    private readonly report: (report: Report) => void,
    /** Called with every new snapshot. */
    private readonly onSnapshot: (session: Session) => void,
  ) {
    this.snapshot = from.snapshot;
    this.rows = [...from.rows];
    this.#intervals = intervals;
  }

  set intervals(intervals: Intervals) {
    this.#intervals = intervals;
  }

  pause(): void {
    this.#running = false;
  }

  resume(): void {
    this.#running = true;
    this.#wake();
  }

  /** Ends the run after the current iteration, with a snapshot. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Requests a sample sheet, or the files, after the current iteration, or at once if the run is paused. */
  request(what: 'sample' | 'save'): void {
    this.#requested[what] = true;
    this.#wake();
  }

  /** Trains until it is stopped. If the device is lost, continues from the last snapshot on a new one, a few times in a row. */
  async run(): Promise<void> {
    await withRecovery(
      (saved) => this.#train(saved),
      ({ reason }) => {
        const start = this.snapshot ? `iteration ${this.snapshot.step}` : 'the beginning';
        this.report({
          type: 'note',
          message: `The GPU device was lost (${reason || 'unknown reason'}). Training continues on a new one from ${start}.`,
        });
      },
    );
  }

  async #train(saved: () => void): Promise<void> {
    this.#saved = saved;
    const { config, seed, batch, data } = this.setup;
    this.report({ type: 'phase', phase: 'preparing' });
    this.report({ type: 'progress', what: 'Preparing the device', done: 0, total: 0 });
    const engine = await open({ label: 'train' });
    const batches = new Batches(data.train, data.decoder, { batch, geometry: config.geometry, seed });
    try {
      const vgg = this.setup.features === 'filter bank' ? new Vgg(filterBank()) : undefined;
      const trainer = await Trainer.create(engine, { config, seed, batch, vgg });
      this.#restore(engine, trainer);
      this.#secondsBefore = this.rows.at(-1)?.seconds ?? 0;
      const shown = data.test ?? data.train;
      const geometry = config.geometry;
      const openSamples = (of: { batch: number; seed: number; ahead: number }) =>
        new Batches(shown, data.decoder, { ...of, geometry });
      const sampler = await Sampler.create(engine, trainer, shown, openSamples, seed);
      this.report({
        type: 'facts',
        facts: {
          adapter: engine.adapterName,
          memory: trainer.plan.memory().peak,
          pairs: data.train.pairs.length / 2,
          images: data.train.images.length,
          batch,
          loss: config.loss.kind,
        },
      });
      await this.#sample(trainer, sampler);
      await this.#loop(trainer, batches, sampler);
    } finally {
      await batches.close();
      engine.device.destroy();
    }
  }

  #restore(engine: Engine, trainer: Trainer): void {
    const { snapshot, setup } = this;
    if (snapshot) {
      const checkpoint = fromCheckpoint(snapshot.checkpoint.bytes, snapshot.checkpoint.name);
      const { state, info } = fromStateFile(snapshot.state.bytes, snapshot.state.name, checkpoint, trainer.sets);
      if (info.orderSeed !== setup.seed || info.batch !== setup.batch)
        throw new UsageError(
          `${snapshot.state.name} was made with batch ${info.batch} and seed ${info.orderSeed}; continue it with the same batch and seed`,
        );
      trainer.restore(state);
    } else if (setup.weights) {
      const weights = weightsOf(setup.weights, trainer.sets);
      trainer.sets.generator.write(engine, weights.generator);
      trainer.sets.discriminator.write(engine, weights.discriminator);
    }
    const { step } = trainer;
    this.rows = this.rows.filter((row) => row.step <= step);
    this.report({ type: 'rewind', step });
  }

  async #loop(trainer: Trainer, batches: Batches, sampler: Sampler): Promise<void> {
    const begun = performance.now();
    let idle = 0;
    while (!this.#stopped) {
      if (this.#running) {
        this.report({ type: 'phase', phase: 'running' });
        await iterate(trainer, {
          batch: (step) => batches.batch(step),
          more: () => this.#running && !this.#stopped,
          logged: () => true,
          onLosses: (step, losses) => {
            const seconds = this.#secondsBefore + (performance.now() - begun - idle) / 1000;
            const row = { step, seconds, ...losses };
            this.rows.push(row);
            this.report({ type: 'row', row });
          },
          after: (step) => this.#pendingWork(step, trainer, sampler),
        });
        await this.#snapshot(trainer);
        continue;
      }
      this.report({ type: 'phase', phase: 'paused' });
      const since = performance.now();
      await this.#waitWhilePaused(trainer, sampler);
      idle += performance.now() - since;
    }
    await this.#snapshot(trainer);
  }

  /** Waits while a run is paused, and handles requests. */
  async #waitWhilePaused(trainer: Trainer, sampler: Sampler): Promise<void> {
    for (;;) {
      await this.#pendingWork(0, trainer, sampler)?.();
      if (this.#running || this.#stopped) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = () => {};
    }
  }

  /** The work to do after iteration `step`: requests and, unless `step` is 0, what the intervals demand. */
  #pendingWork(step: number, trainer: Trainer, sampler: Sampler): (() => Promise<void>) | undefined {
    const { sampleEvery, snapshotEvery } = this.#intervals;
    const { save } = this.#requested;
    const sample = this.#requested.sample || (step > 0 && step % sampleEvery === 0);
    const snapshot = save || (step > 0 && step % snapshotEvery === 0);
    if (!sample && !snapshot) return undefined;
    // Keep each request until it is done, because the device may be lost before.
    return async () => {
      if (sample) {
        await this.#sample(trainer, sampler);
        this.#requested.sample = false;
      }
      if (snapshot) await this.#snapshot(trainer);
      if (save) {
        this.sendFiles();
        this.#requested.save = false;
      }
    };
  }

  async #sample(trainer: Trainer, sampler: Sampler): Promise<void> {
    const sheet = await sampler.draw();
    const { height, width } = this.setup.config;
    this.report({ type: 'sample', step: trainer.step, sheet, tile: { height, width } });
  }

  async #snapshot(trainer: Trainer): Promise<void> {
    const { config, recipe, seed, batch, features, choice, data } = this.setup;
    if (this.snapshot?.step === trainer.step) return;
    const state = await trainer.state();
    this.snapshot = runFiles(trainer.sets, state, {
      info: { config, recipe, skeleton: data.train.skeleton, seed, features },
      stateInfo: { orderSeed: seed, batch, notes: { data: choice } },
    });
    this.#saved();
    this.report({ type: 'snapshot', step: state.step });
    this.onSnapshot(this);
  }

  /** Sends the two files of the last snapshot to the page. */
  sendFiles(): void {
    const { snapshot } = this;
    if (snapshot) this.report({ type: 'files', files: [snapshot.checkpoint, snapshot.state] });
  }
}
