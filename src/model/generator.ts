import type { Tensor } from '../autograd/tensor.js';
import { concat } from '../kernels/concat/concat.js';
import { deformableSkip } from '../kernels/deformableSkip/deformableSkip.js';
import type { Random } from '../kernels/dropout/random.js';
import { tanh } from '../kernels/elementwise/elementwise.js';
import { tile } from '../kernels/tile/tile.js';
import { block, type Parameters, stack } from './blocks.js';
import type { ModelConfig } from './config.js';

/** The generator's inputs for one batch. */
export interface GeneratorInputs {
  /** The source image [N, H, W, 3] in [−1, 1]. */
  readonly source: Tensor;
  /** The heat maps of the source pose [N, H, W, J]. */
  readonly sourceHeat: Tensor;
  /** The heat maps of the target pose [N, H, W, J]. */
  readonly targetHeat: Tensor;
  /** The transforms [N, P, 6], target → source at full resolution. Plain skips do not need them. */
  readonly affine?: Tensor;
  /** The part masks as bits, u32 [N, H/s, W/s], for s = 1, 2, 4, 8 …, one per deformed level. */
  readonly masks?: readonly Tensor[];
  /** The noise [N, Z], if the configuration has any. */
  readonly noise?: Tensor;
  /** The generator of dropout masks. Without it there is no dropout. */
  readonly random?: Random;
}

export interface GeneratorOutputs {
  /** The generated image [N, H, W, 3] in [−1, 1]. */
  readonly image: Tensor;
  /** The skip tensors by level, deformed if the configuration says so, for inspection. */
  readonly skips: readonly Tensor[];
}

/** The generator: encoders, deformable skips (paper Section 3.2), decoder (spec §4). */
export function generator(parameters: Parameters, config: ModelConfig, inputs: GeneratorInputs): GeneratorOutputs {
  const skips = config.streams === 2 ? twoStreams(parameters, config, inputs) : oneStream(parameters, config, inputs);
  const levels = skips.length;
  let x = skips[levels - 1] as Tensor;
  if (config.noise > 0) {
    if (!inputs.noise) throw new Error('this configuration needs noise');
    const [, h = 0, w = 0] = x.shape;
    x = concat([x, tile(inputs.noise, h, w)]);
  }
  for (const [j, channels] of config.decoder.entries()) {
    const last = j === config.decoder.length - 1;
    if (j > 0) x = concat([x, skips[levels - 1 - j] as Tensor]);
    const dropout =
      inputs.random && j < config.dropoutBlocks ? { random: inputs.random, rate: config.dropoutRate } : undefined;
    x = block(parameters, `decoder.${j}`, config, x, {
      kind: last ? 'conv' : 'up',
      channels,
      kernel: last ? 3 : 4,
      stride: last ? 1 : 2,
      pad: 1,
      order: config.encoderNet.order,
      slope: 0,
      norm: !last,
      bias: last,
      activation: config.encoderNet.order === 'pre' || !last,
      dropout,
    });
  }
  return { image: tanh(x), skips };
}

function encoder(parameters: Parameters, name: string, config: ModelConfig, x: Tensor): Tensor[] {
  return stack(parameters, name, config, x, config.encoder, config.encoderNet, {
    firstStride: 1,
    firstPad: 1,
    lastActivation: true,
  });
}

/** Skip i is [d(appearance_i) | pose_i], where d is the deformation at the finest levels. */
function twoStreams(parameters: Parameters, config: ModelConfig, inputs: GeneratorInputs): Tensor[] {
  const appearance = encoder(parameters, 'appearance', config, concat([inputs.source, inputs.sourceHeat]));
  const pose = encoder(parameters, 'pose', config, inputs.targetHeat);
  return appearance.map((a, i) => concat([deform(config, inputs, a, i), pose[i] as Tensor]));
}

function deform(config: ModelConfig, { affine, masks }: GeneratorInputs, features: Tensor, level: number): Tensor {
  if (config.skip === 'plain' || level >= config.deformedLevels) return features;
  const mask = masks?.[level];
  if (!affine || !mask) throw new Error(`level ${level} needs transforms and masks`);
  return deformableSkip(features, affine, mask, {
    aggregate: config.skip,
    identity: config.identity,
    maskOn: config.maskOn,
    scale: 2 ** level,
  });
}

/** The skips of an ablation with one encoder of the image and both poses; they are plain. */
function oneStream(parameters: Parameters, config: ModelConfig, inputs: GeneratorInputs): Tensor[] {
  return encoder(parameters, 'encoder', config, concat([inputs.source, inputs.sourceHeat, inputs.targetHeat]));
}
