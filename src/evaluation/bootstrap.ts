import { stream } from '../data/random.js';
import { UsageError } from '../gpu/errors.js';

/** The number of resamples. */
export const RESAMPLES = 2000;
/** The share of the resampled means within an interval. */
export const CONFIDENCE = 0.95;

/**
 * Intervals of means by the bootstrap: groups of values are drawn with replacement, as many as there are, and the mean is computed
 * again; the interval is between the 2.5th and the 97.5th percentile of 2,000 such means. Pairs of one identity share clothes, and
 * often images, so their scores are alike. Drawing pairs one by one would treat them as independent and give intervals that are too
 * narrow, so all pairs of an identity are drawn together.
 */
export class Bootstrap {
  /** The index of each value's group. */
  readonly #group: Uint32Array;
  /** How often each group was drawn: row r holds the counts of resample r. */
  readonly #drawn: Uint16Array;
  readonly groups: number;

  /** `identities` names the group of each value. The draws are a pure function of it and the seed. */
  constructor(identities: readonly string[], seed = 0) {
    const numbers = new Map<string, number>();
    this.#group = Uint32Array.from(identities, (name) => {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      numbers.set(name, numbers.size);
      return numbers.size - 1;
    });
    this.groups = numbers.size;
    this.#drawn = new Uint16Array(RESAMPLES * this.groups);
    const random = stream(seed, 0xb0075);
    for (let r = 0; r < RESAMPLES; r++)
      for (let k = 0; k < this.groups; k++) {
        const at = r * this.groups + random.below(this.groups);
        this.#drawn[at] = (this.#drawn[at] as number) + 1;
      }
  }

  /**
   * The interval of the mean of values in the order of the identities; `null` is left out. It is `undefined` if fewer than two
   * groups have values, because their spread is then unknown. Throws `UsageError` for another number of values.
   */
  interval(values: readonly (number | null)[]): [low: number, high: number] | undefined {
    if (values.length !== this.#group.length)
      throw new UsageError(`the bootstrap was made for ${this.#group.length} values, got ${values.length}`);
    const sums = new Float64Array(this.groups);
    const counts = new Float64Array(this.groups);
    for (const [i, value] of values.entries()) {
      if (value === null) continue;
      const g = this.#group[i] as number;
      sums[g] = (sums[g] as number) + value;
      counts[g] = (counts[g] as number) + 1;
    }
    if (counts.reduce((n, c) => n + Number(c > 0), 0) < 2) return undefined;
    const means: number[] = [];
    for (let r = 0; r < RESAMPLES; r++) {
      let [sum, count] = [0, 0];
      for (let g = 0; g < this.groups; g++) {
        const times = this.#drawn[r * this.groups + g] as number;
        sum += times * (sums[g] as number);
        count += times * (counts[g] as number);
      }
      // A resample may consist of groups without values.
      if (count > 0) means.push(sum / count);
    }
    means.sort((a, b) => a - b);
    const tail = (1 - CONFIDENCE) / 2;
    return [percentile(means, tail), percentile(means, 1 - tail)];
  }
}

/** The value below which a share of the sorted values lies, interpolated between neighbours. */
function percentile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const [a, b] = [sorted[low] as number, sorted[Math.min(low + 1, sorted.length - 1)] as number];
  return a + (at - low) * (b - a);
}
