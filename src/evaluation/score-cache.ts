import type { Image } from '../data/image.js';
import type { ScoredPair } from './document.js';
import type { Values } from './metric.js';
import type { EvaluatedPair } from './scorer.js';

/**
 * The values of real images by name. An image is in many pairs, as a source and as a target, and its value is computed once. Calls
 * follow each other, so that the images of a call are known to the next.
 */
export class ScoreCache {
  readonly #values = new Map<string, number>();
  readonly #compute: (images: readonly Image[]) => Promise<readonly number[]>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(compute: (images: readonly Image[]) => Promise<readonly number[]>) {
    this.#compute = compute;
  }

  /** The values of the generated images, of the sources and of the targets of pairs, in order. */
  score(pairs: readonly EvaluatedPair[]): Promise<{ generated: number; copy: number; real: number }[]> {
    const result = this.#last.then(() => this.#score(pairs));
    // A failure is that of this call; later ones start anew.
    this.#last = result.catch(() => {});
    return result;
  }

  async #score(pairs: readonly EvaluatedPair[]) {
    const unknown = new Map<string, Image>();
    for (const { names, source, target } of pairs) {
      unknown.set(keyOf(names, 0), source);
      unknown.set(keyOf(names, 1), target);
    }
    for (const key of [...unknown.keys()]) if (this.#values.has(key)) unknown.delete(key);
    const values = await this.#compute([...pairs.map((p) => p.generated), ...unknown.values()]);
    for (const [i, key] of [...unknown.keys()].entries()) this.#values.set(key, values[pairs.length + i] as number);
    const known = (key: string) => this.#values.get(key) as number;
    return pairs.map(({ names }, i) => ({
      generated: values[i] as number,
      copy: known(keyOf(names, 0)),
      real: known(keyOf(names, 1)),
    }));
  }
}

/**
 * The scores of several parts, each of which had a cache of its own, with the values of the metric `key` that one cache for all of them
 * gives: every real image has the value of its first pair. Images of one name can differ, since each triptych is compressed by itself.
 * `names` gives the names of the images of a pair in the cache.
 */
export function withFirstValues(
  scores: readonly ScoredPair[],
  { key, names }: { readonly key: string; readonly names: (of: EvaluatedPair['names']) => EvaluatedPair['names'] },
): readonly ScoredPair[] {
  const values = new Map<string, number | null>();
  const first = (of: Values, name: string): Values => {
    const value = of[key];
    if (value === undefined) return of;
    if (!values.has(name)) values.set(name, value);
    return { ...of, [key]: values.get(name) ?? null };
  };
  return scores.map((score) => {
    const { source, target, copy, real } = score;
    const [a, b] = names([source, target]);
    return { ...score, copy: first(copy, a), ...(real && { real: first(real, b) }) };
  });
}

/** The name of the source (0) or target (1). Where no names are known, the pair has one name, which stands for two images. */
export const keyOf = (names: readonly [string, string], which: 0 | 1) =>
  names[0] === names[1] ? `${names[which]}\n${which}` : names[which];
