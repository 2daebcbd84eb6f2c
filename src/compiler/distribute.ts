import { present } from '../present.js';
import { type KernelCall, makersOf, rangesOf, readersOf, type Value } from './kernel-call.js';

/**
 * f([a | b]) = [f(a) | f(b)]: replaces an elementwise op over a concatenation by one over each part, if nothing else reads the
 * concatenation. `fuse` can then move it into the kernel that makes the part.
 */
export function distribute(calls: readonly KernelCall[]): readonly KernelCall[] {
  const readers = readersOf(calls);
  const makers = makersOf(calls);
  const position = new Map(calls.map((call, i) => [call, i]));
  const makerOf = (value: Value) => present(makers.get(value)).call;
  const readOnce = (value: Value) => readers.get(value)?.length === 1;
  const isConcat = (value: Value) => {
    const ranges = rangesOf(makerOf(value));
    return ranges.length > 0 && ranges.every((r) => r.whole === value);
  };
  const canTakeWork = (value: Value) => {
    const { op, outputs } = makerOf(value);
    return op.epilogue !== undefined && outputs[op.epilogue] === value;
  };
  const helps = (whole: Value): boolean =>
    rangesOf(makerOf(whole)).some(({ part }) => readOnce(part) && (isConcat(part) ? helps(part) : canTakeWork(part)));

  const removed = new Set<KernelCall>();
  /** The new calls, by the position of the call that they follow. */
  const added = new Map<number, KernelCall[]>();
  const add = (call: KernelCall, at: number): Value => {
    added.set(at, [...(added.get(at) ?? []), call]);
    return present(Object.values(call.outputs)[0]);
  };

  for (const [at, call] of calls.entries()) {
    const { op, inputs } = call;
    const [[argument, x] = ['', undefined], ...more] = Object.entries(inputs);
    if (!op.pointwise || op.pointwise.random || more.length || !x) continue;
    if (!isConcat(x) || !readOnce(x) || !helps(x)) continue;
    const [result = ''] = Object.keys(op.results);
    /** Applies f to a value, or to each part if the value is a concatenation. `whole` is the result, if it exists already. */
    const applied = (value: Value, whole?: Value): Value => {
      const maker = makerOf(value);
      const name = `${op.name} ${value.name}`;
      const made = whole ?? { name, shape: value.shape, dtype: value.dtype };
      if (!isConcat(value) || !(readOnce(value) || whole)) {
        const behind = maker.op.kind ? at : present(position.get(maker));
        return add({ ...call, inputs: { [argument]: value }, outputs: { [result]: made } }, behind);
      }
      removed.add(maker);
      const parts = Object.entries(maker.inputs).map(([part, v]) => [part, applied(v)]);
      const outputs = Object.fromEntries(Object.keys(maker.outputs).map((y) => [y, made]));
      return add({ ...maker, inputs: Object.fromEntries(parts), outputs }, at);
    };
    applied(x, call.outputs[result]);
    removed.add(call);
  }
  if (!removed.size) return calls;
  return calls.flatMap((call, i) => [...(removed.has(call) ? [] : [call]), ...(added.get(i) ?? [])]);
}
