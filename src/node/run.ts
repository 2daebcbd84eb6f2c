import { join } from 'node:path';
import { type TuneOptions, tune } from '../compiler/tune.js';
import type { Dataset } from '../data/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { weightsOf } from '../model/checkpoint.js';
import type { ConfigOptions, ModelConfig } from '../model/config.js';
import type { Features, FeatureWeights } from '../model/features.js';
import { iterate, type LogRow } from '../model/iterate.js';
import { withRecovery } from '../model/recovery.js';
import { Sampler } from '../model/sampler.js';
import { type Losses, Trainer, type TrainerOptions, type TrainingState, trainingCalls } from '../model/trainer.js';
import { Vgg } from '../model/vgg.js';
import { listCheckpoints, loadCheckpoint, loadState, saveCheckpoint } from './checkpoint-files.js';
import { appendLine, isThere, makeFolder, removeFile, syncFile, writeFileAtomic } from './files.js';
import { encodePng } from './images.js';
import { Loader } from './loader.js';
import { expectUnlocked, type Lock, LockRemovedError, lock } from './lock.js';
import { RUN_LOCK, samplePath, trimLog, trimSamples } from './run-folder.js';
import { expectSameSettings } from './run-settings.js';
import { SystemError, systemCode } from './system-errors.js';
import { removeLeftovers } from './temporary.js';
import { readTuning, saveTuning, tuningText } from './tuning-files.js';

export interface RunOptions {
  /** Where checkpoints, samples and the log go. */
  readonly folder: string;
  readonly train: Dataset;
  /** Pairs for the sample sheets; those of `train` when absent. */
  readonly test?: Dataset;
  readonly config: ModelConfig;
  /** What the configuration was made from; kept in the checkpoints. */
  readonly recipe: ConfigOptions;
  /** Seed of weights, dropout, noise and order. */
  readonly seed: number;
  readonly batch: number;
  /** Iterations in all, those before a resumption included. */
  readonly iterations: number;
  readonly logEvery: number;
  readonly sampleEvery: number;
  readonly saveEvery: number;
  /** Checkpoints that stay. */
  readonly keep: number;
  readonly resume: boolean;
  /** Features of the losses that compare some. */
  readonly features: { readonly kind: Features; readonly weights?: FeatureWeights };
  /** Opens the device; called again when it is lost. */
  readonly open: () => Promise<Engine>;
  /** Times the kernels of a new run first, where the engine's tuning has no choice for them, and keeps the choices for others. */
  readonly tune?: TuneOptions;
  /** Called before the first iteration with those done, when a run that is resumed has been found to have these settings. */
  readonly onBegin?: (step: number) => void;
  /** Ends the run after the iteration under way, saved. */
  readonly signal?: AbortSignal;
  readonly onStep?: (row: LogRow) => void;
  readonly onNote?: (text: string) => void;
  /** Decoding threads. */
  readonly workers?: number;
}

export interface RunResult {
  readonly step: number;
  readonly checkpoint: string;
  /** Losses of the last iteration that was run, if any was. */
  readonly losses: Losses | undefined;
  readonly interrupted: boolean;
}

/** Throws where a run is under way in a folder, where one would be overwritten, and where there is none to resume. */
export function expectRunnable(folder: string, resume: boolean): void {
  expectUnlocked(join(folder, RUN_LOCK), `a run in ${folder}`);
  expectResumable(folder, resume);
}

function expectResumable(folder: string, resume: boolean): void {
  const existing = listCheckpoints(folder).length > 0;
  if (existing && !resume)
    throw new UsageError(`${folder} holds a run already; give --resume to go on with it, or another --out`);
  if (resume && !existing)
    throw new UsageError(`${folder} holds no checkpoint to resume; leave --resume out to begin a run there`);
}

/**
 * Trains into a folder: `log.jsonl`, `samples/`, checkpoints. An interrupted run is resumed bit for bit: data order, dropout and
 * noise are functions of seed and step, and the tuning it began with is kept in `tuning.json`. A lost device is opened anew and
 * the run goes on from its last checkpoint. Only one run at a time is in a folder.
 */
export async function trainRun(options: RunOptions): Promise<RunResult> {
  const { folder } = options;
  expectRunnable(folder, options.resume);
  const held = lock(join(folder, RUN_LOCK), `a run in ${folder}`);
  try {
    // Another run may have ended there meanwhile.
    expectResumable(folder, options.resume);
    makeFolder(join(folder, 'samples'));
    removeLeftovers(folder);
    removeLeftovers(join(folder, 'samples'));
    return await withRecovery(
      (saved) => new Run(options, held, saved).run(listCheckpoints(folder).length > 0),
      (error) => options.onNote?.(`${error.message} Opening the device again and going on from the last checkpoint.`),
    );
  } finally {
    held.release();
  }
}

