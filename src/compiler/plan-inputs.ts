import type { LeafAttrs } from '../autograd/leaves.js';
import { formatShape, sizeOf, type TensorData, type TensorType } from '../autograd/tensor.js';
import { ShapeError, UsageError } from '../gpu/errors.js';

/** An input of a plan and the buffer that holds its value. */
export interface HostInput {
  readonly attrs: Extract<LeafAttrs, { source: 'input' }>;
  readonly type: TensorType;
  readonly buffer: GPUBuffer;
}

/** The inputs of a plan: which it takes, and writing them. */
export class PlanInputs {
  readonly #inputs = new Map<string, HostInput>();
  /** Those that have a value. */
  readonly #given = new Set<string>();

  constructor(inputs: readonly HostInput[]) {
    for (const input of inputs) {
      const { name } = input.attrs;
      if (this.#inputs.has(name)) throw new UsageError(`two inputs are named ${name}; give each its own name`);
      this.#inputs.set(name, input);
    }
  }

  /** Names of those that the caller gives. */
  get names(): string[] {
    return [...this.#inputs].filter(([, { attrs }]) => !attrs.feed).map(([name]) => name);
  }

  /** Throws `UsageError` or `ShapeError` unless the given values fit and all that has no earlier value is there. */
  check(given: Readonly<Record<string, TensorData>>): void {
    for (const [name, data] of Object.entries(given)) {
      const input = this.#inputs.get(name);
      if (!input || input.attrs.feed)
        throw new UsageError(`the plan has no input ${name}; it has ${this.names.join(', ') || 'none'}`);
      const { shape, dtype } = input.type;
      const size = sizeOf(shape);
      if (data.length !== size)
        throw new ShapeError('run', `input ${name} is ${formatShape(shape)} (${size} values), got ${data.length}`);
      if (data instanceof Uint32Array !== (dtype === 'u32'))
        throw new ShapeError('run', `input ${name} is ${dtype}, got a ${data.constructor.name}`);
    }
    for (const [name, { attrs, type }] of this.#inputs) {
      if (!attrs.feed && !this.#given.has(name) && !given[name])
        throw new UsageError(`input ${name} ${formatShape(type.shape)} was never given; pass it to run()`);
    }
  }

  /** Writes the given values and those that the inputs compute themselves. */
  write(queue: GPUQueue, given: Readonly<Record<string, TensorData>>): void {
    for (const [name, { attrs, buffer }] of this.#inputs) {
      const data = attrs.feed ? attrs.feed() : given[name];
      if (!data) continue;
      queue.writeBuffer(buffer, 0, data as BufferSource);
      this.#given.add(name);
    }
  }
}
