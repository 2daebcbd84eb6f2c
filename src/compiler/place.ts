import { leaf } from '../autograd/leaves.js';
import { isOf, type Op, type Update } from '../autograd/op.js';
import { gradientName } from '../autograd/optimizer.js';
import { channelsOf, rowsOf, sizeOf } from '../autograd/tensor.js';
import { UsageError } from '../gpu/errors.js';
import { ALIGN, align } from '../gpu/parameter-storage.js';
import { copyOp } from '../kernels/copy/copy.js';
import { present } from '../present.js';
import { findHomes, type GradientSlot, type Home, type Homes } from './homes.js';
import {
  type Allocation,
  denseView,
  describeValue,
  type KernelCall,
  type PlacedCall,
  sized,
  type Target,
  takesStride,
  type Value,
  type View,
} from './kernel-call.js';
import { Slabs } from './slabs.js';

/**
 * Assigns a place to every value. Calls of views disappear, because their results lie in other values already. The pass
 * inserts a copy where a value cannot lie where another call needs it, or where a kernel is faster on 16-byte-aligned
 * rows. An update becomes one call per slab, if every parameter has a gradient.
 */
export function place(calls: readonly KernelCall[], target: Target): readonly PlacedCall[] {
  return new Placer(calls, target).run();
}

const copy: Op = copyOp;

/** Says whether the rows of a value are contiguous. */
const isDense = ({ shape }: Value, { stride }: View): boolean => stride === channelsOf(shape) || rowsOf(shape) === 1;

/** Returns which parameter set and state an update changes. */
function updateOf({ op, attrs }: KernelCall): Update {
  const found = op.update?.(attrs);
  if (!found) throw new Error(`${op.name} has no \`update\`, which says what it updates`);
  return found;
}

class Placer {
  readonly #slabs: Slabs;
  readonly #homes: Homes;
  readonly #views = new Map<Value, View>();
  readonly #placed: PlacedCall[] = [];

  constructor(
    private readonly calls: readonly KernelCall[],
    private readonly target: Target,
  ) {
    this.#slabs = new Slabs(target.device.limits);
    this.#homes = findHomes(calls, (update) => this.#slots(update));
  }