class Run {
  readonly #start = performance.now();

  constructor(
    private readonly options: RunOptions,
    private readonly lock: Lock,
    /** Called when there is a new checkpoint. */
    private readonly onSaved: () => void,
  ) {}

  async run(resume: boolean): Promise<RunResult> {
    const { options } = this;
    const { config, seed, batch, train } = options;
    const engine = await options.open();
    const loader = new Loader(train, { batch, geometry: config.geometry, seed, workers: options.workers });
    try {
      const vgg = options.features.weights && new Vgg(options.features.weights);
      const made = { config, seed, batch, vgg };
      await this.#tune(engine, made, resume);
      const trainer = await Trainer.create(engine, made);
      if (resume) this.#restore(trainer);
      else writeFileAtomic(this.#path('log.jsonl'), '');
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

  /** Tells the iterations after which a run that is not interrupted has a row or a sheet: one every so many, and the last. */
  #due(every: number): (step: number) => boolean {
    return (step) => step % every === 0 || step === this.options.iterations;
  }

  /** Other kernels add up in another order: a run keeps to the choices it began with, be they none. */
  async #tune(engine: Engine, made: TrainerOptions, resume: boolean): Promise<void> {
    const { tune: options, onNote } = this.options;
    const path = this.#path('tuning.json');
    if (resume) {
      const tuning = isThere(path) ? readTuning(path) : undefined;
      const mismatch = tuning?.mismatch(engine.adapter);
      if (mismatch)
        onNote?.(`the run’s tuning was ${mismatch}: kernels are chosen by rule, and results may differ in last bits`);
      engine.tuning = mismatch ? undefined : tuning;
      return;
    }
    if (options) {
      const { timed, classes } = await tune(engine, await trainingCalls(engine, made), options);
      const better = classes.filter(({ choice }) => choice.variant !== choice.rule).length;
      onNote?.(
        `tuned: ${timed} of ${classes.length} classes of kernels timed now; ${better} run another kernel than by rule`,
      );
      try {
        if (engine.tuning && timed) saveTuning(engine.tuning);
      } catch (error) {
        onNote?.(`the tuning serves this run alone, as it cannot be kept for others: ${(error as Error).message}`);
      }
    }
    if (engine.tuning) writeFileAtomic(path, tuningText(engine.tuning));
    else removeFile(path);
  }

  #restore(trainer: Trainer): void {
    const { folder } = this.options;
    const checkpoint = loadCheckpoint(folder);
    const { state, info } = loadState(checkpoint, trainer.sets);
    expectSameSettings(this.options, checkpoint.info, info);
    trainer.restore({ ...state, ...weightsOf(checkpoint, trainer.sets) });
    trimLog(folder, state.step, this.#due(this.options.logEvery));
    this.options.onNote?.(`resuming ${checkpoint.path} after ${state.step} iterations`);
  }

  /** Draws the same few pairs whenever it is called. */
  async #sampler(engine: Engine, trainer: Trainer): Promise<(step: number) => Promise<void>> {
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

  async #loop(trainer: Trainer, loader: Loader, sample: (step: number) => Promise<void>): Promise<RunResult> {
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
      more: () => trainer.step < iterations && !signal?.aborted,
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
    return { step: trainer.step, checkpoint, losses, interrupted: trainer.step < iterations };
  }

  async #save(trainer: Trainer): Promise<string> {
    const state = await trainer.state();
    this.lock.check();
    return this.#write(trainer, state);
  }

  #write(trainer: Trainer, state: TrainingState): string {
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
   * Adds to an error that ends a run what is left of it. When its folder was removed or renamed, the state that only the device
   * has is saved where the folder was.
   */
  async #explain(error: unknown, trainer: Trainer): Promise<never> {
    const code = systemCode(error);
    const removed = error instanceof LockRemovedError || (code !== undefined && !isThere(this.#path(RUN_LOCK)));
    if (!removed && code === undefined) throw error;
    const { message } = error as Error;
    const fail = (text: string) =>
      Object.assign(new SystemError(code ?? 'ENOENT', `${message} ${text}`), { cause: error });
    const so = `The run stops after ${trainer.step} iterations`;
    if (removed) {
      const path = this.#write(trainer, await trainer.state());
      this.options.onBegin?.(trainer.step);
      throw fail(`${so}, as its folder was removed, renamed or emptied; its state is saved in ${path}.`);
    }
    const last = listCheckpoints(this.options.folder).at(-1);
    throw fail(last ? `${so}; --resume goes on from ${last.path}.` : `${so}, before its first checkpoint.`);
  }
}
