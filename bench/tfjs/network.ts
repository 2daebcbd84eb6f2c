import type * as Core from '@tensorflow/tfjs-core';
import { input } from '../../src/autograd/leaves.js';
import { ParameterSet } from '../../src/autograd/parameters.js';
import type { Tensor, TensorData } from '../../src/autograd/tensor.js';
import { valuesOf } from '../../src/bench/cases.js';
import { compile } from '../../src/compiler/compile.js';
import type { MemoryReport } from '../../src/compiler/memory.js';
import type { Plan } from '../../src/compiler/plan.js';
import type { Engine } from '../../src/gpu/engine.js';
import type { Times } from '../../src/gpu/measure.js';
import { Random } from '../../src/kernels/dropout/random.js';
import { Parameters } from '../../src/model/blocks.js';
import { type ModelConfig, modelConfig, type Preset, type Size } from '../../src/model/config.js';
import { type TrainingStep, trainingStep } from '../../src/model/training.js';
import type { Tfjs } from './backend.js';
import { TOLERANCE } from './compare.js';
import { interpret } from './interpret.js';
import { difference } from './layers.js';
import { type RaceOptions, race } from './race.js';

export interface NetworkReport {
  adapter: string;
  tfjs: string;
  preset: Preset;
  size: Size;
  batch: number;
  /** Milliseconds of a training iteration, wall clock. */
  ours: Times;
  tfjsTimes: Times;
  ratio: number;
  /** Device memory in bytes: what our plan allocates, and what TensorFlow.js's buffer pool holds. */
  oursMemory: MemoryReport;
  tfjsBytes: number;
  /** Largest relative difference of a loss or parameter gradient in the check before the timing. */
  difference: number;
}

/**
 * The preset's configuration, changed so that both libraries can compute it: with plain skips and the L1 loss, because
 * TensorFlow.js has neither the deformable skip nor the nearest-neighbour search, and without noise.
 */
export function comparable(preset: Preset, size: Size, width = 1): ModelConfig {
  const config = modelConfig({ preset, size, width });
  return { ...config, noise: 0, skip: 'plain', loss: { kind: 'l1', weight: 100, window: 1 } };
}

/** The graph of one training iteration on images and heat maps, with the parameter sets that it trains. */
interface Iteration {
  readonly config: ModelConfig;
  readonly graph: TrainingStep;
  readonly sets: Readonly<Record<'generator' | 'discriminator', ParameterSet>>;
  readonly inputs: readonly Tensor[];
  /** Values of the inputs: standard normal, clamped to [−1, 1]. */
  readonly feeds: Readonly<Record<string, TensorData>>;
}

function iteration(config: ModelConfig, seed = 1): Iteration {
  const { batch, height, width, joints, dropoutRate } = config;
  const sets = { generator: new ParameterSet('generator'), discriminator: new ParameterSet('discriminator') };
  const image = (name: string, channels: number) => input(name, [batch, height, width, channels]);
  const source = image('source', 3);
  const target = image('target', 3);
  const sourceHeat = image('sourceHeat', joints);
  const targetHeat = image('targetHeat', joints);
  const inputs = [source, target, sourceHeat, targetHeat];
  const nets = { g: new Parameters(sets.generator, seed), d: new Parameters(sets.discriminator, seed), vgg: undefined };
  const random = dropoutRate > 0 ? new Random(seed) : undefined;
  const graph = trainingStep(nets, config, { source, target, sourceHeat, targetHeat, random });
  const values = (t: Tensor, i: number) =>
    valuesOf({ shape: t.shape }, seed + i).map((v) => Math.max(-1, Math.min(1, v)));
  return { config, graph, sets, inputs, feeds: Object.fromEntries(inputs.map((t, i) => [t.name, values(t, i)])) };
}

type Named = Record<string, Core.Tensor>;

/** The same iteration with the ops, gradients and Adam of TensorFlow.js. */
class TfjsIteration {
  readonly #variables: Readonly<Record<'generator' | 'discriminator', Map<Tensor, Core.Variable>>>;
  readonly #optimizers: Readonly<Record<'generator' | 'discriminator', Core.AdamOptimizer>>;

