import type { Batch, Batches } from '../data/batches.js';
import { type Image, resize } from '../data/image.js';
import type { ModelFrame } from '../data/named-pose.js';
import type { Generator } from '../model/trainer.js';
import { readImage } from './images.js';

/** The picture of a file, resized to the model's size. */
export function fittedImage(path: string, { width, height }: ModelFrame): Image {
  return resize(readImage(path), width, height);
}

/** One batch of a loader with the images generated for it, [N, H, W, 3] in [−1, 1]. */
export interface GeneratedBatch {
  readonly batch: Batch;
  readonly images: Float32Array;
}

/**
 * Generates batches of a loader. The next batch runs while the caller handles the last. The noise of a picture depends on the
 * seed, the batch and its position in the loader's order, but not on which steps are requested.
 */
export async function* generateBatches(
  model: Generator,
  loader: Batches,
  steps: Iterable<number>,
): AsyncGenerator<GeneratedBatch> {
  let before: { batch: Batch; images: Promise<Float32Array> } | undefined;
  for (const step of steps) {
    const batch = await loader.batch(step);
    model.random.step = step;
    const images = model.generate(batch);
    // The error is thrown when the value is taken. A caller that stops iterating does not need it.
    images.catch(() => {});
    if (before) yield { batch: before.batch, images: await before.images };
    before = { batch, images };
  }
  if (before) yield { batch: before.batch, images: await before.images };
}
