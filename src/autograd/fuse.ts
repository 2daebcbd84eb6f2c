import { fusedNode, type Link, sidesOf } from './epilogue.js';
import { Node, type Tensor } from './tensor.js';

/** What a kernel may do besides its own work: more would not fit into its bindings or numbers. */
const MOST_LINKS = 8;

/** A schedule in which elementwise work is done by the kernels that make the elements. */
export interface Schedule {
  readonly nodes: readonly Node[];
  /** Values that no kernel stores any more. */
  readonly away: ReadonlySet<Tensor>;
}

/** What fusing depends on. */
export interface FusionDevice {
  /** Storage buffers that a kernel may bind. */
  readonly bindings: number;
  /** Whether compiling is so slow that a kernel with many stores takes only what reads and writes nothing more. */
  readonly slowCompiler: boolean;
}

/**
 * Fuses elementwise nodes into the kernels that make their operands, where that saves reading a value back: conv → bias →
 * activation, norm → dropout → activation, gradient of a convolution → gradient of an activation → sum. Nothing is computed
 * twice and no value is kept longer than it was.
 *
 * @param kept Tensors that must be stored.
 */
export function fuse(nodes: readonly Node[], kept: ReadonlySet<Tensor>, device: FusionDevice): Schedule {
  const spread = spreadOverParts(nodes, kept);
  const fused = new Fuser(spread, kept, device).run();
  const made = new Set(fused.flatMap((n) => n.outputs));
  return { nodes: fused, away: new Set(nodes.flatMap((n) => n.outputs).filter((t) => !made.has(t))) };
}

/** The nodes that read each tensor, one entry per argument. */
function usesOf(nodes: readonly Node[]): Map<Tensor, Node[]> {
  const uses = new Map<Tensor, Node[]>();
  for (const node of nodes) {
    for (const x of node.inputs) {
      if (!x) continue;
      const list = uses.get(x);
      if (list) list.push(node);
      else uses.set(x, [node]);
    }
  }
  return uses;
}

const resultOf = (node: Node): Tensor | undefined =>
  node.op.epilogue === undefined ? undefined : node.outputs[node.op.results.indexOf(node.op.epilogue)];

/**
 * f([a | b]) = [f(a) | f(b)]: an elementwise node over a concatenation that nothing else reads becomes one over each part, where
 * the kernel of a part can then do it.
 */
function spreadOverParts(nodes: readonly Node[], kept: ReadonlySet<Tensor>): readonly Node[] {
  const uses = usesOf(nodes);
  const position = new Map(nodes.map((n, i) => [n, i]));
  const alone = (t: Tensor) => !kept.has(t) && uses.get(t)?.length === 1;
  const isConcat = (t: Tensor) => t.node.op.view?.(t.node).every((r) => r.whole === t) ?? false;
  const worthIt = (t: Tensor): boolean =>
    t.node.inputs.some((x) => x && alone(x) && (isConcat(x) ? worthIt(x) : resultOf(x.node) === x));
  const gone = new Set<Node>();
  /** What to put behind each position of the schedule. */
  const behind = new Map<number, Node[]>();
  const put = (node: Node, at: number) => {
    const list = behind.get(at);
    if (list) list.push(node);
    else behind.set(at, [node]);
    return node;
  };
  for (const [at, node] of nodes.entries()) {
    const x = node.inputs[0];
    const { pointwise } = node.op;
    if (!pointwise || pointwise.random || node.inputs.length !== 1 || !x) continue;
    if (!isConcat(x) || !alone(x) || !worthIt(x)) continue;
    const over = (t: Tensor, whole?: readonly Tensor[]): Node => {
      if (!isConcat(t) || !(alone(t) || whole)) {
        const made = t.node.op.kind ? at : (position.get(t.node) as number);
        return put(new Node(node.op, [t], node.attrs, [t], `${node.op.name} ${t.name}`), made);
      }
      gone.add(t.node);
      const parts = t.node.inputs.map((part) => over(part as Tensor).outputs[0]);
      return put(new Node(t.node.op, parts, t.node.attrs, [t], `${node.op.name} ${t.name}`, whole), at);
    };
    over(x, node.outputs);
    gone.add(node);
  }
  if (!gone.size) return nodes;
  return nodes.flatMap((n, i) => [...(gone.has(n) ? [] : [n]), ...(behind.get(i) ?? [])]);
}

class Fuser {
  readonly #nodes: readonly Node[];
  readonly #uses: Map<Tensor, Node[]>;
  readonly #position: Map<Node, number>;
  /** Where in the schedule a tensor is there. */
  readonly #made = new Map<Tensor, number>();
  readonly #merged = new Set<Node>();

