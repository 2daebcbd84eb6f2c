/**
 * Mixes integers into one of 32 bits. Every bit of each argument changes every bit of the result with a probability of
 * one half.
 */
export function hash32(...keys: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const key of keys) {
    h = finish(h ^ (key >>> 0));
    // Keys above 2³² (seeds may be any safe integer) count with all their bits.
    const high = Math.floor(key / 2 ** 32);
    if (high !== 0 && high !== -1) h = finish(h ^ (high >>> 0) ^ 0x5bd1e995);
    h = (h + 0x9e3779b9) >>> 0;
  }
  return finish(h);
}

/** A bijection of 32-bit integers that scatters neighbours, by two rounds of shift, xor and odd multiplication. */
function finish(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

/** A number in [0, 1) for a cell of a lattice, for textures. It is quick and meant for small integers. */
export function cell(key: number, i: number, j: number): number {
  return finish(key ^ Math.imul(i, 0x9e3779b1) ^ Math.imul(j, 0x85ebca6b)) / 2 ** 32;
}

/** A stream of random numbers that is a pure function of its keys. It is for drawing pictures, not for secrets. */
export interface Stream {
  /** The next number in [low, high), [0, 1) by default. */
  uniform(low?: number, high?: number): number;
  /** Nearly Gaussian: the sum of four uniform numbers, bounded to ±3.5 deviations so that drawn bodies stay plausible. */
  normal(mean: number, deviation: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** An integer in [0, n). */
  below(n: number): number;
}

export function stream(...keys: readonly number[]): Stream {
  const base = hash32(...keys);
  let counter = 0;
  // A Weyl sequence goes through the mixer, so neighbouring counters give unrelated numbers.
  const unit = () => finish(base ^ Math.imul(++counter, 0x9e3779b1)) / 2 ** 32;
  return {
    uniform: (low = 0, high = 1) => low + (high - low) * unit(),
    normal: (mean, deviation) => mean + deviation * Math.sqrt(3) * (unit() + unit() + unit() + unit() - 2),
    chance: (probability) => unit() < probability,
    below: (n) => Math.floor(unit() * n),
    pick: <T>(list: readonly T[]) => list[Math.floor(unit() * list.length)] as T,
  };
}
