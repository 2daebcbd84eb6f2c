import { ParameterSet } from '../src/autograd/parameters.js';
import { Random } from '../src/kernels/dropout/random.js';
import { Parameters } from '../src/model/blocks.js';
import { toCheckpoint } from '../src/model/checkpoint.js';
import type { ModelConfig } from '../src/model/config.js';
import { discriminator, discriminatorInput } from '../src/model/discriminator.js';
import { generator } from '../src/model/generator.js';
import { pairInputs } from '../src/model/inputs.js';
import { toStateFile } from '../src/model/training-state.js';
import type { Skeleton } from '../src/pose/skeleton.js';

/** Makes networks with initial weights. */
function made(config: ModelConfig) {
  const nets = { generator: new ParameterSet('generator'), discriminator: new ParameterSet('discriminator') };
  const inputs = pairInputs(config, 1, new Random(0), false);
  generator(new Parameters(nets.generator, 3), config, inputs);
  discriminator(new Parameters(nets.discriminator, 3), config, discriminatorInput({ ...inputs, image: inputs.source }));
  const values = (set: ParameterSet) => new Map(set.names.map((name) => [name, set.initial(name)]));
  return { nets, weights: { generator: values(nets.generator), discriminator: values(nets.discriminator) } };
}

/** Makes a checkpoint with initial weights. */
export function untrained(config: ModelConfig, skeleton: Skeleton): Uint8Array {
  const { nets, weights } = made(config);
  return toCheckpoint(nets, weights, { config, recipe: {}, skeleton, step: 7, seed: 3, features: 'none' });
}

/** Makes the training state that belongs to a checkpoint of `untrained`. */
export function untrainedState(config: ModelConfig, checkpoint: Uint8Array): Uint8Array {
  const { nets, weights } = made(config);
  const moments = {
    ...{ 'generator.m': weights.generator, 'generator.v': weights.generator },
    ...{ 'discriminator.m': weights.discriminator, 'discriminator.v': weights.discriminator },
  };
  return toStateFile(nets, { ...weights, moments, step: 7, randomStep: 7 }, { orderSeed: 3, batch: 2 }, checkpoint);
}
