import { input } from '../autograd/leaves.js';
import { PARAMETERS, ParameterSet } from '../autograd/parameters.js';
import type { Node } from '../autograd/tensor.js';
import { compile, plannedCalls } from '../compiler/compile.js';
import type { LaunchedCall } from '../compiler/kernel-call.js';
import type { Plan } from '../compiler/plan.js';
import { COUNT, checked, F32, type Kinds, mapOf, NATURAL } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { describeNonFinite, NonFiniteError, PoseGanError, UsageError } from '../gpu/errors.js';
import { ParameterStorage } from '../gpu/parameter-storage.js';
import { concat } from '../kernels/concat/concat.js';
import { Random } from '../kernels/dropout/random.js';
import type { FiniteCheck, Watched } from '../kernels/finite/finite.js';
import { partOf, SHARD, type Shard } from '../shard.js';
import { Parameters } from './blocks.js';
import { fileName, type Net, type Nets, VALUES } from './checkpoint.js';
import { CONFIG, type ModelConfig } from './config.js';
import { generator } from './generator.js';
import { feedsFor, type PairData, pairInputs, type TrainingData } from './inputs.js';
import { type Phase, type TrainingStep, trainingStep } from './training.js';
import { VGG, type Vgg } from './vgg.js';

/** The three losses of an iteration. `reconstruction` is L_NN, L1 or the perceptual distance, not multiplied by its weight. */
export interface Losses {
  readonly discriminator: number;
  readonly adversarial: number;
  readonly reconstruction: number;
}

/** All that a run needs to continue bit for bit: parameters and moments by name in device layout, and the counters. */
export interface TrainingState {
  readonly generator: ReadonlyMap<string, Float32Array>;
  readonly discriminator: ReadonlyMap<string, Float32Array>;
  readonly moments: Readonly<
    Record<'generator.m' | 'generator.v' | 'discriminator.m' | 'discriminator.v', ReadonlyMap<string, Float32Array>>
  >;
  /** The number of iterations done. */
  readonly step: number;
  readonly randomStep: number;
}

export interface TrainerOptions {
  readonly config: ModelConfig;
  /** The seed of initial weights, dropout masks and noise. */
  readonly seed: number;
  /** The features for losses that compare features. */
  readonly vgg?: Vgg;
  /** The number of images per iteration, in all processes together. Default: the configuration's. */
  readonly batch?: number;
  /** The part of every batch that this process computes. Its gradients then are to be added up, see `ParallelTrainer`. */
  readonly shard?: Shard;
}

function trainingGraph({ config, seed, vgg, batch = config.batch, shard }: TrainerOptions) {
  const sets = { generator: new ParameterSet('generator'), discriminator: new ParameterSet('discriminator') };
  const random = new Random(seed, shard);
  const nets = { g: new Parameters(sets.generator, seed), d: new Parameters(sets.discriminator, seed), vgg };
  const inputs = pairInputs(config, shard ? partOf(batch, shard).count : batch, random, config.dropoutRate > 0);
  const target = input('target', inputs.source.shape);
  const graph = trainingStep(nets, config, { ...inputs, target }, shard?.size);
  const { discriminator, adversarial, reconstruction } = graph.losses;
  const outputs = { losses: concat([discriminator, adversarial, reconstruction]), generated: graph.generated };
  return { sets, random, graph, outputs };
}

/** The kernel launches of an iteration, for `tune`. Nothing is allocated. */
export function trainingCalls(engine: Engine, options: TrainerOptions): Promise<readonly LaunchedCall[]> {
  const { graph, outputs } = trainingGraph(options);
  return plannedCalls(engine, outputs, { update: graph.updates });
}

export const STATE = { ...VALUES, moments: VALUES['moments?'], step: NATURAL, randomStep: NATURAL } as Kinds;

/** Throws `UsageError` unless every parameter has values of its length. */
function checkComplete(storage: ParameterStorage, values: ReadonlyMap<string, Float32Array>): void {
  storage.check(values);
  const missing = storage.names.find((name) => !values.has(name));
  if (missing !== undefined) throw new UsageError(`the weights have no ${missing}, which the model needs`);
}

