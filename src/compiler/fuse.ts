import { sameShape } from '../autograd/tensor.js';
import { present } from '../present.js';
import {
  type EpilogueStep,
  type KernelCall,
  rangesOf,
  readersOf,
  type Target,
  type Value,
  type Values,
} from './kernel-call.js';

/** The most steps of an epilogue. More would not fit into the bindings and numbers of a kernel. */
const MOST_STEPS = 8;

/**
 * Moves elementwise ops into the kernels that make their operands, if that saves reading a value back. Examples are conv → bias →
 * activation, norm → dropout → activation, and the gradient of a convolution → the gradient of an activation → a sum. Nothing is
 * computed twice, no value is kept longer than before, and no result changes a bit.
 */
export function fuse(calls: readonly KernelCall[], target: Target): readonly KernelCall[] {
  return new Fuser(calls, target).run();
}

/** The result on which the kernels of a call can do elementwise work before they store it, if there is one. */
function extensibleResult({ op, outputs }: KernelCall): Value | undefined {
  const value = op.epilogue === undefined ? undefined : outputs[op.epilogue];
  return value?.dtype === 'f32' ? value : undefined;
}

/** The names of the arguments and of the result that step k of an epilogue adds to its call. */
const operandName = (k: number, name: string) => `fused${k}_${name}`;
const resultName = (k: number) => `fused${k}_result`;

class Fuser {
  readonly #calls: readonly KernelCall[];
  readonly #readers: ReadonlyMap<Value, readonly KernelCall[]>;
  readonly #position: ReadonlyMap<KernelCall, number>;
  /** The position at which a value is made. It decreases when an earlier kernel takes over its computation. */
  readonly #made = new Map<Value, number>();
  readonly #makers = new Map<Value, KernelCall>();
  readonly #merged = new Set<KernelCall>();