  run(): readonly PlacedCall[] {
    this.#expectOneUpdateEach();
    for (const call of this.calls) {
      const { kind } = call.op;
      if (kind === 'leaf') this.#leaf(call);
      for (const { part, to } of this.#homes.copies.filter((c) => c.call === call))
        this.#copy(part, this.#viewOf(part), this.#inHome(part, to));
      if (kind === 'update') this.#update(call);
      else if (kind === 'keep') this.#add(call, (_, value) => this.#viewOf(value));
      else if (!kind && !this.#isInPlace(call)) this.#add(call, (name, value) => this.#argument(call, name, value));
    }
    return this.#placed;
  }

  /** Adds a call whose arguments are at the places that `viewOf` returns, and whose results are at their own. */
  #add(call: KernelCall, viewOf: (name: string, value: Value) => View): void {
    const buffers: Record<string, View> = {};
    for (const [name, value] of Object.entries(call.inputs)) buffers[name] = viewOf(name, value);
    for (const [name, value] of Object.entries(call.outputs)) buffers[name] = this.#viewOf(value);
    this.#placed.push({ ...call, buffers });
  }

  #leaf(call: KernelCall): void {
    const { value } = call.outputs;
    if (!isOf(leaf, call) || !value) return;
    const { attrs } = call;
    if (attrs.source === 'parameter') {
      const { allocation, offset } = this.#slabs.slot(attrs.set, attrs.name, 'parameter');
      this.#views.set(value, denseView(allocation, value, offset));
    } else {
      const label = `${attrs.source}/${describeValue(value)}`;
      this.#views.set(
        value,
        denseView({ label, kind: attrs.source, ...sized(sizeOf(value.shape), this.target) }, value),
      );
    }
    this.#add(call, (_, v) => this.#viewOf(v));
  }

  /**
   * Says whether the result of a reshape shares the memory of its argument, which must be contiguous. With redzones the
   * kernel runs instead, so that checks test it.
   */
  #isInPlace({ op, inputs, outputs }: KernelCall): boolean {
    if (!op.reshapes || this.target.redzone !== undefined) return false;
    const [x, y] = [present(inputs[op.reshapes[0]]), present(outputs[op.reshapes[1]])];
    const view = this.#viewOf(x);
    if (this.#homes.of.has(y) || !isDense(x, view)) return false;
    this.#views.set(y, denseView(view.allocation, y, view.offset));
    return true;
  }

  #copy(value: Value, from: View, to: View): void {
    const copied: Value = { name: `copy of ${value.name}`, shape: value.shape, dtype: value.dtype };
    const call = { op: copy, attrs: null, inputs: { x: value }, outputs: { y: copied }, epilogue: [] };
    this.#placed.push({ ...call, buffers: { x: from, y: to } });
  }

  /** Returns the place of a value. A value without a home gets an allocation of its own. */
  #viewOf(value: Value): View {
    const found = this.#views.get(value);
    if (found) return found;
    const home = this.#homes.of.get(value);
    const view = home ? this.#inHome(value, home) : this.#own(value);
    this.#views.set(value, view);
    return view;
  }

  #inHome(value: Value, home: Home): View {
    if ('allocation' in home) return denseView(home.allocation, value, home.offset);
    const { allocation, offset, stride } = this.#viewOf(home.whole);
    return { allocation, offset: offset + home.row * stride + home.channel, stride };
  }

  #own(value: Value): View {
    const channels = channelsOf(value.shape);
    const strided = this.#homes.isStrided(value);
    const { redzone } = this.target;
    const gap = strided ? (redzone ?? 0) : 0;
    // Rows of an image are 16-byte-aligned even if the number of channels is not a multiple of 4.
    const wide = strided && value.shape.length === 4 && channels > 2;
    const stride = gap + (wide ? 4 * Math.ceil(channels / 4) : channels);
    const size = sized(gap + rowsOf(value.shape) * stride, this.target);
    return { allocation: { label: describeValue(value), kind: 'pool', ...size }, offset: gap, stride };
  }

  /** Returns the place where a kernel reads an argument. */
  #argument(call: KernelCall, name: string, value: Value): View {
    if (!takesStride(call, name)) return this.#dense(value);
    return call.op.args[name]?.aligned && this.target.alignRows ? this.#aligned(value) : this.#viewOf(value);
  }

  /** Returns a place of a value that kernels without a row stride can bind. */
  #dense(value: Value): View {
    const view = this.#viewOf(value);
    if (isDense(value, view) && view.offset % ALIGN === 0) return view;
    // With redzones it is bound as a range of its buffer, as parameters are.
    const offset = this.target.redzone === undefined ? 0 : ALIGN;
    const size = sized(offset + sizeOf(value.shape), this.target);
    const to = denseView({ label: `contiguous ${describeValue(value)}`, kind: 'scratch', ...size }, value, offset);
    this.#copy(value, view, to);
    return to;
  }

  /** Returns a place of a value whose rows are aligned for vec4 loads. */
  #aligned(value: Value): View {
    const view = this.#viewOf(value);
    const channels = channelsOf(value.shape);
    if ((view.stride % 4 === 0 && view.offset % 4 === 0) || channels < 3) return view;
    const stride = 4 * Math.ceil(channels / 4);
    const size = sized(rowsOf(value.shape) * stride, this.target);
    const allocation: Allocation = { label: `aligned ${describeValue(value)}`, kind: 'scratch', ...size };
    const to = { allocation, offset: 0, stride };
    this.#copy(value, view, to);
    return to;
  }

  /** Returns the gradients that an update reads, and their places in the slabs. */
  #slots(call: KernelCall): { gradient: Value; slot: GradientSlot }[] {
    const { set } = updateOf(call);
    return set.names.flatMap((name) => {
      const gradient = call.inputs[gradientName(name)];
      return gradient ? [{ gradient, slot: this.#slabs.slot(set, name, 'gradient') }] : [];
    });
  }

  /** Adds one call for every range of a slab in which each parameter has a gradient. */
  #update(call: KernelCall): void {
    const { op, node, attrs, inputs } = call;
    const { set, state } = updateOf(call);
    const further = Object.entries(inputs).filter(([name]) => op.args[name]);
    for (const { gradients, from, to } of stretchesOf(this.#slots(call))) {
      const parameters = (of: typeof set) => present(this.#slabs.of(of, 'parameter')[gradients.slab?.index ?? 0]);
      const slabs: Record<string, Allocation> = { weights: parameters(set), gradients };
      for (const [name, of] of Object.entries(state)) slabs[name] = parameters(of);
      const values: Record<string, Value> = {};
      const buffers: Record<string, View> = {};
      for (const [name, allocation] of Object.entries(slabs)) {
        values[name] = { name: allocation.label, shape: [to - from], dtype: 'f32' };
        buffers[name] = { allocation, offset: from, stride: to - from };
      }
      for (const [name, value] of further) {
        values[name] = value;
        buffers[name] = this.#dense(value);
      }
      this.#placed.push({ op, node, attrs, inputs: values, outputs: {}, epilogue: [], buffers });
    }
  }

  #expectOneUpdateEach(): void {
    const updated = new Set<unknown>();
    for (const call of this.calls) {
      if (call.op.kind !== 'update') continue;
      const { set } = updateOf(call);
      if (updated.has(set))
        throw new UsageError(`parameter set ${set.name} is updated twice in one plan; use one update for each set`);
      updated.add(set);
    }
  }
}

/** The elements [from, to) of a slab of gradients. */
interface Stretch {
  readonly gradients: Allocation;
  readonly from: number;
  readonly to: number;
}

/** Joins the places of adjacent gradients. */
function stretchesOf(slots: readonly { readonly gradient: Value; readonly slot: GradientSlot }[]): readonly Stretch[] {
  const found: Stretch[] = [];
  for (const { gradient, slot } of slots) {
    const to = slot.offset + align(sizeOf(gradient.shape));
    const last = found.at(-1);
    const follows = last?.gradients === slot.allocation && last.to === slot.offset;
    if (follows) found.pop();
    found.push({ gradients: slot.allocation, from: follows ? last.from : slot.offset, to });
  }
  return found;
}
