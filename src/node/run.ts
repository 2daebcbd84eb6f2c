import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TuneOptions, tune } from '../compiler/tune.js';
import type { Dataset } from '../data/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { DeviceLostError, UsageError } from '../gpu/errors.js';
import { type CheckpointInfo, weightsOf } from '../model/checkpoint.js';
import type { ConfigOptions, ModelConfig } from '../model/config.js';
import type { Features, FeatureWeights } from '../model/features.js';
import { iterate, type LogRow } from '../model/iterate.js';
import { Sampler } from '../model/sampler.js';
import { type Losses, Trainer, type TrainerOptions, trainingCalls } from '../model/trainer.js';
import type { StateInfo } from '../model/training-state.js';
import { Vgg } from '../model/vgg.js';
import { listCheckpoints, loadCheckpoint, loadState, saveCheckpoint } from './checkpoint-files.js';
import { writeFileAtomic } from './files.js';
import { encodePng } from './images.js';
import { Loader } from './loader.js';
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
  /** Called before the first iteration, when a run that is resumed has been found to have these settings. */
  readonly onBegin?: () => void;
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

/** How often in a row a run goes on after its device was lost. */
const RETRIES = 3;

/**
 * Trains into a folder: `log.jsonl`, `samples/`, checkpoints. An interrupted run is resumed bit for bit: data order, dropout and
 * noise are functions of seed and step, and the tuning it began with is kept in `tuning.json`. A lost device is opened anew and
 * the run goes on from its last checkpoint.
 */
export async function trainRun(options: RunOptions): Promise<RunResult> {
  const existing = listCheckpoints(options.folder);
  if (existing.length && !options.resume)
    throw new UsageError(`${options.folder} holds a run already; give --resume to go on with it, or another --out`);
  if (options.resume && !existing.length)
    throw new UsageError(`${options.folder} holds no checkpoint to resume; leave --resume out to begin a run there`);
  mkdirSync(join(options.folder, 'samples'), { recursive: true });
  for (let lost = 0; ; lost++) {
    const resume = listCheckpoints(options.folder).length > 0;
    try {
      return await new Run(options).run(resume);
    } catch (error) {
      if (!(error instanceof DeviceLostError) || lost >= RETRIES) throw error;
      options.onNote?.(`${error.message} Opening the device again and going on from the last checkpoint.`);
    }
  }
}

class Run {
  readonly #start = performance.now();

  constructor(private readonly options: RunOptions) {}

  async run(resume: boolean): Promise<RunResult> {
    const { options } = this;
    const { config, seed, batch, train } = options;
    const loader = new Loader(train, { batch, geometry: config.geometry, seed, workers: options.workers });
    const engine = await options.open();
    try {
      const vgg = options.features.weights && new Vgg(options.features.weights);
      const made = { config, seed, batch, vgg };
      await this.#tune(engine, made, resume);
      const trainer = await Trainer.create(engine, made);
      if (resume) this.#restore(trainer);
      else writeFileAtomic(this.#path('log.jsonl'), '');
      options.onBegin?.();
      const sampler = await this.#sampler(engine, trainer);
      const result = await this.#loop(trainer, loader, sampler);
      return result;
    } finally {
      await loader.close();
      engine.device.destroy();
    }
  }

  #path(name: string): string {
    return join(this.options.folder, name);
  }

  /** Other kernels add up in another order: a run keeps to the choices it began with, be they none. */
  async #tune(engine: Engine, made: TrainerOptions, resume: boolean): Promise<void> {
    const { tune: options, onNote } = this.options;
    const path = this.#path('tuning.json');
    if (resume) {
      const tuning = existsSync(path) ? readTuning(path) : undefined;
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
    else rmSync(path, { force: true });
  }

  #restore(trainer: Trainer): void {
    const { folder } = this.options;
    const checkpoint = loadCheckpoint(folder);
    const { state, info } = loadState(checkpoint, trainer.sets);
    this.#checkSame(checkpoint.info, info);
    trainer.restore({ ...state, ...weightsOf(checkpoint, trainer.sets) });
    this.#trimLog(state.step);
    this.options.onNote?.(`resuming ${checkpoint.path} after ${state.step} iterations`);
  }

  /** A run that goes on under other settings would be neither the old run nor a new one. */
  #checkSame(checkpoint: Omit<CheckpointInfo, 'library'>, state: StateInfo): void {
    const { folder, batch, seed, config, features, train } = this.options;
    const before = {
      ...checkpoint.config,
      skeleton: checkpoint.skeleton,
      features: checkpoint.features,
      batch: state.batch,
      seed: state.orderSeed,
    };
    const now = { ...config, skeleton: train.skeleton, features: features.kind, batch, seed };
    const differing = Object.keys(now).filter(
      (k) => JSON.stringify(now[k as keyof typeof now]) !== JSON.stringify(before[k as keyof typeof before]),
    );
    const show = (of: object, k: string) => {
      const text = JSON.stringify((of as Record<string, unknown>)[k]) ?? 'nothing';
      return text.length > 60 ? `${text.slice(0, 60)}…` : text;
    };
    if (differing.length)
      throw new UsageError(
        `the run in ${folder} was made with other settings: ${differing.map((k) => `${k} was ${show(before, k)}, now it is ${show(now, k)}`).join('; ')}. ` +
          'Resume it with the same ones, or begin another run in another folder.',
      );
  }

  /** Forgets log rows of iterations that were done after the checkpoint and will be done again. */
  #trimLog(step: number): void {
    const path = this.#path('log.jsonl');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    const kept = lines.filter((l) => {
      try {
        return (JSON.parse(l) as LogRow).step <= step;
      } catch {
        return false; // a line that was cut short
      }
    });
    writeFileAtomic(path, kept.map((l) => `${l}\n`).join(''));
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
      const path = this.#path(join('samples', `sample-${String(step).padStart(8, '0')}.png`));
      writeFileAtomic(path, encodePng(await sampler.draw()));
    };
  }

  async #loop(trainer: Trainer, loader: Loader, sample: (step: number) => Promise<void>): Promise<RunResult> {
    const { iterations, signal, logEvery, sampleEvery, saveEvery } = this.options;
    let losses: Losses | undefined;
    let saved = this.options.resume ? trainer.step : -1;
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
    const begun = trainer.step;
    await iterate(trainer, {
      batch: (step) => loader.batch(step),
      more: () => trainer.step < iterations && !signal?.aborted,
      onLosses: (step, row) => {
        losses = row;
        const line: LogRow = { step, seconds: (performance.now() - this.#start) / 1000, ...row };
        if (step % logEvery === 0 || step === iterations)
          appendFileSync(this.#path('log.jsonl'), `${JSON.stringify(line)}\n`);
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
    const { folder, config, recipe, seed, batch, keep, features, train } = this.options;
    const state = await trainer.state();
    return saveCheckpoint(folder, trainer.sets, state, {
      info: { config, recipe, skeleton: train.skeleton, seed, features: features.kind },
      stateInfo: { orderSeed: seed, batch },
      keep,
    });
  }
}
