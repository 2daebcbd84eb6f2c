import type { Tensor } from '../autograd/tensor.js';
import { concat } from '../kernels/concat/concat.js';
import type { Random } from '../kernels/dropout/random.js';
import { type Parameters, stack } from './blocks.js';
import type { ModelConfig } from './config.js';

/** The input of the discriminator: [source | its pose | image | target pose]. */
export function discriminatorInput(inputs: {
  source: Tensor;
  sourceHeat: Tensor;
  image: Tensor;
  targetHeat: Tensor;
}): Tensor {
  return concat([inputs.source, inputs.sourceHeat, inputs.image, inputs.targetHeat]);
}

/**
 * The logits of the patch discriminator for a batch of inputs, by 4×4 convolutions of stride 2 (spec §5). `parts` is the number of
 * batches of which x consists, one after the other.
 */
export function discriminator(
  parameters: Parameters,
  config: ModelConfig,
  x: Tensor,
  random?: Random,
  parts = 1,
): Tensor {
  const levels = stack(parameters, 'discriminator', config, x, config.discriminator, config.discriminatorNet, {
    firstStride: 2,
    firstPad: config.discriminatorPad,
    lastActivation: false,
    dropout: config.discriminatorDropout && random ? { random, rate: config.dropoutRate, parts } : undefined,
  });
  return levels[levels.length - 1] as Tensor;
}