function momentsOf({ generatorAdam: g, discriminatorAdam: d }: TrainingStep) {
  const [ofG, ofD] = [g.state, d.state];
  return { 'generator.m': ofG.m, 'generator.v': ofG.v, 'discriminator.m': ofD.m, 'discriminator.v': ofD.v } as const;
}

/** All values that training changes, under the names that its files use. */
function watched(sets: Nets, moments: ReturnType<typeof momentsOf>): Watched[] {
  return (Object.entries(sets) as [Net, ParameterSet][]).flatMap(([net, set]) => [
    { set, name: (p) => fileName(net, p) },
    { set: moments[`${net}.m`], name: (p) => `m.${fileName(net, p)}` },
    { set: moments[`${net}.v`], name: (p) => `v.${fileName(net, p)}` },
  ]);
}

/** Trains a model on one engine. Each iteration is one D and one G update in one submission. */
export class Trainer {
  private constructor(
    private readonly engine: Engine,
    readonly config: ModelConfig,
    readonly batch: number,
    readonly sets: { readonly generator: ParameterSet; readonly discriminator: ParameterSet },
    private readonly graph: TrainingStep,
    private readonly random: Random,
    readonly plan: Plan,
    private readonly finite: FiniteCheck,
  ) {}

  static async create(...args: [engine: Engine, options: TrainerOptions]): Promise<Trainer> {
    const kinds = { config: CONFIG, seed: NATURAL, 'vgg?': VGG, 'batch?': COUNT, 'shard?': SHARD };
    const [engine, options] = checked('Trainer.create', { engine: ENGINE, options: kinds }, args);
    const { config, batch = config.batch } = options;
    const { sets, random, graph, outputs } = trainingGraph(options);
    const plan = await compile(engine, outputs, { update: graph.updates });
    const { FiniteCheck } = await import('../kernels/finite/finite.js');
    const finite = await FiniteCheck.create(engine, watched(sets, momentsOf(graph)));
    return new Trainer(engine, config, batch, sets, graph, random, plan, finite);
  }

  /** The number of iterations done. */
  get step(): number {
    return this.graph.generatorAdam.step;
  }

  /** The updates of D and G, in order. */
  get updates(): readonly Node[] {
    return this.graph.updates;
  }

  /** The phases of an iteration in order. */
  get phases(): readonly Phase[] {
    return this.graph.phases;
  }

  /** Submits one iteration and returns at once. */
  train(...args: [data: TrainingData]): void {
    this.plan.run(feedsFor('Trainer.train', this.plan.inputNames, this.config, args));
  }

  /** The losses of the iteration submitted last. The copy is queued at once, so the promise can be awaited later. */
  async losses(): Promise<Losses> {
    const [discriminator = 0, adversarial = 0, reconstruction = 0] = await this.plan.read('losses');
    return { discriminator, adversarial, reconstruction };
  }

  /** The images generated in the last iteration [N, H, W, 3]. */
  generated(): Promise<Float32Array> {
    return this.plan.read('generated');
  }

  /**
   * Rejects with `NonFiniteError` if a parameter or moment is NaN or infinite after the iteration submitted last. The check is queued
   * at once, so the promise can be awaited later.
   */
  async checkFinite(): Promise<void> {
    const { step } = this;
    const found = await this.finite.look();
    if (found.length) throw new NonFiniteError(step, describeNonFinite(found), found);
  }

  /** Reads everything, to be saved. Rejects with `NonFiniteError` if a value is NaN or infinite. */
  async state(): Promise<TrainingState> {
    await this.checkFinite();
    const step = this.step;
    const randomStep = this.random.step;
    const read = (set: ParameterSet) => set.read(this.engine);
    const { generator, discriminator } = this.sets;
    const moments = momentsOf(this.graph);
    // They are awaited together, so that no rejection is unhandled when the device is lost.
    const [g, d, gm, gv, dm, dv] = await Promise.all([
      read(generator),
      read(discriminator),
      read(moments['generator.m']),
      read(moments['generator.v']),
      read(moments['discriminator.m']),
      read(moments['discriminator.v']),
    ]);
    return {
      generator: g,
      discriminator: d,
      moments: { 'generator.m': gm, 'generator.v': gv, 'discriminator.m': dm, 'discriminator.v': dv },
      step,
      randomStep,
    };
  }

