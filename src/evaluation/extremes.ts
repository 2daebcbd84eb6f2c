import type { Metric } from './metric.js';
import type { EvaluatedPair } from './scorer.js';

/** A pair, or a picture of it, with its value of the metric by which pairs are ordered. */
export interface Ranked<T> {
  readonly pair: T;
  readonly value: number;
  /** How many were added before it. */
  readonly nth: number;
}

/**
 * Keeps the pictures of the best and the worst pairs by one metric; all others can be dropped as soon as they are scored. Of equal values
 * the first is kept.
 */
export class Ranking<T = EvaluatedPair> {
  readonly #best: Ranked<T>[] = [];
  readonly #worst: Ranked<T>[] = [];
  #added = 0;

  constructor(
    readonly metric: Metric,
    readonly count: number,
  ) {}

  add(pair: T, value: number | null | undefined): void {
    if (typeof value !== 'number') return;
    const sign = this.metric.better === 'higher' ? 1 : -1;
    const ranked = { pair, value, nth: this.#added++ };
    this.#insert(this.#best, ranked, (a, b) => sign * (b.value - a.value));
    this.#insert(this.#worst, ranked, (a, b) => sign * (a.value - b.value));
  }

  #insert(list: Ranked<T>[], ranked: Ranked<T>, order: (a: Ranked<T>, b: Ranked<T>) => number): void {
    list.push(ranked);
    list.sort(order);
    if (list.length > this.count) list.pop();
  }

  /** The best pairs, the best one first. */
  get best(): readonly Ranked<T>[] {
    return this.#best;
  }

  /** The worst pairs, the worst one first. A pair that is among the best is not listed again. */
  get worst(): readonly Ranked<T>[] {
    const best = new Set(this.#best.map(({ pair }) => pair));
    return this.#worst.filter(({ pair }) => !best.has(pair));
  }

  /** All that are kept, in the order in which they were added. Another ranking keeps the same of them. */
  get kept(): readonly Ranked<T>[] {
    return [...this.best, ...this.worst].sort((a, b) => a.nth - b.nth);
  }
}
