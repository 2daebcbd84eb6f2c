import { join } from 'node:path';
import type { TuneOptions } from '../compiler/tune.js';
import type { Dataset } from '../data/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { weightsOf } from '../model/checkpoint.js';
import type { Collective } from '../model/collective.js';
import type { ConfigOptions, ModelConfig } from '../model/config.js';
import type { Features, FeatureWeights } from '../model/features.js';
import { iterate, type LogRow } from '../model/iterate.js';
import { ParallelTrainer } from '../model/parallel-trainer.js';
import { withRecovery } from '../model/recovery.js';
import { Sampler } from '../model/sampler.js';
import { type Losses, Trainer, type TrainingState } from '../model/trainer.js';
import { Vgg } from '../model/vgg.js';
import { listCheckpoints, loadCheckpoint, loadState, saveCheckpoint } from './checkpoint-files.js';
import { appendLine, isThere, makeFolder, syncFile, writeFileAtomic } from './files.js';
import { agreedMore, expectSameRun, follow } from './follow.js';
import { encodePng } from './images.js';
import { Loader } from './loader.js';
import { expectUnlocked, type Lock, LockRemovedError, lock } from './lock.js';
import { RUN_LOCK, samplePath, trimLog, trimSamples } from './run-folder.js';
import { expectSameSettings } from './run-settings.js';
import { chooseTuning, shareTuning } from './run-tuning.js';
import { SystemError, systemCode } from './system-errors.js';
import { removeLeftovers } from './temporary.js';

export interface RunOptions {
  /** The folder for checkpoints, samples and the log. */
  readonly folder: string;
  readonly train: Dataset;
  /** The pairs for the sample sheets. Default: those of `train`. */
  readonly test?: Dataset;
  readonly config: ModelConfig;
  /** The options from which the configuration was made, which are stored in the checkpoints. */
  readonly recipe: ConfigOptions;
  /** The seed of weights, dropout, noise and order. */
  readonly seed: number;
  /** The number of images per iteration, on all ranks together. */
  readonly batch: number;
  /** The total number of iterations, including those before a resumption. */
  readonly iterations: number;
  readonly logEvery: number;
  readonly sampleEvery: number;
  readonly saveEvery: number;
  /** The number of checkpoints to keep. */
  readonly keep: number;
  readonly resume: boolean;
  /** The features for losses that compare features. */
  readonly features: { readonly kind: Features; readonly weights?: FeatureWeights };
  /** Opens the device. It is called again if the device is lost. */
  readonly open: () => Promise<Engine>;
  /** Times those kernels of a new run for which the engine's tuning has no choice, and stores the choices. */
  readonly tune?: TuneOptions;
  /** Called before the first iteration with the number of iterations done, after the settings of a resumed run have been checked. */
  readonly onBegin?: (step: number) => void;
  /** Ends the run after the current iteration, and saves it. */
  readonly signal?: AbortSignal;
  readonly onStep?: (row: LogRow) => void;
  readonly onNote?: (text: string) => void;
  /** The number of decoding threads. */
  readonly workers?: number;
  /** The ranks that train together, if there are several. All of them call `trainRun`; only rank 0 uses the folder. */
  readonly ranks?: Collective;
}

export interface RunResult {
  readonly step: number;
  readonly checkpoint: string;
  /** The losses of the last iteration, if one was done. */
  readonly losses: Losses | undefined;
  readonly interrupted: boolean;
}

/** Throws `UsageError` if a run is in progress in a folder, if one would be overwritten, or if there is none to resume. */
export function expectRunnable(folder: string, resume: boolean): void {
  expectUnlocked(join(folder, RUN_LOCK), `a run in ${folder}`);
  expectResumable(folder, resume);
}

function expectResumable(folder: string, resume: boolean): void {
  const existing = listCheckpoints(folder).length > 0;
  if (existing && !resume)
    throw new UsageError(`${folder} already holds a run; give --resume to continue it, or another --out`);
  if (resume && !existing)
    throw new UsageError(`${folder} holds no checkpoint to resume; leave out --resume to begin a run there`);
}