  /** Restores a state. If names or lengths do not fit, throws `UsageError` and changes nothing. */
  restore(...args: [state: TrainingState]): void {
    const [state] = checked('Trainer.restore', { state: STATE }, args);
    const storage = (set: ParameterSet) => ParameterStorage.of(this.engine, set);
    const writes = [
      [storage(this.sets.generator), state.generator],
      [storage(this.sets.discriminator), state.discriminator],
      ...Object.entries(momentsOf(this.graph)).map(
        ([k, set]) => [storage(set), state.moments[k as 'generator.m']] as const,
      ),
    ] as const;
    for (const [s, values] of writes) checkComplete(s, values);
    for (const [s, values] of writes) s.write(values);
    this.graph.generatorAdam.step = state.step;
    this.graph.discriminatorAdam.step = state.step;
    this.random.step = state.randomStep;
  }

  destroy(): void {
    this.finite.destroy();
    this.plan.destroy();
  }
}

export interface GeneratorOptions {
  /** The trained generator's parameters on this engine (`trainer.sets.generator`). Default: a new set, for `load`. */
  readonly set?: ParameterSet;
  /** The seed of the noise and of the parameters of a new set; default 0. */
  readonly seed?: number;
}

function generatorGraph(config: ModelConfig, batch: number, options: GeneratorOptions) {
  const { set = new ParameterSet('generator'), seed = 0 } = options;
  const random = new Random(seed);
  const inputs = pairInputs(config, batch, random, config.dropoutAtTest);
  const { image } = generator(new Parameters(set, seed), config, inputs);
  return { set, random, image };
}

/** The kernel launches of generating a batch, for `tune`. Nothing is allocated. */
export function generatorCalls(engine: Engine, config: ModelConfig, batch: number): Promise<readonly LaunchedCall[]> {
  return plannedCalls(engine, { image: generatorGraph(config, batch, {}).image });
}

/** Generates images with trained weights, by one plan for batches of one size. */
export class Generator {
  private constructor(
    private readonly engine: Engine,
    readonly config: ModelConfig,
    readonly batch: number,
    readonly set: ParameterSet,
    /** The generator of noise. Every `generate` increases its `step` by one, and setting `step` repeats the noise. */
    readonly random: Random,
    readonly plan: Plan,
  ) {}

  static async create(
    ...args: [engine: Engine, config: ModelConfig, batch: number, options?: GeneratorOptions]
  ): Promise<Generator> {
    const options = { 'set?': PARAMETERS, 'seed?': NATURAL };
    const kinds = { engine: ENGINE, config: CONFIG, batch: COUNT, 'options?': options };
    const [engine, config, batch, given = {}] = checked('Generator.create', kinds, args);
    const { set, random, image } = generatorGraph(config, batch, given);
    return new Generator(engine, config, batch, set, random, await compile(engine, { image }));
  }

  /** Replaces the weights. Throws `UsageError` if names or lengths do not fit. */
  load(...args: [weights: ReadonlyMap<string, Float32Array>]): void {
    const [weights] = checked('Generator.load', { weights: mapOf(F32) }, args);
    const storage = ParameterStorage.of(this.engine, this.set);
    checkComplete(storage, weights);
    storage.write(weights);
  }

  /** The images [N, H, W, 3] in [−1, 1] of a batch of pairs. */
  async generate(...args: [data: PairData]): Promise<Float32Array> {
    this.plan.run(feedsFor('Generator.generate', this.plan.inputNames, this.config, args));
    const image = await this.plan.read('image');
    const count = image.reduce((n, v) => n + Number(!Number.isFinite(v)), 0);
    if (count)
      throw new PoseGanError(
        `${describeNonFinite([{ name: 'the generated pictures', count, size: image.length }])}: the weights are too large, or ` +
          'were not loaded completely. Use an earlier checkpoint.',
      );
    return image;
  }

  destroy(): void {
    this.plan.destroy();
  }
}
