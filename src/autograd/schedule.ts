import type { Engine } from '../gpu/engine.js';
import { copyOp } from '../kernels/copy/copy.js';
import { bindsRange, chooseVariant, type Piece } from './bind.js';
import type { CompileOptions } from './compile.js';
import type { LeafAttrs, UpdateAttrs } from './leaves.js';
import { type Arg, type Call, label, type Op } from './op.js';
import { newRoot, type Placement, Placements, type Root } from './placement.js';
import { tunedVariant } from './shape-class.js';
import { Slabs } from './slabs.js';
import { ALIGN, align } from './storage.js';
import { channelsOf, Node, rowsOf, type Tensor } from './tensor.js';

/**
 * Every launch of a list of nodes in order, with its arguments in place and its variant chosen. Nothing is allocated: roots have
 * sizes and no buffers yet.
 */
export class Scheduler {
  readonly slabs: Slabs;
  readonly places: Placements;
  /** Inputs and constants. */
  readonly leaves = new Map<Tensor, Root>();
  readonly pieces: readonly Piece[];
  readonly #pieces: Piece[] = [];

  constructor(
    private readonly engine: Engine,
    nodes: readonly Node[],
    private readonly options: Pick<CompileOptions, 'guard' | 'variant' | 'align'>,
  ) {
    this.slabs = new Slabs(engine, nodes);
    this.places = new Placements(nodes, this.slabs.gradients, (n) => this.slabs.slots(n), options.guard);
    for (const node of nodes) {
      if (node.op.kind === 'leaf') this.#placeLeaf(node.outputs[0] as Tensor);
      else if (!node.op.kind) this.#kernel(node);
      if (node.op.kind) this.#copies(node);
      if (node.op.kind === 'update') this.#launchUpdate(node);
    }
    this.pieces = this.#pieces;
  }

