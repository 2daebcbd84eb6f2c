import type { Tensor } from '../autograd/tensor.js';
import { concat } from '../kernels/concat/concat.js';
import type { Random } from '../kernels/dropout/random.js';
import { type Parameters, stack } from './blocks.js';
import type { ModelConfig } from './config.js';

/** The patch discriminator's logits for [source | its pose | image | target pose], 4×4 convolutions of stride 2 (spec §5). */
export function discriminator(
  parameters: Parameters,
  config: ModelConfig,
  inputs: { source: Tensor; sourceHeat: Tensor; image: Tensor; targetHeat: Tensor; random?: Random },
): Tensor {
  const x = concat([inputs.source, inputs.sourceHeat, inputs.image, inputs.targetHeat]);
  const levels = stack(parameters, 'discriminator', config, x, config.discriminator, config.discriminatorNet, {
    firstStride: 2,
    firstPad: config.discriminatorPad,
    lastActivation: false,
    dropout:
      config.discriminatorDropout && inputs.random ? { random: inputs.random, rate: config.dropoutRate } : undefined,
  });
  return levels[levels.length - 1] as Tensor;
}