/**
 * Trains and writes `log.jsonl`, `samples/` and checkpoints into a folder. An interrupted run can be resumed bit for bit, because data
 * order, dropout and noise are functions of seed and step, and the original tuning is stored in `tuning.json`. If the device is lost, it
 * is opened again and the run continues from its last checkpoint. Only one run at a time can use a folder.
 *
 * If several ranks train together, an error on any of them ends the run there, and the caller must end the others.
 */
export async function trainRun(options: RunOptions): Promise<RunResult> {
  const { folder, ranks } = options;
  if (ranks && ranks.rank > 0) return follow(options, ranks);
  expectRunnable(folder, options.resume);
  const held = lock(join(folder, RUN_LOCK), `a run in ${folder}`);
  try {
    // Another run may have used the folder before the lock was taken.
    expectResumable(folder, options.resume);
    makeFolder(join(folder, 'samples'));
    removeLeftovers(folder);
    removeLeftovers(join(folder, 'samples'));
    if (ranks) {
      await expectSameRun(options, ranks);
      return await new Run(options, held, () => {}).run(options.resume);
    }
    return await withRecovery(
      (saved) => new Run(options, held, saved).run(listCheckpoints(folder).length > 0),
      (error) => options.onNote?.(`${error.message} Opening the device again and continuing from the last checkpoint.`),
    );
  } finally {
    held.release();
  }
}

type AnyTrainer = Trainer | ParallelTrainer;

class Run {
  readonly #start = performance.now();

  constructor(
    private readonly options: RunOptions,
    private readonly lock: Lock,
    /** Called after every new checkpoint. */
    private readonly onSaved: () => void,
  ) {}

  async run(resume: boolean): Promise<RunResult> {
    const { options } = this;
    const { config, seed, batch, train, ranks } = options;
    const engine = await options.open();
    const shard = ranks && { rank: ranks.rank, size: ranks.size };
    const loader = new Loader(train, { batch, shard, geometry: config.geometry, seed, workers: options.workers });
    try {
      const vgg = options.features.weights && new Vgg(options.features.weights);
      const made = { config, seed, batch, vgg };
      await chooseTuning(engine, options.folder, resume, { ...made, shard }, options.tune, options.onNote);
      if (ranks) await shareTuning(engine, ranks);
      const trainer = ranks ? await ParallelTrainer.create(engine, made, ranks) : await Trainer.create(engine, made);
      if (resume) this.#restore(trainer);
      else writeFileAtomic(this.#path('log.jsonl'), '');
      if (trainer instanceof ParallelTrainer) await trainer.share();
      trimSamples(this.options.folder, trainer.step, this.#due(this.options.sampleEvery));
      options.onBegin?.(trainer.step);
      const sampler = await this.#sampler(engine, trainer);
      return await this.#loop(trainer, loader, sampler).catch((error: unknown) => this.#explain(error, trainer));
    } finally {
      await loader.close();
      engine.device.destroy();
    }
  }

  #path(name: string): string {
    return join(this.options.folder, name);
  }

  /** A test for the iterations after which an uninterrupted run writes a row or a sheet: every `every`-th and the last. */
  #due(every: number): (step: number) => boolean {
    return (step) => step % every === 0 || step === this.options.iterations;
  }

  #restore(trainer: AnyTrainer): void {
    const { folder } = this.options;
    const checkpoint = loadCheckpoint(folder);
    const { state, info } = loadState(checkpoint, trainer.sets);
    expectSameSettings(this.options, checkpoint.info, info);
    trainer.restore({ ...state, ...weightsOf(checkpoint, trainer.sets) });
    trimLog(folder, state.step, this.#due(this.options.logEvery));
    this.options.onNote?.(`resuming ${checkpoint.path} after ${state.step} iterations`);
  }

  /** A function that draws and writes the sample sheet of the same few pairs. */
  async #sampler(engine: Engine, trainer: AnyTrainer): Promise<(step: number) => Promise<void>> {
    const { config, seed, test, train } = this.options;
    const dataset = test?.pairs.length ? test : train;
    const sampler = await Sampler.create(
      engine,
      trainer,
      dataset,
      (of) => new Loader(dataset, { ...of, geometry: config.geometry, workers: 1 }),
      seed,
    );
    return async (step) => {
      const sheet = encodePng(await sampler.draw());
      this.lock.check();
      writeFileAtomic(this.#path(samplePath(step)), sheet);
    };
  }

