import type { Dataset } from '../data/dataset.js';
import { fromTensor, type Image } from '../data/image.js';
import { compareImages, meanScores, type Scores } from '../metrics/metrics.js';
import type { Generator } from '../model/trainer.js';
import { generateBatches } from './generation.js';
import { Loader } from './loader.js';

/** The mean scores over pairs of the generator, and of copies of the source, which any model should surpass. */
export interface Evaluation {
  readonly pairs: number;
  readonly generator: Scores;
  readonly copy: Scores;
  /** The share of the pairs for which the generated image is closer to the target than the copy. */
  readonly better: { readonly l1: number; readonly ssim: number };
}

export interface EvaluationOptions {
  /** The number of decoding threads. */
  readonly workers?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Compares generated images with the targets of all pairs of a dataset (spec §7). The generator's batch can have any size. */
export async function evaluate(
  model: Generator,
  dataset: Dataset,
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  const { batch, config } = model;
  const { height, width, skeleton } = dataset;
  const count = dataset.pairs.length / 2;
  const steps = Array.from({ length: Math.ceil(count / batch) }, (_, s) => s);
  const loader = new Loader(dataset, { batch, geometry: config.geometry, shuffle: false, workers: options.workers });
  const generated: Scores[] = [];
  const copied: Scores[] = [];
  try {
    // The last batch is filled up with the first pairs, which are ignored.
    for await (const { batch: b, images } of generateBatches(model, loader, steps))
      for (let i = 0; i < batch && generated.length < count; i++) {
        const pair = b.step * batch + i;
        const pose = dataset.images[dataset.pairs[2 * pair + 1] as number]?.pose ?? [];
        const picture = (v: Float32Array): Image => fromTensor(v, width, height, i * height * width * 3);
        const target = picture(b.target);
        generated.push(compareImages(picture(images), target, skeleton, pose));
        copied.push(compareImages(picture(b.source), target, skeleton, pose));
        options.onProgress?.(generated.length, count);
      }
  } finally {
    await loader.close();
  }
  const share = (wins: (g: Scores, c: Scores) => boolean) =>
    generated.filter((g, i) => wins(g, copied[i] as Scores)).length / count;
  return {
    pairs: count,
    generator: meanScores(generated),
    copy: meanScores(copied),
    better: { l1: share((g, c) => g.l1 < c.l1), ssim: share((g, c) => g.ssim > c.ssim) },
  };
}
