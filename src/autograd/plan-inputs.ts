import { ShapeError, UsageError } from '../gpu/errors.js';
import type { LeafAttrs } from './leaves.js';
import type { Root } from './placement.js';
import { formatShape, type Tensor, type TensorData } from './tensor.js';

interface Slot {
  readonly tensor: Tensor;
  readonly root: Root;
  readonly feed?: () => TensorData;
  given: boolean;
}

/** The inputs of a plan: which it takes, and writing them. */
export class PlanInputs {
  readonly #slots = new Map<string, Slot>();

  constructor(inputs: readonly (readonly [Tensor, Root])[]) {
    for (const [tensor, root] of inputs) {
      const { name, feed } = tensor.node.attrs as Extract<LeafAttrs, { source: 'input' }>;
      if (this.#slots.has(name)) throw new UsageError(`two inputs are named ${name}; give each its own name`);
      this.#slots.set(name, { tensor, root, feed, given: false });
    }
  }

  /** Names of those that the caller gives. */
  get names(): string[] {
    return [...this.#slots].filter(([, s]) => !s.feed).map(([n]) => n);
  }

  /** Buffers by name. */
  *buffers(): Iterable<[string, GPUBuffer]> {
    for (const [name, { root }] of this.#slots) yield [name, root.buffer as GPUBuffer];
  }

  /** Throws `UsageError` or `ShapeError` unless the given values fit and all that has no earlier value is there. */
  check(given: Readonly<Record<string, TensorData>>): void {
    for (const [name, data] of Object.entries(given)) {
      const slot = this.#slots.get(name);
      if (!slot || slot.feed)
        throw new UsageError(`the plan has no input ${name}; it has ${this.names.join(', ') || 'none'}`);
      const { tensor } = slot;
      if (data.length !== tensor.size)
        throw new ShapeError(
          'run',
          `input ${name} is ${formatShape(tensor.shape)} (${tensor.size} values), got ${data.length}`,
        );
      if (data instanceof Uint32Array !== (tensor.dtype === 'u32'))
        throw new ShapeError('run', `input ${name} is ${tensor.dtype}, got a ${data.constructor.name}`);
    }
    for (const [name, slot] of this.#slots) {
      if (!slot.feed && !slot.given && !given[name])
        throw new UsageError(`input ${name} ${formatShape(slot.tensor.shape)} was never given; pass it to run()`);
    }
  }

  /** Writes the given values and those that the inputs compute themselves. */
  write(queue: GPUQueue, given: Readonly<Record<string, TensorData>>): void {
    for (const [name, slot] of this.#slots) {
      const data = slot.feed ? slot.feed() : given[name];
      if (!data) continue;
      queue.writeBuffer(slot.root.buffer as GPUBuffer, 0, data as BufferSource);
      slot.given = true;
    }
  }
}
