import type { LeafAttrs } from '../autograd/leaves.js';
import { formatShape, sizeOf, type TensorData, type TensorType } from '../autograd/tensor.js';
import { F32, problemOf, U32, unshared } from '../gpu/arguments.js';
import { ShapeError, UsageError } from '../gpu/errors.js';

/** An input of a plan and the buffer that holds its value. */
export interface HostInput {
  readonly attrs: Extract<LeafAttrs, { source: 'input' }>;
  readonly type: TensorType;
  readonly buffer: GPUBuffer;
}

/** The inputs of a plan. It checks the values that a caller gives, and writes them. */
export class PlanInputs {
  readonly #inputs = new Map<string, HostInput>();
  /** The names of the inputs that have a value. */
  readonly #given = new Set<string>();

  constructor(inputs: readonly HostInput[]) {
    for (const input of inputs) {
      const { name } = input.attrs;
      if (this.#inputs.has(name)) throw new UsageError(`two inputs are named ${name}; give each its own name`);
      this.#inputs.set(name, input);
    }
  }

  /** The names of the inputs that the caller gives. */
  get names(): string[] {
    return [...this.#inputs].filter(([, { attrs }]) => !attrs.feed).map(([name]) => name);
  }

  /**
   * Throws `UsageError` or `ShapeError` unless the given values fit, and every input is given now or has an earlier
   * value.
   */
  check(given: Readonly<Record<string, TensorData>>): void {
    for (const [name, data] of Object.entries(given)) {
      const input = this.#inputs.get(name);
      if (!input || input.attrs.feed)
        throw new UsageError(`the plan has no input ${name}; it has ${this.names.join(', ') || 'none'}`);
      const { shape, dtype } = input.type;
      const kind = dtype === 'u32' ? U32 : F32;
      const problem = problemOf(`input ${name}, ${dtype} ${formatShape(shape)},`, kind, data);
      if (problem) throw new ShapeError('run', problem);
      const size = sizeOf(shape);
      const empty = data.length ? '' : '; the buffer of an empty array may have been transferred';
      if (data.length !== size)
        throw new ShapeError(
          'run',
          `input ${name} is ${formatShape(shape)} (${size} values), got ${data.length}${empty}`,
        );
    }
    for (const [name, { attrs, type }] of this.#inputs) {
      if (!attrs.feed && !this.#given.has(name) && !Object.hasOwn(given, name))
        throw new UsageError(`input ${name} ${formatShape(type.shape)} was never given; pass it to run()`);
    }
  }

  /** Writes the given values and those that the inputs compute themselves. */
  write(queue: GPUQueue, given: Readonly<Record<string, TensorData>>): void {
    // An input that computes its value may throw, so all values are computed before any is written.
    const all = [...this.#inputs].map(([name, { attrs, buffer }]) => {
      return [name, attrs.feed ? attrs.feed.value() : Object.hasOwn(given, name) && given[name], buffer] as const;
    });
    for (const [name, data, buffer] of all) {
      if (!data) continue;
      queue.writeBuffer(buffer, 0, unshared(data));
      this.#given.add(name);
    }
    for (const { attrs } of this.#inputs.values()) attrs.feed?.advance();
  }
}
