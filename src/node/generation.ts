import { ParameterSet } from '../autograd/leaves.js';
import { drawPose } from '../data/draw.js';
import { blank, fromTensor, hstack, type Image, resize, toTensor } from '../data/image.js';
import { Random } from '../kernels/dropout/random.js';
import { Parameters } from '../model/blocks.js';
import { type Checkpoint, weightsOf } from '../model/checkpoint.js';
import type { ModelConfig } from '../model/config.js';
import { generator } from '../model/generator.js';
import { type PairData, pairInputs } from '../model/inputs.js';
import type { Generator } from '../model/trainer.js';
import { halfPlanes, partTransforms } from '../pose/geometry.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { readImage } from './images.js';
import { type Batch, jointValues, type Loader } from './loader.js';
import type { ModelFrame } from './poses.js';

/**
 * The generator's parameters of a checkpoint, for `Generator.create`. No GPU is needed: `UsageError` when names or shapes do not
 * fit the checkpoint's own configuration.
 */
export function generatorParameters(checkpoint: Checkpoint): ParameterSet {
  const { config } = checkpoint.info;
  // Building the graph makes names and shapes; the initial values behind them are never computed.
  const shapes = new ParameterSet('generator');
  generator(new Parameters(shapes, 0), config, pairInputs(config, 1, new Random(0), false));
  const weights = weightsOf(checkpoint, { generator: shapes }).generator;
  const set = new ParameterSet('generator');
  for (const name of shapes.names) set.add(name, shapes.get(name).shape, weights.get(name) as Float32Array);
  return set;
}

/** Size and skeleton that a checkpoint takes. */
export function frameOf({ info: { config, skeleton } }: Checkpoint): ModelFrame {
  return { height: config.height, width: config.width, skeleton };
}

/** The picture of a file at the model's size. */
export function fittedImage(path: string, { width, height }: ModelFrame): Image {
  return resize(readImage(path), width, height);
}

/** One picture to generate: a source picture and its pose, and the pose to show it in, all of the model's size. */
export interface PosePair {
  readonly image: Image;
  readonly pose: Pose;
  readonly target: Pose;
}

/** A list of n pairs as the generator takes it. `UsageError` when a trunk joint is missing. */
export function pairData(config: ModelConfig, skeleton: Skeleton, pairs: readonly PosePair[]): PairData {
  const size = config.height * config.width * 3;
  const source = new Float32Array(pairs.length * size);
  for (const [i, { image }] of pairs.entries()) toTensor(image, source, i * size);
  const parts = pairs.flatMap((p) => partTransforms(config.geometry, skeleton, p.pose, p.target));
  return {
    source,
    sourceJoints: Float32Array.from(pairs.flatMap((p) => jointValues(p.pose))),
    targetJoints: Float32Array.from(pairs.flatMap((p) => jointValues(p.target))),
    affine: Float32Array.from(parts.flatMap((p) => [...p.affine])),
    planes: Float32Array.from(parts.flatMap((p) => halfPlanes(p.mask))),
  };
}

/** Pictures that one plan makes at once where they need not share their noise. */
const AT_ONCE = 4;

/**
 * The batch for a list of pictures of one person: every picture gets the same noise, or an animation would flicker, so a model
 * that draws any makes them one by one.
 */
export function batchFor({ config }: { config: ModelConfig }, count: number): number {
  return config.noise > 0 || config.dropoutAtTest ? 1 : Math.min(AT_ONCE, count);
}

/** Generates a list of pairs, in order, all with the same noise. The generator's batch should be that of `batchFor`. */
export async function* generateList(
  model: Generator,
  skeleton: Skeleton,
  pairs: readonly PosePair[],
): AsyncGenerator<Image> {
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

/** One batch of a loader with what was generated for it, [N, H, W, 3] in [−1, 1]. */
export interface GeneratedBatch {
  readonly batch: Batch;
  readonly images: Float32Array;
}

/**
 * Generates batches of a loader: the next one runs while the caller works on the last. The noise of a picture depends on the
 * seed, the batch and its place in the loader's order, not on which steps are asked for.
 */
export async function* generateBatches(
  model: Generator,
  loader: Loader,
  steps: Iterable<number>,
): AsyncGenerator<GeneratedBatch> {
  let before: { batch: Batch; images: Promise<Float32Array> } | undefined;
  for (const step of steps) {
    const batch = await loader.batch(step);
    model.random.step = step;
    const images = model.generate(batch);
    // Whoever takes the value gets the error; a caller that has left does not want it.
    images.catch(() => {});
    if (before) yield { batch: before.batch, images: await before.images };
    before = { batch, images };
  }
  if (before) yield { batch: before.batch, images: await before.images };
}

/** Source | target pose | target, where there is one | generated, side by side. */
export function triptych(
  skeleton: Skeleton,
  pictures: { source: Image; pose: Pose; target?: Image; generated: Image },
): Image {
  const { source, pose, target, generated } = pictures;
  const drawn = blank(source.width, source.height, [24, 24, 28]);
  drawPose(drawn, skeleton, pose);
  return hstack([source, drawn, ...(target ? [target] : []), generated], { gap: 2 });
}
