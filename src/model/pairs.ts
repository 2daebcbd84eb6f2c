import { ParameterSet } from '../autograd/parameters.js';
import { fromTensor, IMAGE, type Image, toTensor } from '../data/image.js';
import type { ModelFrame } from '../data/named-pose.js';
import { checked, type Kind, listOf, OBJECT } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { Random } from '../kernels/dropout/random.js';
import { poseTensors } from '../pose/geometry.js';
import { POSE, type Pose, SKELETON, type Skeleton } from '../pose/skeleton.js';
import { Parameters } from './blocks.js';
import { CHECKPOINT, type Checkpoint, weightsOf } from './checkpoint.js';
import { CONFIG, type ModelConfig } from './config.js';
import { generator } from './generator.js';
import { type PairData, pairInputs } from './inputs.js';
import type { Generator } from './trainer.js';

/**
 * The generator's parameters from a checkpoint, for `Generator.create`. It needs no GPU. Throws `UsageError` if names or shapes do not
 * fit the checkpoint's own configuration.
 */
export function generatorParameters(...args: [checkpoint: Checkpoint]): ParameterSet {
  const [checkpoint] = checked('generatorParameters', { checkpoint: CHECKPOINT }, args);
  const { config } = checkpoint.info;
  // Building the graph defines names and shapes. The initial values are never computed.
  const shapes = new ParameterSet('generator');
  try {
    generator(new Parameters(shapes, 0), config, pairInputs(config, 1, new Random(0), false));
  } catch (error) {
    throw new UsageError(
      `${checkpoint.name}: no model can be built from its configuration: ${(error as Error).message}`,
    );
  }
  const weights = weightsOf(checkpoint, { generator: shapes }).generator;
  const set = new ParameterSet('generator');
  for (const name of shapes.names) set.parameter(name, shapes.get(name).shape, weights.get(name) as Float32Array);
  return set;
}

/** The size of images and the skeleton of a checkpoint's model. */
export function frameOf(...args: [checkpoint: Checkpoint]): ModelFrame {
  const [{ info }] = checked('frameOf', { checkpoint: CHECKPOINT }, args);
  const { config, skeleton } = info;
  return { height: config.height, width: config.width, skeleton };
}

/** One picture to generate: a source picture, its pose and the target pose, all in the model's size. */
export interface PosePair {
  readonly image: Image;
  readonly pose: Pose;
  readonly target: Pose;
}

const PAIRS = /* @__PURE__ */ listOf({ image: IMAGE, pose: POSE, target: POSE });

/** A list of n pairs as the generator takes it. Throws `UsageError` if a trunk joint is missing. */
export function pairData(...args: [config: ModelConfig, skeleton: Skeleton, pairs: readonly PosePair[]]): PairData {
  const [config, skeleton, pairs] = checked('pairData', { config: CONFIG, skeleton: SKELETON, pairs: PAIRS }, args);
  const size = config.height * config.width * 3;
  const source = new Float32Array(pairs.length * size);
  for (const [i, { image }] of pairs.entries()) {
    if (image.height !== config.height || image.width !== config.width)
      throw new UsageError(
        `pairData: picture ${i} is ${image.height}×${image.width} (height×width), but the model takes ${config.height}×${config.width}; use resize`,
      );
    toTensor(image, source, i * size);
  }
  const poses = pairs.map(({ pose, target }) => [pose, target] as const);
  return { source, ...poseTensors(config.geometry, skeleton, poses) };
}

/** The batch size of a model without noise. */
const MAX_BATCH = 4;

/**
 * The batch size for a list of pictures of one person. Every picture must get the same noise, because an animation would flicker
 * otherwise, so a model with noise generates them one by one.
 */
export function batchFor({ config }: { config: ModelConfig }, count: number): number {
  return config.noise > 0 || config.dropoutAtTest ? 1 : Math.min(MAX_BATCH, count);
}

const MODEL: Kind = ['a Generator', (v) => OBJECT[1](v) && typeof (v as Generator).generate === 'function'];

/** Generates the pictures of a list of pairs, in order, all with the same noise. The generator's batch should be that of `batchFor`. */
export async function* generateList(
  ...args: [model: Generator, skeleton: Skeleton, pairs: readonly PosePair[]]
): AsyncGenerator<Image> {
  const kinds = { model: MODEL, skeleton: SKELETON, pairs: PAIRS };
  const [model, skeleton, pairs] = checked('generateList', kinds, args);
  const { batch, config } = model;
  const { height, width } = config;
  for (let at = 0; at < pairs.length; at += batch) {
    const chunk = pairs.slice(at, at + batch);
    const last = chunk[chunk.length - 1] as PosePair;
    const filled = [...chunk, ...new Array<PosePair>(batch - chunk.length).fill(last)];
    model.random.step = 0;
    const images = await model.generate(pairData(config, skeleton, filled));
    for (let i = 0; i < chunk.length; i++) yield fromTensor(images, width, height, i * height * width * 3);
  }
}
