import { fedInput } from '../../autograd/leaves.js';
import { formatShape, type Shape, sizeOf, type Tensor } from '../../autograd/tensor.js';
import { checked, type Kind, NATURAL } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { SHARD, type Shard } from '../../shard.js';

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
  readonly shard: Shard | undefined;

  /**
   * `seed` is an integer in [0, 2⁵³). Throws `UsageError` otherwise. With a `shard`, every tensor that draws numbers is one part of a
   * batch that several processes compute, and it draws those that one process would draw for that part.
   */
  constructor(...args: [seed: number, shard?: Shard]) {
    [this.seed, this.shard] = checked('new Random', { seed: NATURAL, 'shard?': SHARD }, args);
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

  /**
   * The number of the first group of four elements that a tensor of this shape draws, for the op `op`. If the batch consists of several
   * batches, one after the other, the tensor is in the one with number `part`. Undefined without a shard. Throws `ShapeError` if
   * the tensor does not begin at a whole group.
   */
  start(op: string, shape: Shape, part = 0): number | undefined {
    const { shard } = this;
    if (!shard) return undefined;
    const start = ((part * shard.size + shard.rank) * sizeOf(shape)) / 4;
    if (!Number.isInteger(start) || start + sizeOf(shape) / 4 > 2 ** 32)
      throw new ShapeError(
        op,
        `a part of a batch must have a multiple of 4 elements, of at most 2³⁴ in all, got ${formatShape(shape)}; give each process a multiple of 4 images`,
      );
    return start;
  }
}

function words(n: number): [number, number] {
  return [n % 2 ** 32, Math.floor(n / 2 ** 32)];
}

export const RANDOM: Kind = ['a Random', (v) => v instanceof Random];
