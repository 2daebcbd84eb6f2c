import { COUNT, checked, F32 } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';

/** How many parts Salimans et al. divide the images into. */
export const INCEPTION_SPLITS = 10;

/** The largest accepted distance of a sum of probabilities from 1. */
const TOLERANCE = 1e-3;

export interface InceptionScore {
  /** The mean of the scores of the splits, from 1 to the number of classes. */
  readonly mean: number;
  /** The standard deviation of these scores as published, √(Σ (score − mean)² / splits). */
  readonly deviation: number;
  /** The standard error of the mean, √(Σ (score − mean)² / (splits − 1) / splits); undefined for one split. */
  readonly standardError: number | undefined;
  readonly splits: number;
  readonly images: number;
}

/**
 * The Inception Score (Salimans et al. 2016, §4). Images are divided in their order into splits of equal size, or of sizes that differ
 * by one. The score of a split is exp of the mean over its images of KL(p(y | image) ‖ p(y)) = Σ_y p(y | image) · ln(p(y | image) / p(y)),
 * where p(y) is the mean of p(y | image) over the split. Sums are in float64.
 *
 * `probabilities` [images, classes] are those of the soft-max. Of images multiplied by masks it is the mask-IS (Ma et al. 2017).
 * Throws `UsageError` if there are fewer images than splits or if a row is no distribution.
 */
export function inceptionScore(
  ...args: [probabilities: Float32Array, classes: number, splits?: number]
): InceptionScore {
  const kinds = { probabilities: F32, classes: COUNT, 'splits?': COUNT };
  const [probabilities, classes, splits = INCEPTION_SPLITS] = checked('inceptionScore', kinds, args);
  if (probabilities.length % classes)
    throw new UsageError(`inceptionScore: ${probabilities.length} probabilities are no rows of ${classes} classes`);
  const images = probabilities.length / classes;
  if (images < splits)
    throw new UsageError(
      `the Inception Score of ${splits} splits needs at least ${splits} images, there are ${images}. Use more images or fewer splits.`,
    );
  const scores = Array.from({ length: splits }, (_, s) => {
    const [from, to] = [s, s + 1].map((i) => Math.floor((i * images) / splits)) as [number, number];
    return scoreOf(probabilities, classes, from, to);
  });
  const mean = scores.reduce((a, b) => a + b, 0) / splits;
  const squares = scores.reduce((a, b) => a + (b - mean) ** 2, 0);
  return {
    mean,
    deviation: Math.sqrt(squares / splits),
    standardError: splits > 1 ? Math.sqrt(squares / (splits - 1) / splits) : undefined,
    splits,
    images,
  };
}

/** The score of the images [from, to). The mean KL is (1/n) Σ_i Σ_y p ln p − Σ_y q ln q, where q is the mean of p. */
function scoreOf(probabilities: Float32Array, classes: number, from: number, to: number): number {
  const sums = new Float64Array(classes);
  let negentropy = 0;
  for (let i = from; i < to; i++) {
    let total = 0;
    for (let y = 0; y < classes; y++) {
      const p = probabilities[i * classes + y] as number;
      if (!(p >= 0)) throw noDistribution(i, `has the probability ${p}`);
      total += p;
      sums[y] = (sums[y] as number) + p;
      // p ln p → 0 for p → 0.
      if (p > 0) negentropy += p * Math.log(p);
    }
    if (!(Math.abs(total - 1) <= TOLERANCE)) throw noDistribution(i, `has probabilities that sum to ${total}`);
  }
  const n = to - from;
  let marginal = 0;
  for (const sum of sums) if (sum > 0) marginal += (sum / n) * Math.log(sum / n);
  return Math.exp(negentropy / n - marginal);
}

const noDistribution = (image: number, what: string) =>
  new UsageError(`inceptionScore: image ${image} ${what}; its row must be a distribution, as the soft-max gives it`);
