import { fedInput } from '../../autograd/leaves.js';
import type { Tensor } from '../../autograd/tensor.js';
import { checked, type Kind, NATURAL } from '../../gpu/arguments.js';

let instances = 0;

/**
 * A counter-based generator (Philox4x32-10). Every number is a pure function of seed, step, stream and element index:
 * the seed identifies the training run, the step the `plan.run` within it, and the stream the op of the graph. Nothing
 * is stored: the backward pass draws the same numbers again, and setting `step` replays a run exactly.
 */
export class Random {
  /**
   * The four words that kernels read: seed low, seed high, step low, step high. Each `plan.run` that uses them advances
   * the step by one.
   */
  readonly state: Tensor;
  #step = 0;
  #streams = 0;

  readonly seed: number;

  /** `seed` is an integer in [0, 2⁵³). Throws `UsageError` otherwise. */
  constructor(...args: [seed: number]) {
    [this.seed] = checked('new Random', { seed: NATURAL }, args);
    this.state = fedInput(`random ${instances++}`, [4], 'u32', {
      value: () => Uint32Array.of(...words(this.seed), ...words(this.#step)),
      advance: () => this.#step++,
    });
  }

  /** The number of the next run. Set it to continue from a snapshot. */
  get step(): number {
    return this.#step;
  }

  set step(step: number) {
    [this.#step] = checked('Random.step', { step: NATURAL }, [step]);
  }

  /**
   * Returns the stream of the next op that draws from this generator: 0, 1, 2, … in the order in which the graph is
   * built.
   */
  stream(): number {
    return this.#streams++;
  }
}

function words(n: number): [number, number] {
  return [n % 2 ** 32, Math.floor(n / 2 ** 32)];
}

export const RANDOM: Kind = ['a Random', (v) => v instanceof Random];
