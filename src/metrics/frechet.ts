import { COUNT, checked, F32, FUNCTION, type Kind } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { choleskyRows, type Matrix, matrix, rowProducts, transpose } from './matrix.js';
import { nuclearNorm, type OnProgress } from './singular-values.js';

/**
 * The mean and the covariance of features, in float64. Features are added in the order of the images, as many at a time as there are.
 * They are collected in blocks of `length` images, which are reduced when they are full, so the bits of the result depend on the features
 * and their order alone. Images that were divided among several programs give the same bits if all their features are added in order.
 * Between calls it keeps at most 12 · length² bytes, 50 MB for Inception.
 */
export class FeatureStatistics {
  /** The number of features of an image. */
  readonly length: number;
  #count = 0;
  /** The mean of the full blocks, and the sums of the products of deviations from it. */
  readonly #mean: Float64Array;
  #scatter: Matrix | undefined;
  /** The features of the block that is not full. */
  #block = new Float32Array(0);
  #waiting = 0;
  #factored: ReturnType<FeatureStatistics['factored']> | undefined;

  constructor(...args: [length: number]) {
    [this.length] = checked('new FeatureStatistics', { length: COUNT }, args);
    this.#mean = new Float64Array(this.length);
  }

  /** The number of images. */
  get count(): number {
    return this.#count;
  }

