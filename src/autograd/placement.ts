import type { ParameterSet } from './leaves.js';
import type { ChannelRange, Op } from './op.js';
import { align } from './storage.js';
import { channelsOf, type DType, type Node, rowsOf, type Tensor } from './tensor.js';

/** One stretch of device memory. */
export interface Root {
  readonly label: string;
  /** A tensor in the pool, a temporary there, an input or slab of parameters, or a slab of gradients. */
  readonly kind: 'pool' | 'scratch' | 'leaf' | 'gradient';
  elements: number;
  readonly dtype: DType;
  /** Index of the gradient slab, when it is one. */
  readonly slab?: number;
  /** First and last step that touch it; set by the compiler. */
  first: number;
  last: number;
  buffer?: GPUBuffer;
  /** Byte offset of the root in `buffer`. */
  at: number;
}

export function newRoot(label: string, kind: Root['kind'], elements: number, slab?: number): Root {
  return { label, kind, elements, dtype: 'f32', slab, first: Number.POSITIVE_INFINITY, last: -1, at: 0 };
}

/** Whether the root shares the pool's buffers. */
export function isPooled(root: Root): boolean {
  return root.kind === 'pool' || root.kind === 'scratch';
}

/** Where a tensor lies: element (r, c) at `offset + r * stride + c` of its root. */
export interface Placement {
  readonly root: Root;
  readonly offset: number;
  readonly stride: number;
}

/** A copy the compiler has to insert because a part cannot lie in its whole. */
export interface PartCopy {
  readonly node: Node;
  readonly part: Tensor;
  readonly whole: Tensor | GradientSlot;
  readonly at: number;
  readonly row: number;
}

/** A place in a gradient slab. */
export interface GradientSlot {
  readonly root: Root;
  readonly parameter: Tensor;
}

/** Sentinel layout for tests: elements left free around every tensor and between its rows. */
export interface Guard {
  readonly gap: number;
}

interface Link {
  readonly whole: Tensor | GradientSlot;
  readonly at: number;
  readonly row: number;
  readonly node: Node;
  /** A slice or detached value reads its whole; it can never be given another place. */
  readonly reads: boolean;
}

const isTensor = (x: Tensor | GradientSlot): x is Tensor => 'node' in x;

/** Which arguments and results of an op take any channel stride. */
function takesStride(op: Op, name: string): boolean {
  return op.kind === 'view' || (op.strided?.includes(name) ?? false);
}

/**
 * Decides where every tensor of a schedule lies. Concatenations become channel ranges that the producers write into, slices
 * become channel ranges that the consumers read from, parameter gradients are written straight into the optimiser's slab. Where
 * that is impossible (a leaf, a value in two concatenations, a kernel that would read and write one buffer) a copy is listed.
 */
export class Placements {
  readonly copies: PartCopy[] = [];
  readonly roots: Root[] = [];
  readonly #links = new Map<Tensor, Link>();
  readonly #placed = new Map<Tensor, Placement>();
  readonly #uses = new Map<Tensor, { node: Node; name: string }[]>();
  readonly #makers = new Map<Tensor, { node: Node; name: string }>();

  constructor(
    private readonly nodes: readonly Node[],
    slabs: ReadonlyMap<ParameterSet, readonly Root[]>,
    private readonly slotOf: (update: Node) => readonly { gradient: Tensor; slot: GradientSlot; offset: number }[],
    private readonly guard: Guard | undefined,
  ) {
    for (const node of nodes) {
      for (const [i, y] of node.outputs.entries()) this.#makers.set(y, { node, name: node.op.results[i] ?? '' });
      for (const [i, x] of node.inputs.entries()) {
        if (!x) continue;
        const uses = this.#uses.get(x) ?? [];
        uses.push({ node, name: (node.op.args[i] ?? '').replace('?', '') });
        this.#uses.set(x, uses);
      }
    }
    // Later concatenations first, so that one inside another is already placed when its parts are.
    for (const node of [...nodes].reverse()) {
      if (node.op.kind === 'update') {
        for (const { gradient, slot, offset } of this.slotOf(node)) this.#join(node, gradient, slot, offset);
      }
      for (const range of node.op.view?.(node) ?? []) this.#range(node, range);
    }
    this.#separate();
    for (const list of slabs.values()) this.roots.push(...list);
  }