  #placeLeaf(t: Tensor): void {
    const attrs = t.node.attrs as LeafAttrs;
    if (attrs.source === 'parameter') {
      const { root, offset } = this.slabs.placeOf(attrs.set, t);
      this.places.put(t, { root, offset, stride: channelsOf(t.shape) });
      return;
    }
    const root = newRoot(`${attrs.source}/${t}`, 'leaf', align(t.size));
    this.leaves.set(t, root);
    this.places.put(t, { root, offset: 0, stride: channelsOf(t.shape) });
  }

  /** Copies of the parts that a concatenation or optimiser could not have written in place. */
  #copies(node: Node): void {
    for (const { node: at, part, whole, at: offset, row } of this.places.copies) {
      if (at !== node) continue;
      const place = this.places.of(part);
      const target: Placement =
        'parameter' in whole
          ? { root: whole.root, offset, stride: channelsOf(part.shape) }
          : within(this.places.of(whole), row, offset);
      this.#addCopy(part, place, target);
    }
  }

  #addCopy(t: Tensor, from: Placement, to: Placement): void {
    this.#launch(
      copyOp as Op,
      new Node(copyOp as Op, [t], null, [t]),
      { x: argOf(t, from), y: argOf(t, to) },
      { x: from, y: to },
    );
  }

  /** A tensor where a kernel that takes no channel stride can bind it. */
  #contiguous(t: Tensor): Placement {
    const place = this.places.of(t);
    if ((place.stride === channelsOf(t.shape) || rowsOf(t.shape) === 1) && place.offset % ALIGN === 0) return place;
    // Checks bind it by a range of its buffer, as parameters are.
    const offset = this.options.guard ? ALIGN : 0;
    const root = newRoot(`contiguous ${t}`, 'scratch', offset + align(t.size));
    this.places.roots.push(root);
    const to = { root, offset, stride: channelsOf(t.shape) };
    this.#addCopy(t, place, to);
    return to;
  }

  /** A tensor where vec4 loads of its rows are aligned. */
  #aligned(t: Tensor): Placement {
    const place = this.places.of(t);
    const channels = channelsOf(t.shape);
    if ((place.stride % 4 === 0 && place.offset % 4 === 0) || channels < 3) return place;
    const stride = 4 * Math.ceil(channels / 4);
    const root = newRoot(`aligned ${t}`, 'scratch', align(rowsOf(t.shape) * stride));
    this.places.roots.push(root);
    const to = { root, offset: 0, stride };
    this.#addCopy(t, place, to);
    return to;
  }

  /** Where a kernel reads an argument. */
  #argument(op: Op, name: string, t: Tensor): Placement {
    if (!op.strided?.includes(name)) return this.#contiguous(t);
    const { align: wanted = !this.options.variant } = this.options;
    return op.aligned?.includes(name) && wanted ? this.#aligned(t) : this.places.of(t);
  }

  #kernel(node: Node): void {
    const args: Record<string, Arg> = {};
    const places: Record<string, Placement> = {};
    const put = (name: string, t: Tensor, isInput: boolean) => {
      const place = isInput ? this.#argument(node.op, name, t) : this.places.of(t);
      places[name] = place;
      args[name] = argOf(t, place);
    };
    for (const [i, x] of node.inputs.entries()) if (x) put((node.op.args[i] as string).replace('?', ''), x, true);
    for (const [i, y] of node.outputs.entries()) put(node.op.results[i] as string, y, false);
    this.#launch(node.op, node, args, places);
  }

  /** One launch per slab: the whole group of parameters at once. */
  #launchUpdate(node: Node): void {
    const { set, state } = node.attrs as UpdateAttrs;
    const extra = node.inputs.slice(0, -set.tensors.length) as Tensor[];
    for (const [slab, gradients] of (this.slabs.gradients.get(set) as readonly Root[]).entries()) {
      const roots: Record<string, Root> = { weights: this.slabs.of(set)[slab] as Root, gradients };
      for (const [name, s] of Object.entries(state)) roots[name] = this.slabs.of(s)[slab] as Root;
      const args: Record<string, Arg> = {};
      const places: Record<string, Placement> = {};
      for (const [name, root] of Object.entries(roots)) {
        places[name] = { root, offset: 0, stride: root.elements };
        args[name] = {
          shape: [root.elements],
          dtype: 'f32',
          offset: 0,
          stride: root.elements,
          rows: 1,
          channels: root.elements,
        };
      }
      for (const [i, t] of extra.entries()) {
        const name = node.op.args[i] as string;
        places[name] = this.#contiguous(t);
        args[name] = argOf(t, places[name]);
      }
      this.#launch(node.op, node, args, places);
    }
  }

  #launch(op: Op, node: Node, args: Record<string, Arg>, places: Record<string, Placement>): void {
    const { device, software, subgroupSize } = this.engine;
    const call: Call = {
      attrs: node.attrs,
      arg: Object.fromEntries(
        Object.entries(args).map(([k, a]) => [k, bindsRange(a, places[k] as Placement) ? { ...a, offset: 0 } : a]),
      ),
      device: { limits: device.limits, features: device.features as ReadonlySet<string>, software, subgroupSize },
    };
    const own = op.fusion?.own(call) ?? call;
    const wanted = this.options.variant?.(op.name, own) ?? tunedVariant(this.engine.tuning, op, own);
    const variant = chooseVariant(op, own, wanted);
    const title = [op.name, ...(op.fusion?.names ?? [])].join('+');
    const name = label(title, variant.name, node.outputs[0]?.shape ?? args.weights?.shape);
    const alone = variant.launch(own);
    const launch = op.fusion?.extend(alone, call) ?? alone;
    this.#pieces.push({ op, node, variant, call: own, args: call.arg, launch, places: { ...places }, label: name });
  }
}

/** The place of a part whose first element is in this row and channel of a tensor. */
function within({ root, offset, stride }: Placement, row: number, channel: number): Placement {
  return { root, offset: offset + row * stride + channel, stride };
}

function argOf(t: Tensor, place: Placement): Arg {
  return {
    shape: t.shape,
    dtype: t.dtype,
    offset: place.offset,
    stride: place.stride,
    rows: rowsOf(t.shape),
    channels: channelsOf(t.shape),
  };
}