  /** Adds the features of images, [images, length]. Throws `UsageError` and adds nothing if these are no such rows or not finite. */
  add(...args: [features: Float32Array]): void {
    const [features] = checked('FeatureStatistics.add', { features: F32 }, args);
    const { length } = this;
    if (features.length % length)
      throw new UsageError(`FeatureStatistics.add: ${features.length} features are no rows of ${length}`);
    const odd = features.findIndex((v) => !Number.isFinite(v));
    if (odd >= 0)
      throw new UsageError(
        `FeatureStatistics.add: feature ${odd % length} of image ${this.#count + Math.floor(odd / length)} is ${features[odd]}`,
      );
    this.#factored = undefined;
    for (let at = 0; at < features.length; ) {
      const room = (length - this.#waiting) * length;
      const part = features.subarray(at, at + room);
      this.#push(part);
      at += part.length;
    }
  }

  #push(rows: Float32Array): void {
    const { length } = this;
    const used = this.#waiting * length;
    const needed = used + rows.length;
    if (this.#block.length < needed) {
      const larger = new Float32Array(Math.min(length * length, Math.max(needed, 2 * this.#block.length)));
      larger.set(this.#block.subarray(0, used));
      this.#block = larger;
    }
    this.#block.set(rows, used);
    this.#waiting += rows.length / length;
    this.#count += rows.length / length;
    if (this.#waiting < length) return;
    const { mean, scatter } = this.#merged();
    this.#mean.set(mean);
    this.#scatter = scatter;
    this.#waiting = 0;
  }

  /** The deviations of the waiting rows from their mean. */
  #deviations(): { mean: Float64Array; rows: Matrix } {
    const { length } = this;
    const n = this.#waiting;
    const mean = new Float64Array(length);
    const rows = matrix(n, length);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < length; j++) mean[j] = (mean[j] as number) + (this.#block[i * length + j] as number);
    for (let j = 0; j < length; j++) mean[j] = (mean[j] as number) / n;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < length; j++)
        rows.data[i * length + j] = (this.#block[i * length + j] as number) - (mean[j] as number);
    return { mean, rows };
  }

  /**
   * The mean and the scatter of all rows. With means m₁ and m₂ of n₁ and n₂ rows, the scatters add up, and so does
   * (m₂ − m₁)(m₂ − m₁)ᵀ · n₁n₂ / (n₁ + n₂) (Chan et al. 1979).
   */
  #merged(): { mean: Float64Array; scatter: Matrix } {
    const before = this.#count - this.#waiting;
    const old = this.#scatter;
    if (!this.#waiting && old) return { mean: this.#mean, scatter: old };
    const { mean, rows } = this.#deviations();
    const columns = transpose(rows);
    const scatter = rowProducts(columns, columns, true);
    if (!old) return { mean, scatter };
    const { length } = this;
    const weight = (before * this.#waiting) / this.#count;
    const difference = mean.map((m, j) => m - (this.#mean[j] as number));
    for (let i = 0; i < length; i++)
      for (let j = 0; j < length; j++) {
        const between = weight * (difference[i] as number) * (difference[j] as number);
        const k = i * length + j;
        scatter.data[k] = (old.data[k] as number) + (scatter.data[k] as number) + between;
      }
    return {
      mean: this.#mean.map((m, j) => m + ((difference[j] as number) * this.#waiting) / this.#count),
      scatter,
    };
  }

  /** The mean of every feature, [length]. Throws `UsageError` without images. */
  mean(): Float64Array {
    this.#expect(1, 'a mean');
    return this.#scatter ? this.#merged().mean.slice() : this.#deviations().mean;
  }

  /** The covariance of the features, with the divisor count − 1, [length, length]. Throws `UsageError` for fewer than two images. */
  covariance(): Float64Array {
    this.#expect(2, 'a covariance');
    return this.#merged().scatter.data.map((v) => v / (this.#count - 1));
  }

  /**
   * The mean, the trace of the covariance S, and rows R with S = RᵀR. Up to `length` images these are the deviations from the mean
   * themselves, which are more exact than S, and fewer. The result is kept until features are added, because one set is often compared
   * with several. Throws `UsageError` for fewer than two images.
   */
  factored(): { readonly mean: Float64Array; readonly trace: number; readonly rows: Matrix } {
    this.#expect(2, 'a covariance');
    this.#factored ??= this.#factor();
    return this.#factored;
  }

  #factor() {
    const scale = 1 / Math.sqrt(this.#count - 1);
    if (!this.#scatter) {
      const { mean, rows } = this.#deviations();
      const scaled = { ...rows, data: rows.data.map((v) => v * scale) };
      return { mean, trace: scaled.data.reduce((t, v) => t + v * v, 0), rows: scaled };
    }
    const { mean, scatter } = this.#merged();
    const covariance = { ...scatter, data: scatter.data.map((v) => v / (this.#count - 1)) };
    let trace = 0;
    for (let i = 0; i < this.length; i++) trace += covariance.data[i * (this.length + 1)] as number;
    return { mean, trace, rows: choleskyRows(covariance) };
  }

  #expect(least: number, what: string): void {
    if (this.#count < least)
      throw new UsageError(`${what} of features needs at least ${least} images, there are ${this.#count}`);
  }
}

const STATISTICS: Kind = ['FeatureStatistics', (v) => v instanceof FeatureStatistics];

/**
 * The Fréchet distance of two normal distributions with the means and covariances of two sets of features (Heusel et al. 2017, §2):
 * |m₁ − m₂|² + Tr S₁ + Tr S₂ − 2 Tr √(S₁S₂). On features `pool3` of Inception it is the FID.
 *
 * With S = RᵀR, the eigenvalues of S₁S₂ are the squares of the singular values of R₁R₂ᵀ, so the last trace is the sum of these. All is
 * computed in float64. `onProgress` is told how much is done, because large sets take seconds. Throws `UsageError` if a set has fewer
 * than two images, which have no covariance, or if the sets have different features.
 */
export function frechetDistance(
  ...args: [a: FeatureStatistics, b: FeatureStatistics, onProgress?: OnProgress]
): number {
  const kinds = { a: STATISTICS, b: STATISTICS, 'onProgress?': FUNCTION };
  const [a, b, onProgress] = checked('frechetDistance', kinds, args);
  if (a.length !== b.length)
    throw new UsageError(`frechetDistance: one set has ${a.length} features an image, the other ${b.length}`);
  for (const { count } of [a, b])
    if (count < 2)
      throw new UsageError(
        `the Fréchet distance needs at least two images of each set, and one has ${count}: a covariance is not defined for fewer`,
      );
  const [x, y] = [a.factored(), b.factored()];
  const apart = x.mean.reduce((sum, m, j) => sum + (m - (y.mean[j] as number)) ** 2, 0);
  const common = nuclearNorm(rowProducts(x.rows, y.rows), onProgress);
  // The distance is 0 or more. Rounding can leave less of equal sets.
  return Math.max(0, apart + x.trace + y.trace - 2 * common);
}
