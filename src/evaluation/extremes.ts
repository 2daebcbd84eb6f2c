import type { Metric } from './metric.js';
import type { EvaluatedPair } from './scorer.js';

/** A pair with its value of the metric by which pairs are ordered. */
export interface RankedPair {
  readonly pair: EvaluatedPair;
  readonly value: number;
}

/** Keeps the pictures of the best and the worst pairs by one metric; all others can be dropped as soon as they are scored. */
export class Ranking {
  readonly #best: RankedPair[] = [];
  readonly #worst: RankedPair[] = [];

  constructor(
    readonly metric: Metric,
    readonly count: number,
  ) {}

  add(pair: EvaluatedPair, value: number | null | undefined): void {
    if (typeof value !== 'number') return;
    const sign = this.metric.better === 'higher' ? 1 : -1;
    this.#insert(this.#best, { pair, value }, (a, b) => sign * (b.value - a.value));
    this.#insert(this.#worst, { pair, value }, (a, b) => sign * (a.value - b.value));
  }

  #insert(list: RankedPair[], ranked: RankedPair, order: (a: RankedPair, b: RankedPair) => number): void {
    list.push(ranked);
    list.sort(order);
    if (list.length > this.count) list.pop();
  }

  /** The best pairs, the best one first. */
  get best(): readonly RankedPair[] {
    return this.#best;
  }

  /** The worst pairs, the worst one first. A pair that is among the best is not listed again. */
  get worst(): readonly RankedPair[] {
    const best = new Set(this.#best.map(({ pair }) => pair));
    return this.#worst.filter(({ pair }) => !best.has(pair));
  }
}