  constructor(
    private readonly tfjs: Tfjs,
    private readonly of: Iteration,
  ) {
    const { tf } = tfjs;
    const variables = (set: ParameterSet) =>
      new Map(
        set.names.map((name) => {
          const t = set.get(name);
          const start = tfjs.tensor(set.initial(name), t.shape);
          return [t, tf.variable(start, true, `${set.name}/${name}`)] as const;
        }),
      );
    const { generator, discriminator } = of.sets;
    this.#variables = { generator: variables(generator), discriminator: variables(discriminator) };
    const { generatorAdam: g, discriminatorAdam: d } = of.graph;
    const rate = of.config.learningRate;
    this.#optimizers = {
      generator: tf.train.adam(rate, g.beta1, g.beta2, g.epsilon),
      discriminator: tf.train.adam(rate, d.beta1, d.beta2, d.epsilon),
    };
  }

  /** Losses and gradients, under the names of our graph. */
  gradients(): { losses: Named; gradients: Named } {
    return this.#bothNets(() => {});
  }

  /** One iteration with both updates. */
  step(): void {
    this.tfjs.tf.tidy(() => {
      this.#bothNets((net, gradients) => {
        const named = Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
        this.#optimizers[net].applyGradients(named);
      });
    });
    this.tfjs.flush();
  }

  /**
   * The gradients of G through D, then those of D for the image that G made. Our graph computes those of D first. With this
   * order, the generator runs forward only once here too; the operations are the same.
   */
  #bothNets(use: (net: 'generator' | 'discriminator', gradients: Named) => void): { losses: Named; gradients: Named } {
    const { tf } = this.tfjs;
    const { graph, config, inputs, feeds } = this.of;
    const leaves = new Map<Tensor, Core.Tensor>([
      ...inputs.map((t) => [t, this.tfjs.tensor(feeds[t.name] as TensorData, t.shape)] as const),
      ...this.#variables.generator,
      ...this.#variables.discriminator,
    ]);
    const list = (net: 'generator' | 'discriminator') => [...this.#variables[net].values()];
    const losses: Named = {};
    const keep = (name: string, value: Core.Tensor) => {
      losses[name] = tf.keep(value.clone());
    };
    const g = tf.variableGrads(() => {
      const known = new Map(leaves);
      const adversarial = interpret(tf, graph.losses.adversarial, known);
      const reconstruction = interpret(tf, graph.losses.reconstruction, known);
      keep('adversarial', adversarial);
      keep('reconstruction', reconstruction);
      keep('generated', known.get(graph.generated) as Core.Tensor);
      return tf.sum(tf.add(adversarial, tf.mul(reconstruction, config.loss.weight)));
    }, list('generator'));
    use('generator', g.grads);
    const generated = losses.generated as Core.Tensor;
    const d = tf.variableGrads(() => {
      const loss = interpret(tf, graph.losses.discriminator, new Map(leaves).set(graph.generated, generated));
      keep('discriminator', loss);
      return tf.sum(loss);
    }, list('discriminator'));
    use('discriminator', d.grads);
    delete losses.generated;
    for (const t of [generated, g.value, d.value, ...inputs.map((i) => leaves.get(i) as Core.Tensor)]) t.dispose();
    return { losses, gradients: { ...g.grads, ...d.grads } };
  }
}

/**
 * Compares every loss and every parameter gradient of one iteration, without dropout, because the masks differ. Throws
 * `Error` if a difference exceeds the tolerance.
 */
export async function agreeOnNetwork(engine: Engine, tfjs: Tfjs, config: ModelConfig): Promise<number> {
  const it = iteration({ ...config, dropoutRate: 0 });
  const { generator, discriminator } = it.sets;
  const names = (set: ParameterSet) => set.names.map((n) => `${set.name}/${n}`);
  const { gradientsG, gradientsD, losses } = it.graph;
  const wanted: Record<string, Tensor> = {
    ...losses,
    ...Object.fromEntries(names(generator).map((n, i) => [n, gradientsG[i] as Tensor])),
    ...Object.fromEntries(names(discriminator).map((n, i) => [n, gradientsD[i] as Tensor])),
  };
  const plan = await compile(engine, wanted);
  plan.run(it.feeds);
  const theirs = new TfjsIteration(tfjs, it).gradients();
  const results: Named = { ...theirs.losses, ...theirs.gradients };
  let max = 0;
  for (const name of Object.keys(wanted)) {
    const other = results[name];
    if (!other) throw new Error(`TensorFlow.js does not compute ${name}`);
    const found = difference(await plan.read(name), await tfjs.read(other));
    if (!(found <= TOLERANCE))
      throw new Error(
        `${name} differs by ${found.toExponential(1)} of its largest value, more than ${TOLERANCE}; ` +
          'times of different networks are not comparable',
      );
    max = Math.max(max, found);
    other.dispose();
  }
  plan.destroy();
  tfjs.tf.disposeVariables();
  return max;
}

/**
 * Times a whole training iteration at the preset's full width in both libraries, after a check on a narrow network.
 */
export async function compareNetwork(
  engine: Engine,
  tfjs: Tfjs,
  { preset, size, ...options }: RaceOptions & { preset: Preset; size: Size },
): Promise<NetworkReport> {
  const differs = await agreeOnNetwork(engine, tfjs, comparable(preset, 'small', 1 / 16));
  const config = comparable(preset, size);
  const it = iteration(config);
  const { discriminator, adversarial, reconstruction } = it.graph.losses;
  const plan: Plan = await compile(
    engine,
    { discriminator, adversarial, reconstruction },
    { update: it.graph.updates },
  );
  const theirs = new TfjsIteration(tfjs, it);
  const [ours, tfjsTimes] = (await race(engine, [() => plan.run(it.feeds), () => theirs.step()], options)) as [
    Times,
    Times,
  ];
  const report = {
    ...{ adapter: engine.adapterName, tfjs: tfjs.version, preset, size, batch: config.batch },
    ...{ ours, tfjsTimes, ratio: tfjsTimes.median / ours.median },
    ...{ oursMemory: plan.memory(), tfjsBytes: tfjs.allocatedBytes, difference: differs },
  };
  plan.destroy();
  return report;
}

export function networkText(r: NetworkReport): string {
  const ms = (t: Times) => `${t.median.toFixed(0)} ms (${t.min.toFixed(0)}–${t.max.toFixed(0)}, ${t.samples} samples)`;
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return `training iteration, ${r.preset} ${r.size}, batch ${r.batch}, plain skips, L1 loss on both sides (wall clock)
  ours  ${ms(r.ours)}, ${mib(r.oursMemory.peak)}
  tfjs  ${ms(r.tfjsTimes)}, ${mib(r.tfjsBytes)}
  ratio ${r.ratio.toFixed(2)} in time, ${(r.tfjsBytes / r.oursMemory.peak).toFixed(2)} in memory
  on a narrow copy of the network, losses and gradients differ by at most ${r.difference.toExponential(0)}`;
}