  #range(node: Node, { part, whole, at, row = 0 }: ChannelRange): void {
    if (node.outputs.includes(part)) this.#links.set(part, { whole, at, row, node, reads: true });
    else this.#join(node, part, whole, at, row);
  }

  #join(node: Node, part: Tensor, whole: Tensor | GradientSlot, at: number, row = 0): void {
    const { node: maker } = this.maker(part);
    const free = maker.op.kind !== 'leaf' && !this.#links.has(part);
    const views = maker.op.view?.(maker).some((v) => v.part === part) ?? false;
    if (free && !views && (!isTensor(whole) || this.stridedEverywhere(part)))
      this.#links.set(part, { whole, at, row, node, reads: false });
    else this.copies.push({ node, part, whole, at, row });
  }

  /** The node of the schedule that makes a tensor, and by which name. */
  maker(t: Tensor): { readonly node: Node; readonly name: string } {
    return this.#makers.get(t) ?? { node: t.node, name: t.node.op.results[t.index] ?? '' };
  }

  /** Whether the producer and every consumer of `t`, through slices too, take a channel stride. */
  stridedEverywhere(t: Tensor): boolean {
    const { node: maker, name: result } = this.maker(t);
    if (t.dtype !== 'f32' || !takesStride(maker.op, result)) return false;
    return (this.#uses.get(t) ?? []).every(
      ({ node, name }) =>
        takesStride(node.op, name) &&
        (node.op.view?.(node) ?? []).every((v) => v.whole !== t || this.stridedEverywhere(v.part)),
    );
  }

  /** No kernel may read and write one buffer: gives up the placements that would make it so. */
  #separate(): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (const node of this.nodes) {
        if (node.op.kind) continue;
        // Nor may it write one through two variables, except where each is bound by its own range of a gradient slab.
        const taken = new Set(node.inputs.filter((x) => x !== undefined).map((x) => this.#rootKey(x)));
        for (const y of node.outputs) {
          const link = this.#links.get(y);
          if (link && taken.has(this.#rootKey(y))) changed = this.#part(y, link);
          const root = this.#rootKey(y);
          if (!('kind' in root)) taken.add(root);
        }
      }
      for (const copy of this.copies) {
        const target = isTensor(copy.whole) ? this.#rootKey(copy.whole) : copy.whole.root;
        if (this.#rootKey(copy.part) !== target) continue;
        for (let t: Tensor | undefined = copy.part; t; ) {
          const link: Link | undefined = this.#links.get(t);
          if (!link) break;
          if (!link.reads) {
            changed = this.#part(t, link);
            break;
          }
          t = isTensor(link.whole) ? link.whole : undefined;
        }
      }
    }
  }

  #part(t: Tensor, link: Link): true {
    this.#links.delete(t);
    this.copies.push({ node: link.node, part: t, whole: link.whole, at: link.at, row: link.row });
    return true;
  }

  /** What two tensors in one buffer have in common. */
  #rootKey(t: Tensor): Tensor | Root {
    const link = this.#links.get(t);
    if (!link) return t;
    return isTensor(link.whole) ? this.#rootKey(link.whole) : link.whole.root;
  }

  has(t: Tensor): boolean {
    return this.#placed.has(t);
  }

  entries(): Iterable<[Tensor, Placement]> {
    return this.#placed.entries();
  }

  /** Gives a leaf its place. */
  put(t: Tensor, placement: Placement): void {
    this.#placed.set(t, placement);
  }

  /** The place of a tensor; a tensor without one gets a pooled root of its own. */
  of(t: Tensor): Placement {
    const found = this.#placed.get(t);
    if (found) return found;
    const link = this.#links.get(t);
    let placement: Placement;
    if (link && isTensor(link.whole)) {
      const whole = this.of(link.whole);
      placement = { root: whole.root, offset: whole.offset + link.row * whole.stride + link.at, stride: whole.stride };
    } else if (link) {
      placement = { root: (link.whole as GradientSlot).root, offset: link.at, stride: channelsOf(t.shape) };
    } else {
      placement = this.#own(t);
    }
    this.#placed.set(t, placement);
    return placement;
  }

  #own(t: Tensor): Placement {
    const rows = rowsOf(t.shape);
    const channels = channelsOf(t.shape);
    const strided = this.stridedEverywhere(t);
    const gap = this.guard && strided ? this.guard.gap : 0;
    // Rows of an image begin at whole vec4s, also where its channels do not fill them.
    const stride = gap + (strided && t.shape.length === 4 && channels > 2 ? 4 * Math.ceil(channels / 4) : channels);
    const elements = align(gap + rows * stride) + (this.guard ? align(1) : 0);
    const root: Root = {
      label: String(t),
      kind: 'pool',
      elements,
      dtype: t.dtype,
      first: Number.POSITIVE_INFINITY,
      last: -1,
      at: 0,
    };
    this.roots.push(root);
    return { root, offset: gap, stride };
  }
}