  constructor(
    nodes: readonly Node[],
    private readonly kept: ReadonlySet<Tensor>,
    private readonly device: FusionDevice,
  ) {
    // Leaves are there from the start.
    this.#nodes = [...nodes.filter((n) => n.op.kind === 'leaf'), ...nodes.filter((n) => n.op.kind !== 'leaf')];
    this.#uses = usesOf(nodes);
    this.#position = new Map(this.#nodes.map((n, i) => [n, i]));
    for (const [i, n] of this.#nodes.entries()) for (const t of n.outputs) this.#made.set(t, i);
  }

  run(): readonly Node[] {
    const fused = new Map<Node, Node>();
    for (const node of this.#nodes) {
      const result = resultOf(node);
      if (result?.dtype !== 'f32' || this.#merged.has(node)) continue;
      const links = this.#linksOf(node, result);
      if (!links.length) continue;
      const inside = new Set(links);
      const stored = (t: Tensor) => this.kept.has(t) || (this.#uses.get(t) ?? []).some((n) => !inside.has(n));
      const values = new Map([result, ...links.map((n) => n.outputs[0] as Tensor)].map((t, i) => [t, i]));
      const chain = links.map((n): Link => ({ ...linkOf(n, values), stored: stored(n.outputs[0] as Tensor) }));
      fused.set(node, fusedNode(node, stored(result), chain));
    }
    return this.#nodes.filter((n) => !this.#merged.has(n)).map((n) => fused.get(n) ?? n);
  }

  /** The elementwise nodes that the kernel of `first` can do besides, in order. */
  #linksOf(first: Node, result: Tensor): Node[] {
    const at = this.#position.get(first) as number;
    const values = new Map<Tensor, number>([[result, 0]]);
    const links: Node[] = [];
    let bound = first.op.args.length + first.op.results.length + 1;
    for (let grown = true; grown && links.length < MOST_LINKS; ) {
      grown = false;
      const readers = [...values.keys()].flatMap((t) => this.#uses.get(t) ?? []);
      for (const node of [...new Set(readers)].sort((a, b) => this.#at(a) - this.#at(b))) {
        if (this.#merged.has(node) || !node.op.pointwise || !this.#ready(node, values, at)) continue;
        const inside = new Set([...links, node]);
        const vanishes = (t: Tensor) => !this.kept.has(t) && (this.#uses.get(t) ?? []).every((n) => inside.has(n));
        const operands = node.inputs.filter((x): x is Tensor => x !== undefined && values.has(x));
        const pays = operands.some(vanishes);
        if (!pays && !this.#follows(node, at, inside)) continue;
        if (this.#collides(node, [...first.inputs, ...values.keys(), ...node.inputs])) continue;
        const more = sidesOf({ ...linkOf(node, values), stored: true }, 0).length + (pays ? 0 : 1);
        if (bound + more > this.device.bindings || (more > 0 && first.op.unrolled && this.device.slowCompiler))
          continue;
        bound += more;
        links.push(node);
        this.#merged.add(node);
        values.set(node.outputs[0] as Tensor, links.length);
        this.#made.set(node.outputs[0] as Tensor, at);
        grown = true;
        break;
      }
    }
    return links;
  }

  #at(node: Node): number {
    return this.#position.get(node) as number;
  }

  /** Whether all that a node reads is a value of the chain or there before it. */
  #ready(node: Node, values: ReadonlyMap<Tensor, number>, at: number): boolean {
    const updated = this.#nodes.slice(at, this.#at(node)).some((n) => n.op.kind === 'update');
    return node.inputs.every((x) => {
      if (!x || values.has(x)) return true;
      return (this.#made.get(x) as number) < at && !(updated && x.node.op.kind);
    });
  }

  /** Whether a node's result lies in one buffer with what the kernel reads, or writes besides: a copy would have to part them. */
  #collides(node: Node, others: readonly (Tensor | undefined)[]): boolean {
    const result = node.outputs[0] as Tensor;
    const home = this.#home(result);
    return home !== result && others.some((x) => x && this.#home(x) === home);
  }

  /** The tensor whose buffer a concatenation or slice puts another into. */
  #home(t: Tensor): Tensor {
    const from = t.node.op.view?.(t.node).find((r) => r.part === t);
    if (from) return this.#home(from.whole);
    for (const user of this.#uses.get(t) ?? []) {
      const into = user.op.view?.(user).find((r) => r.part === t);
      if (into) return this.#home(into.whole);
    }
    return t;
  }

  /** Whether nothing runs between the chain and a node, so that its result takes memory no earlier than before. */
  #follows(node: Node, at: number, inside: ReadonlySet<Node>): boolean {
    return this.#nodes
      .slice(at + 1, this.#at(node))
      .every((n) => n.op.kind === 'view' || inside.has(n) || this.#merged.has(n));
  }
}

function linkOf(node: Node, values: ReadonlyMap<Tensor, number>): Omit<Link, 'stored'> {
  const { args, pointwise } = node.op;
  const operands = (pointwise?.operands ?? []).map((name) => {
    const x = node.inputs[args.indexOf(name)] as Tensor;
    return values.get(x) ?? x;
  });
  return { node, operands };
}
