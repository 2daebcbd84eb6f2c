import type { Op } from '../autograd/op.js';
import { channelsOf, rowsOf, sameShape, sizeOf } from '../autograd/tensor.js';
import { reshapeOpFor } from '../kernels/reshape/reshape.js';
import { present } from '../present.js';
import { type KernelCall, readersOf, type Value } from './kernel-call.js';

/**
 * f(reshape(v)) = reshape(f(v)): elementwise work over a reshape moves before it, where `fuse` can give it to the kernel that makes
 * v. A reshape that copies moves only if nothing else reads its result.
 */
export function hoist(calls: readonly KernelCall[]): readonly KernelCall[] {
  return new Hoister(calls).run();
}

class Hoister {
  readonly #readers: ReadonlyMap<Value, readonly KernelCall[]>;
  /** What makes a value, and the number of calls before it. */
  readonly #makers = new Map<Value, { readonly call: KernelCall; readonly at: number }>();
  readonly #made: KernelCall[] = [];
  /** Reshapes that nothing reads any more. */
  readonly #unread = new Set<KernelCall>();

  constructor(private readonly calls: readonly KernelCall[]) {
    this.#readers = readersOf(calls);
  }

  run(): readonly KernelCall[] {
    for (const call of this.calls) for (const each of this.#hoisted(call) ?? [call]) this.#add(each);
    return this.#made.filter((call) => !this.#unread.has(call));
  }

  #add(call: KernelCall): void {
    for (const value of Object.values(call.outputs)) this.#makers.set(value, { call, at: this.#made.length });
    this.#made.push(call);
  }

  /** Returns an elementwise call before the reshape of its operands, and the reshape of its result, or nothing if that saves nothing. */
  #hoisted(call: KernelCall): KernelCall[] | undefined {
    const { op, inputs } = call;
    const [[result, y] = ['', undefined]] = Object.entries(call.outputs);
    if (!op.pointwise || !y) return undefined;
    const whole = op.pointwise.operands.filter((name) => sizeOf(present(inputs[name]).shape) === sizeOf(y.shape));
    const sources = new Map(whole.map((name) => [name, this.#source(present(inputs[name]), call)]));
    // The kernel that makes the last of the operands can do the work, as all others are there by then.
    const at = (value: Value) => this.#makers.get(value)?.at ?? -1;
    const [last, base] = [...sources].reduce((a, b) => (at(b[1]) > at(a[1]) ? b : a), ['', y] as const);
    if (base === inputs[last] || !this.#canTakeWork(base)) return undefined;
    const views: KernelCall[] = [];
    const moved: Record<string, Value> = { ...inputs };
    const replaced: Value[] = [];
    for (const name of op.pointwise.operands) {
      const x = present(inputs[name]);
      const from = [sources.get(name) ?? x, x].find((value) => sameRows(value, base));
      if (sources.has(name)) {
        if (!from) return undefined;
        if (from !== x) replaced.push(x);
        moved[name] = { ...base, name: from.name };
        if (sameShape(from.shape, base.shape)) moved[name] = from;
        else views.push(reshapeCall(from, moved[name]));
      } else if (![1, channelsOf(base.shape)].includes(channelsOf(x.shape))) return undefined;
    }
    for (const x of replaced) this.#forget(x, call);
    const before = { name: y.name, shape: base.shape, dtype: y.dtype };
    return [...views, { ...call, inputs: moved, outputs: { [result]: before } }, reshapeCall(before, y)];
  }

  /** The value that a value is a reshape of, through all reshapes that can be left out if `reader` reads that one instead. */
  #source(value: Value, reader: KernelCall): Value {
    const maker = this.#makers.get(value)?.call;
    if (!maker?.op.reshapes) return value;
    if (maker.op.kind !== 'view' && !this.#isReadBy(value, reader)) return value;
    return this.#source(present(maker.inputs[maker.op.reshapes[0]]), maker);
  }

  /** Takes out the reshapes that lead to a value, as far as nothing but `reader` read them. */
  #forget(value: Value, reader: KernelCall): void {
    const maker = this.#makers.get(value)?.call;
    if (!maker?.op.reshapes || !this.#isReadBy(value, reader)) return;
    this.#unread.add(maker);
    this.#forget(present(maker.inputs[maker.op.reshapes[0]]), maker);
  }

  #isReadBy(value: Value, reader: KernelCall): boolean {
    return (this.#readers.get(value) ?? []).every((call) => call === reader);
  }

  #canTakeWork(value: Value): boolean {
    const maker = this.#makers.get(value)?.call;
    const result = maker?.op.epilogue;
    return result !== undefined && maker?.outputs[result] === value;
  }
}

const sameRows = (a: Value, b: Value): boolean =>
  rowsOf(a.shape) === rowsOf(b.shape) && channelsOf(a.shape) === channelsOf(b.shape);

function reshapeCall(x: Value, y: Value): KernelCall {
  const op: Op = reshapeOpFor(x, y.shape);
  return { op, attrs: { shape: y.shape }, inputs: { x }, outputs: { y }, epilogue: [] };
}