  constructor(
    calls: readonly KernelCall[],
    private readonly target: Target,
  ) {
    // The values of leaves exist before the first call.
    const isLeaf = ({ op }: KernelCall) => op.kind === 'leaf';
    this.#calls = [...calls.filter(isLeaf), ...calls.filter((c) => !isLeaf(c))];
    this.#readers = readersOf(calls);
    this.#position = new Map(this.#calls.map((call, i) => [call, i]));
    for (const [i, call] of this.#calls.entries())
      for (const value of Object.values(call.outputs)) {
        // A view under another shape is there as soon as what it is a view of.
        const source = call.op.kind === 'view' && call.op.reshapes && call.inputs[call.op.reshapes[0]];
        this.#made.set(value, source ? present(this.#made.get(source)) : i);
        this.#makers.set(value, call);
      }
  }

  run(): readonly KernelCall[] {
    const fused = new Map<KernelCall, KernelCall>();
    for (const call of this.#calls) {
      const result = extensibleResult(call);
      if (!result || this.#merged.has(call)) continue;
      const merged = this.#mergeable(call, result);
      if (merged.length) fused.set(call, this.#fused(call, result, merged));
    }
    return this.#calls.filter((call) => !this.#merged.has(call)).map((call) => fused.get(call) ?? call);
  }

  /** Replaces several calls by one, in which the kernel of `first` also does the work of the others. */
  #fused(first: KernelCall, result: Value, merged: readonly KernelCall[]): KernelCall {
    const inside = new Set(merged);
    const values = [result, ...merged.map(resultOf)];
    const isRead = (value: Value) => (this.#readers.get(value) ?? []).some((reader) => !inside.has(reader));
    const stored = values.flatMap((value, k) => (isRead(value) ? [k] : []));
    // The kernel's own variable stores the first of these values. Each further one gets a variable of its own.
    const name = present(first.op.epilogue);
    const variableOf = new Map(stored.map((k, i) => [k, i === 0 ? name : resultName(k)]));
    const numbers = new Map(values.map((value, k) => [value, k]));
    const inputs: Record<string, Value> = { ...first.inputs };
    const epilogue = merged.map((call, i): EpilogueStep => {
      const { step, further } = stepOf(call, i + 1, numbers);
      Object.assign(inputs, further);
      return { ...step, stores: variableOf.get(i + 1) };
    });
    const outputs: Record<string, Value> = { ...first.outputs };
    for (const [k, variable] of variableOf) outputs[variable] = present(values[k]);
    return { ...first, inputs, outputs, epilogue };
  }

  /** The elementwise calls whose work the kernel of `first` can take over, in order. */
  #mergeable(first: KernelCall, result: Value): KernelCall[] {
    const at = this.#at(first);
    const values = new Map<Value, number>([[result, 0]]);
    const merged: KernelCall[] = [];
    let bound = Object.keys({ ...first.op.args, ...first.op.results }).length + 1;
    for (let grown = true; grown && merged.length < MOST_STEPS; ) {
      grown = false;
      const readers = [...values.keys()].flatMap((value) => this.#readers.get(value) ?? []);
      for (const call of [...new Set(readers)].sort((a, b) => this.#at(a) - this.#at(b))) {
        if (this.#merged.has(call) || !call.op.pointwise || !this.#isReady(call, values, at)) continue;
        // A vector that is made here may meet every row of a larger tensor there.
        if (!sameShape(resultOf(call).shape, result.shape)) continue;
        const inside = new Set([...merged, call]);
        const vanishes = (value: Value) => (this.#readers.get(value) ?? []).every((reader) => inside.has(reader));
        const saves = Object.values(call.inputs).some((x) => values.has(x) && vanishes(x));
        if (!saves && !this.#follows(call, at, inside)) continue;
        if (this.#sharesBuffer(call, [...Object.values(first.inputs), ...values.keys(), ...Object.values(call.inputs)]))
          continue;
        const { further } = stepOf(call, 0, values);
        const more = Object.keys(further).length + (saves ? 0 : 1);
        const { device, slowCompiler } = this.target;
        const tooSlow = more > 0 && first.op.unrolled && slowCompiler;
        if (bound + more > device.limits.maxStorageBuffersPerShaderStage || tooSlow) continue;
        bound += more;
        merged.push(call);
        this.#merged.add(call);
        values.set(resultOf(call), merged.length);
        this.#made.set(resultOf(call), at);
        grown = true;
        break;
      }
    }
    return merged;
  }

  #at(call: KernelCall): number {
    return present(this.#position.get(call));
  }

  /** Whether everything that a call reads is in `values`, or is made before position `at` and not updated since. */
  #isReady(call: KernelCall, values: ReadonlyMap<Value, number>, at: number): boolean {
    const updated = this.#calls.slice(at, this.#at(call)).some(({ op }) => op.kind === 'update');
    return Object.values(call.inputs).every((x) => {
      if (values.has(x)) return true;
      return present(this.#made.get(x)) < at && !(updated && this.#makers.get(x)?.op.kind);
    });
  }

  /** Whether the result of a call shares a buffer with one of `others`. WebGPU forbids a kernel to read and write one buffer. */
  #sharesBuffer(call: KernelCall, others: readonly Value[]): boolean {
    const result = resultOf(call);
    const home = this.#home(result);
    return home !== result && others.some((x) => this.#home(x) === home);
  }

  /** The value whose buffer holds another value because of a concatenation or slice. */
  #home(value: Value): Value {
    const from = this.#makers.get(value);
    const whole =
      (from && rangesOf(from).find((r) => r.part === value)?.whole) ??
      (this.#readers.get(value) ?? []).flatMap(rangesOf).find((r) => r.part === value)?.whole;
    return whole ? this.#home(whole) : value;
  }

  /** Whether nothing runs between position `at` and a call. Only then is the memory of its result not needed earlier than before. */
  #follows(call: KernelCall, at: number, inside: ReadonlySet<KernelCall>): boolean {
    return this.#calls
      .slice(at + 1, this.#at(call))
      .every((c) => c.op.kind === 'view' || inside.has(c) || this.#merged.has(c));
  }
}

function resultOf({ outputs }: KernelCall): Value {
  return present(Object.values(outputs)[0]);
}

/** Makes an elementwise call step k of an epilogue. `numbers` are those of the epilogue's values, and `further` all else that it reads. */
function stepOf(
  { op, attrs, inputs }: KernelCall,
  k: number,
  numbers: ReadonlyMap<Value, number>,
): { step: EpilogueStep; further: Values } {
  const further: Record<string, Value> = {};
  const read = (operand: string): string => {
    const name = operandName(k, operand);
    further[name] = present(inputs[operand]);
    return name;
  };
  const { operands = [], random } = op.pointwise ?? {};
  const step: EpilogueStep = {
    op,
    attrs,
    operands: operands.map((name) => numbers.get(present(inputs[name])) ?? read(name)),
    ...(random && { state: read(random.state) }),
  };
  return { step, further };
}
