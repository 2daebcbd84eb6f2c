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
import type { DataChoice, Report, Rhythm } from './protocol.js';

/** What a run is made of. */
export interface RunSetup {
  readonly config: ModelConfig;
  readonly recipe: ConfigOptions;
  readonly features: Features;
  readonly seed: number;
  readonly batch: number;
  readonly choice: DataChoice;
  readonly data: Datasets;
  /** Begins with the weights of a checkpoint that has no training state. */
  readonly weights?: Checkpoint;
}

/** One training run: its device, its snapshots, and what is asked of it while it goes on. */
export class Session {
  /** Losses of every iteration done. */
  rows: LogRow[];
  /** The state that the run goes on from when its device is lost, or when it is asked to later. */
  snapshot: RunFiles | undefined;
  #rhythm: Rhythm;
  #wanted = { sample: false, save: false };
  #running = true;
  #stopped = false;
  #wake: () => void = () => {};
  /** Called when there is a new snapshot. */
  #saved: () => void = () => {};
  /** Seconds that were trained before this part of the run. */
  #before = 0;

  constructor(
    readonly setup: RunSetup,
    from: { readonly snapshot?: RunFiles; readonly rows: readonly LogRow[] },
    rhythm: Rhythm,
    private readonly report: (report: Report) => void,
    /** Called with every new snapshot. */
    private readonly onSnapshot: (session: Session) => void,
  ) {
    this.snapshot = from.snapshot;
    this.rows = [...from.rows];
    this.#rhythm = rhythm;
  }

  set rhythm(rhythm: Rhythm) {
    this.#rhythm = rhythm;
  }

  pause(): void {
    this.#running = false;
  }

  resume(): void {
    this.#running = true;
    this.#wake();
  }

  /** Ends the run after the iteration under way, with a snapshot. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Draws a sample sheet, or sends the files, between two iterations; at once when the run is paused. */
  want(what: 'sample' | 'save'): void {
    this.#wanted[what] = true;
    this.#wake();
  }

  /** Trains until it is stopped. A lost device is opened again and the run goes on from its last snapshot, a few times in a row. */
  async run(): Promise<void> {
    await withRecovery(
      (saved) => this.#train(saved),
      ({ reason }) => {
        const place = this.snapshot ? `iteration ${this.snapshot.step}` : 'the beginning';
        this.report({
          type: 'note',
          message: `The GPU device was lost (${reason || 'unknown reason'}). A new one is opened, and training goes on from ${place}.`,
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
      this.#before = this.rows.at(-1)?.seconds ?? 0;
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
          `${snapshot.state.name} was made with batch ${info.batch} and seed ${info.orderSeed}; go on with the same ones`,
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
            const seconds = this.#before + (performance.now() - begun - idle) / 1000;
            const row = { step, seconds, ...losses };
            this.rows.push(row);
            this.report({ type: 'row', row });
          },
          after: (step) => this.#due(step, trainer, sampler),
        });
        await this.#snapshot(trainer);
        continue;
      }
      this.report({ type: 'phase', phase: 'paused' });
      const since = performance.now();
      await this.#until(() => this.#running || this.#stopped, trainer, sampler);
      idle += performance.now() - since;
    }
    await this.#snapshot(trainer);
  }

  /** Waits while a run is paused, and does what is asked meanwhile. */
  async #until(over: () => boolean, trainer: Trainer, sampler: Sampler): Promise<void> {
    for (;;) {
      await this.#due(0, trainer, sampler)?.();
      if (over()) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = () => {};
    }
  }

  /** What falls due after an iteration; after none, what was asked for. */
  #due(step: number, trainer: Trainer, sampler: Sampler): (() => Promise<void>) | undefined {
    const { sampleEvery, snapshotEvery } = this.#rhythm;
    const { save } = this.#wanted;
    const sample = this.#wanted.sample || (step > 0 && step % sampleEvery === 0);
    const snapshot = save || (step > 0 && step % snapshotEvery === 0);
    if (!sample && !snapshot) return undefined;
    // What is asked for stays asked for until it is done, as the device may be lost before.
    return async () => {
      if (sample) {
        await this.#sample(trainer, sampler);
        this.#wanted.sample = false;
      }
      if (snapshot) await this.#snapshot(trainer);
      if (save) {
        this.sendFiles();
        this.#wanted.save = false;
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

  /** Sends the last snapshot as the two files of a run. */
  sendFiles(): void {
    const { snapshot } = this;
    if (snapshot) this.report({ type: 'files', files: [snapshot.checkpoint, snapshot.state] });
  }
}
