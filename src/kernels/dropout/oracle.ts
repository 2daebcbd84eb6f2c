import { at, type Nd, nd } from '../oracle.js';

type Words = [number, number, number, number];

const product = (a: number, b: number) => {
  const p = BigInt(a) * BigInt(b);
  return { high: Number(p >> 32n), low: Number(p & 0xffffffffn) };
};

/** Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011). */
export function philox(counter: Words, key: [number, number]): Words {
  let [a, b, c, d] = counter;
  let [k, l] = key;
  for (let round = 0; round < 10; round++) {
    const first = product(0xd2511f53, a);
    const second = product(0xcd9e8d57, c);
    [a, b, c, d] = [(second.high ^ b ^ k) >>> 0, second.low, (first.high ^ d ^ l) >>> 0, first.low];
    k = (k + 0x9e3779b9) >>> 0;
    l = (l + 0xbb67ae85) >>> 0;
  }
  return [a, b, c, d];
}

/** Which numbers of a stream an op draws. `start` is the group of four of the first element; default 0. */
export interface Place {
  readonly stream: number;
  readonly start?: number;
}

/** Returns the four words of the group of four elements that `index` belongs to. */
function wordsOf(index: number, state: Nd, { stream, start = 0 }: Place): Words {
  const [seedLow = 0, seedHigh = 0, stepLow = 0, stepHigh = 0] = state.data;
  return philox([start + Math.floor(index / 4), stream, stepLow, stepHigh], [seedLow, seedHigh]);
}

/** Returns the word of an element. */
const wordOf = (index: number, state: Nd, place: Place) => wordsOf(index, state, place)[index % 4] ?? Number.NaN;

/** Returns a uniform number in [0, 1), made of the upper 24 bits, which a float represents exactly. */
const uniform = (word: number) => (word >>> 8) / 2 ** 24;

/** y = x·m / (1 − rate), where m is 1 if u ≥ rate, else 0, with rate rounded to 24 bits. The op is its own adjoint. */
export function dropout(x: Nd, state: Nd, place: Place, rate: number): Nd {
  const threshold = Math.round(rate * 2 ** 24) / 2 ** 24;
  return nd(x.shape, (i) => {
    const u = uniform(wordOf(i, state, place));
    return (at(x, i) * Number(u >= threshold)) / (1 - rate);
  });
}

/** Returns uniform numbers in [0, 1). */
export function uniformNoise(shape: readonly number[], state: Nd, place: Place): Nd {
  return nd(shape, (i) => uniform(wordOf(i, state, place)));
}

/**
 * Returns standard normal numbers. The Box–Muller method makes the first two of a call from words 0 and 1, and the
 * other two from words 2 and 3.
 */
export function normalNoise(shape: readonly number[], state: Nd, place: Place): Nd {
  return nd(shape, (i) => {
    const words = wordsOf(i, state, place);
    const [a, b] = i % 4 < 2 ? [words[0], words[1]] : [words[2], words[3]];
    const radius = Math.sqrt(-2 * Math.log(uniform(a) + 2 ** -24));
    const angle = 2 * Math.PI * (uniform(b) - 0.5);
    return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}