  async #loop(trainer: AnyTrainer, loader: Loader, sample: (step: number) => Promise<void>): Promise<RunResult> {
    const { iterations, signal, logEvery, sampleEvery, saveEvery } = this.options;
    const logged = this.#due(logEvery);
    let losses: Losses | undefined;
    const begun = trainer.step;
    let saved = begun > 0 ? begun : -1;
    let checkpoint = listCheckpoints(this.options.folder).at(-1)?.path ?? '';
    const save = async () => {
      checkpoint = await this.#save(trainer);
      saved = trainer.step;
    };
    let drawn = -1;
    const draw = async (step: number) => {
      await sample(step);
      drawn = step;
    };
    await iterate(trainer, {
      batch: (step) => loader.batch(step),
      more:
        trainer instanceof ParallelTrainer
          ? agreedMore(trainer, this.options)
          : () => trainer.step < iterations && !signal?.aborted,
      logged: (step) => step % logEvery === 0 || step === iterations,
      onLosses: (step, row) => {
        losses = row;
        const line: LogRow = { step, seconds: (performance.now() - this.#start) / 1000, ...row };
        if (logged(step)) appendLine(this.#path('log.jsonl'), JSON.stringify(line));
        this.options.onStep?.(line);
      },
      after: (step) => {
        const [drawing, saving] = [step % sampleEvery === 0, step % saveEvery === 0];
        if (!drawing && !saving) return undefined;
        return async () => {
          if (drawing) await draw(step);
          if (saving) await save();
        };
      },
    });
    if (drawn !== trainer.step && trainer.step > begun) await draw(trainer.step);
    if (saved !== trainer.step) await save();
    if (trainer instanceof ParallelTrainer && trainer.step > begun) {
      const { bytes, waitedMs } = trainer.exchange;
      this.options.onNote?.(
        `exchanged ${(bytes / 1e6).toFixed(1)} MB of gradients per iteration, for which the device waited ${(waitedMs / (trainer.step - begun)).toFixed(1)} ms`,
      );
    }
    return { step: trainer.step, checkpoint, losses, interrupted: trainer.step < iterations };
  }

  async #save(trainer: AnyTrainer): Promise<string> {
    if (trainer instanceof ParallelTrainer) await trainer.expectSame();
    const state = await trainer.state();
    this.lock.check();
    return this.#write(trainer, state);
  }

  #write(trainer: AnyTrainer, state: TrainingState): string {
    const { folder, config, recipe, seed, batch, keep, saveEvery, features, train } = this.options;
    const log = this.#path('log.jsonl');
    if (isThere(log)) syncFile(log);
    const path = saveCheckpoint(folder, trainer.sets, state, {
      info: { config, recipe, skeleton: train.skeleton, seed, features: features.kind },
      stateInfo: { orderSeed: seed, batch },
      keep,
      every: saveEvery,
    });
    this.onSaved();
    return path;
  }

  /**
   * Adds to an error that ends a run what has been saved. If the folder was removed or renamed, the state, which then is only on the
   * device, is saved at the original path.
   */
  async #explain(error: unknown, trainer: AnyTrainer): Promise<never> {
    const code = systemCode(error);
    const removed = error instanceof LockRemovedError || (code !== undefined && !isThere(this.#path(RUN_LOCK)));
    if (!removed && code === undefined) throw error;
    const { message } = error as Error;
    const fail = (text: string) =>
      Object.assign(new SystemError(code ?? 'ENOENT', `${message} ${text}`), { cause: error });
    const stopped = `The run stops after ${trainer.step} iterations`;
    if (removed) {
      const path = this.#write(trainer, await trainer.state());
      this.options.onBegin?.(trainer.step);
      throw fail(`${stopped}, as its folder was removed, renamed or emptied; its state is saved in ${path}.`);
    }
    const last = listCheckpoints(this.options.folder).at(-1);
    throw fail(last ? `${stopped}; --resume continues from ${last.path}.` : `${stopped}, before its first checkpoint.`);
  }
}
