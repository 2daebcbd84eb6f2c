import { type Engine, GPU_BUFFER, type Outcomes } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { copyOp } from '../kernels/copy/copy.js';
import { bindSteps, bindsRange, checkLimits, chooseVariant, type Piece } from './bind.js';
import type { fuse } from './fuse.js';
import type { LeafAttrs, ParameterSet } from './leaves.js';
import { assignPool, largestLiveSet } from './memory.js';
import { loadKernels } from './on-demand.js';
import { type Arg, type Call, label, type Op, type Variant } from './op.js';
import { type Guard, isPooled, type Placement, Placements, type Root } from './placement.js';
import { Plan } from './plan.js';
import { tunedVariant } from './shape-class.js';
import { ALIGN, align, layOut, ParameterStorage, type SlabLayout } from './storage.js';
import { channelsOf, Node, rowsOf, type Tensor } from './tensor.js';

export interface CompileOptions {
  /** Parameter updates to run besides computing the outputs (`adam.minimize(loss)`). */
  update?: readonly Node[];
  /** Intermediates whose storage is not reused, so that `plan.read` shows the last run's value; `'all'` keeps every one. */
  retain?: 'all' | readonly Tensor[];
  /** Chooses a variant by name, or gives one that the op does not list; when it returns nothing, `engine.tuning` or else the rule. */
  variant?: (op: string, call: Call) => string | Variant | undefined;
  /**
   * Whether kernels do the elementwise work that follows them. They do, unless every intermediate is retained; `'everywhere'`
   * also where compiling takes longer than this adapter would save.
   */
  fuse?: boolean | 'everywhere';
  /** For tests: sentinels around every output, checked by `plan.guardViolations`. */
  guard?: Guard;
}

/** What an update op (Adam) tells the compiler: whose parameters, and its per-parameter state by kernel argument name. */
export interface UpdateAttrs {
  readonly set: ParameterSet;
  readonly state: Readonly<Record<string, ParameterSet>>;
}

/**
 * Plans a graph for an engine: schedule, storage, kernel variants, pipelines and bind groups, once. The plan is then replayed.
 * Rejects with a typed error (`LimitError`, `OutOfMemoryError`, `ShaderError`) that names the op.
 */
export async function compile(
  engine: Engine,
  outputs: Readonly<Record<string, Tensor>>,
  options: CompileOptions = {},
): Promise<Plan> {
  return new Compiler(engine, outputs, options, await loaded(outputs, options)).compile();
}

/** Loads what compiling a graph takes: the kernels of its ops, and the fuser where it is wanted. */
async function loaded(
  outputs: Readonly<Record<string, Tensor>>,
  { update = [], retain, fuse: wanted = true }: CompileOptions,
): Promise<typeof fuse | undefined> {
  const ops = nodesOf([...Object.values(outputs), ...update]).map((n) => n.op);
  const [fuser] = await Promise.all([
    wanted && retain !== 'all' ? import('./fuse.js') : undefined,
    loadKernels([copyOp as Op, ...ops]),
  ]);
  return fuser?.fuse;
}

/** One launch of a graph: what runs, on which shapes, strides and offsets. */
export type PlannedCall = Pick<Piece, 'op' | 'node' | 'call' | 'variant' | 'launch'>;

/** The launches that `compile` would plan, in order; nothing is allocated. For `tune`. */
export async function plannedCalls(
  engine: Engine,
  outputs: Readonly<Record<string, Tensor>>,
  options: CompileOptions = {},
): Promise<readonly PlannedCall[]> {
  return new Compiler(engine, outputs, options, await loaded(outputs, options)).schedule();
}

/** `plannedCalls` without fusion, of a graph whose kernels are loaded. */
export function launches(engine: Engine, outputs: Readonly<Record<string, Tensor>>): readonly PlannedCall[] {
  return new Compiler(engine, outputs, {}, undefined).schedule();
}

class Compiler {
  readonly #nodes: readonly Node[];
  /** Values that are never stored, because fused kernels use them up. */
  readonly #away: ReadonlySet<Tensor>;
  readonly #slabRoots = new Map<ParameterSet, Root[]>();
  readonly #leafRoots = new Map<Tensor, Root>();
  readonly #parameterRoots = new Map<ParameterSet, Root[]>();
  readonly #layouts = new Map<ParameterSet, SlabLayout>();
  readonly #places: Placements;
  readonly #pieces: Piece[] = [];
  readonly #outcomes: Outcomes = [];

  constructor(
    private readonly engine: Engine,
    private readonly outputs: Readonly<Record<string, Tensor>>,
    private readonly options: CompileOptions,
    fuser: typeof fuse | undefined,
  ) {
    const nodes = nodesOf([...Object.values(outputs), ...(options.update ?? [])]);
    const bindings = engine.device.limits.maxStorageBuffersPerShaderStage;
    const device = { bindings, slowCompiler: engine.software && options.fuse !== 'everywhere' };
    const schedule = fuser?.(nodes, this.#retained(nodes), device);
    this.#nodes = schedule?.nodes ?? nodes;
    this.#away = schedule?.away ?? new Set();
    for (const node of this.#nodes) if (node.op.kind === 'update') this.#addSlabs(node);
    this.#places = new Placements(this.#nodes, this.#slabRoots, (n) => this.#slots(n), options.guard);
  }

  #addSlabs(update: Node): void {
    const { set } = update.attrs as UpdateAttrs;
    if (this.#slabRoots.has(set)) throw new UsageError(`parameter set ${set.name} is updated twice in one plan`);
    const roots = this.#layout(set).slabs.map((elements, slab) =>
      newRoot(`gradients/${set.name}#${slab}`, 'gradient', elements, slab),
    );
    this.#slabRoots.set(set, roots);
  }

  #layout(set: ParameterSet): SlabLayout {
    const limits = this.engine.device.limits;
    const found =
      this.#layouts.get(set) ?? layOut(set, Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize));
    this.#layouts.set(set, found);
    return found;
  }

  #slots(update: Node) {
    const { set } = update.attrs as UpdateAttrs;
    const layout = this.#layout(set);
    const roots = this.#slabRoots.get(set) as Root[];
    const gradients = update.inputs.slice(-set.tensors.length) as Tensor[];
    return set.tensors.map((parameter, i) => {
      const { slab, offset } = layout.at.get(parameter) as { slab: number; offset: number };
      return { gradient: gradients[i] as Tensor, slot: { root: roots[slab] as Root, parameter }, offset };
    });
  }

  /** Every launch in order, with its arguments in place. Nothing is allocated yet. */
  schedule(): readonly Piece[] {
    for (const node of this.#nodes) {
      if (node.op.kind === 'leaf') this.#placeLeaf(node.outputs[0] as Tensor);
      else if (!node.op.kind) this.#kernel(node);
      if (node.op.kind) this.#copies(node);
      if (node.op.kind === 'update') this.#launchUpdate(node);
    }
    return this.#pieces;
  }

  async compile(): Promise<Plan> {
    const { engine } = this;
    this.schedule();
    for (const t of Object.values(this.outputs)) this.#places.of(t);
    this.#lifetimes();
    const scratch = this.#scratchRoots();
    const pooled = [...this.#places.roots.filter((r) => isPooled(r) && r.last >= 0), ...scratch.flat()];
    const pool = assignPool(pooled);
    checkLimits(engine.device.limits, this.#pieces, [...pooled, ...this.#leafRoots.values()]);

    const usage = GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_SRC | GPU_BUFFER.COPY_DST;
    const owned: (GPUBuffer | GPUTexture)[] = [];
    const make = (name: string, elements: number, flags: number = usage) => {
      const buffer = engine.buffer(name, 4 * elements, flags, this.#outcomes);
      owned.push(buffer);
      return buffer;
    };
    try {
      for (const [i, b] of pool.entries()) {
        const buffer = make(`pool#${i}(${b.roots[0]?.label})`, b.elements);
        for (const root of b.roots) root.buffer = buffer;
      }
      for (const roots of this.#slabRoots.values()) for (const r of roots) r.buffer = make(r.label, r.elements);
      for (const [set, roots] of this.#parameterRoots)
        for (const [slab, root] of roots.entries()) root.buffer = this.#storage(set).buffers[slab];
      for (const [t, root] of this.#leafRoots) {
        root.buffer = make(`${root.label}`, root.elements);
        const leafAttrs = t.node.attrs as LeafAttrs;
        if (leafAttrs.source === 'constant')
          engine.device.queue.writeBuffer(root.buffer, 0, leafAttrs.data as BufferSource);
      }
      const { steps, textures } = await bindSteps(engine, this.#pieces, make, this.#outcomes);
      owned.push(...textures);
      await engine.wait(Promise.all(this.#outcomes));
      return new Plan(engine, {
        steps,
        outputs: this.outputs,
        places: this.#places,
        inputs: [...this.#leafRoots].filter(([t]) => (t.node.attrs as LeafAttrs).source === 'input'),
        owned,
        guard: this.options.guard,
        retained: this.#retained(this.#nodes),
        away: this.#away,
        aside: (t) => compile(engine, { value: t }, { variant: this.options.variant, fuse: false }),
        memory: {
          pool: pool.reduce((n, b) => n + 4 * b.elements, 0),
          textures: textures.reduce((n, t) => n + 16 * t.width * t.height, 0),
          largestLiveSet: 4 * largestLiveSet(pooled, this.#pieces.length),
          gradients: [...this.#slabRoots.values()].flat().reduce((n, r) => n + 4 * r.elements, 0),
          inputs: [...this.#leafRoots.values()].reduce((n, r) => n + 4 * r.elements, 0),
          parameters: this.#parameterSets().map((set) => ({
            name: set.name,
            bytes: this.#storage(set).bytes,
          })),
        },
      });
    } catch (error) {
      for (const b of owned) b.destroy();
      throw error;
    }
  }

  #parameterSets(): ParameterSet[] {
    const sets = new Set<ParameterSet>();
    for (const { op, attrs } of this.#nodes) {
      if (op.kind === 'leaf' && (attrs as LeafAttrs).source === 'parameter')
        sets.add((attrs as { set: ParameterSet }).set);
      if (op.kind === 'update')
        for (const s of [(attrs as UpdateAttrs).set, ...Object.values((attrs as UpdateAttrs).state)]) sets.add(s);
    }
    return [...sets];
  }

  #storage(set: ParameterSet): ParameterStorage {
    return ParameterStorage.of(this.engine, set, this.#outcomes);
  }

  #placeLeaf(t: Tensor): void {
    const attrs = t.node.attrs as LeafAttrs;
    if (attrs.source === 'parameter') {
      const { root, offset } = this.#parameterRoot(attrs.set, t);
      this.#places.put(t, { root, offset, stride: channelsOf(t.shape) });
      return;
    }
    const root = newRoot(`${attrs.source}/${t}`, 'leaf', align(t.size));
    this.#leafRoots.set(t, root);
    this.#places.put(t, { root, offset: 0, stride: channelsOf(t.shape) });
  }

  #slabRoot(set: ParameterSet, slab: number): Root {
    let roots = this.#parameterRoots.get(set);
    if (!roots) {
      const { slabs } = this.#layout(set);
      roots = slabs.map((elements, i) => newRoot(`parameters/${set.name}#${i}`, 'leaf', elements));
      this.#parameterRoots.set(set, roots);
    }
    return roots[slab] as Root;
  }

  #parameterRoot(set: ParameterSet, t: Tensor): { root: Root; offset: number } {
    const { slab, offset } = this.#layout(set).at.get(t) as { slab: number; offset: number };
    return { root: this.#slabRoot(set, slab), offset };
  }

  /** Copies of the parts that a concatenation or optimiser could not have written in place. */
  #copies(node: Node): void {
    for (const { node: at, part, whole, at: offset } of this.#places.copies) {
      if (at !== node) continue;
      const place = this.#places.of(part);
      const target: Placement =
        'parameter' in whole
          ? { root: whole.root, offset, stride: channelsOf(part.shape) }
          : {
              root: this.#places.of(whole).root,
              offset: this.#places.of(whole).offset + offset,
              stride: this.#places.of(whole).stride,
            };
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
    const place = this.#places.of(t);
    if ((place.stride === channelsOf(t.shape) || rowsOf(t.shape) === 1) && place.offset % ALIGN === 0) return place;
    const root = newRoot(`contiguous ${t}`, 'scratch', align(t.size));
    this.#places.roots.push(root);
    const to = { root, offset: 0, stride: channelsOf(t.shape) };
    this.#addCopy(t, place, to);
    return to;
  }

  /** A tensor where vec4 loads of its rows are aligned. */
  #aligned(t: Tensor): Placement {
    const place = this.#places.of(t);
    const channels = channelsOf(t.shape);
    if ((place.stride % 4 === 0 && place.offset % 4 === 0) || channels < 3) return place;
    const stride = 4 * Math.ceil(channels / 4);
    const root = newRoot(`aligned ${t}`, 'scratch', align(rowsOf(t.shape) * stride));
    this.#places.roots.push(root);
    const to = { root, offset: 0, stride };
    this.#addCopy(t, place, to);
    return to;
  }

  /** Where a kernel reads an argument. Under a forced variant it reads it as it lies. */
  #argument(op: Op, name: string, t: Tensor): Placement {
    if (!op.strided?.includes(name)) return this.#contiguous(t);
    return op.aligned?.includes(name) && !this.options.variant ? this.#aligned(t) : this.#places.of(t);
  }

  #kernel(node: Node): void {
    const args: Record<string, Arg> = {};
    const places: Record<string, Placement> = {};
    const put = (name: string, t: Tensor, isInput: boolean) => {
      const place = isInput ? this.#argument(node.op, name, t) : this.#places.of(t);
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
    for (const [slab, gradients] of (this.#slabRoots.get(set) as Root[]).entries()) {
      const roots: Record<string, Root> = { weights: this.#slabRoot(set, slab), gradients };
      for (const [name, s] of Object.entries(state)) roots[name] = this.#slabRoot(s, slab);
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

  #retained(nodes: readonly Node[]): Set<Tensor> {
    const { retain } = this.options;
    const kept = retain === 'all' ? nodes.flatMap((n) => n.outputs) : (retain ?? []);
    return new Set([...Object.values(this.outputs), ...kept]);
  }

  #lifetimes(): void {
    for (const [i, piece] of this.#pieces.entries()) {
      for (const { root } of Object.values(piece.places)) {
        root.first = Math.min(root.first, i);
        root.last = Math.max(root.last, i);
      }
    }
    // What stays readable has its storage to itself: reading a recycled value computes it again, and must not write there.
    const kept = new Set([...this.#retained(this.#nodes)].map((t) => this.#places.of(t).root));
    for (const root of this.#places.roots) {
      if (kept.has(root) || (this.options.guard && root.last >= 0)) {
        root.first = 0;
        root.last = Number.POSITIVE_INFINITY;
      }
    }
  }

  #scratchRoots(): Root[][] {
    return this.#pieces.map((piece, i) =>
      Object.entries(piece.launch.scratch ?? {}).map(([name, elements]) => {
        const root: Root = {
          ...newRoot(`${piece.label} scratch ${name}`, 'scratch', align(elements)),
          first: i,
          last: i,
        };
        piece.places[name] = { root, offset: 0, stride: elements };
        return root;
      }),
    );
  }
}

function newRoot(name: string, kind: Root['kind'], elements: number, slab?: number): Root {
  return { label: name, kind, elements, dtype: 'f32', slab, first: Number.POSITIVE_INFINITY, last: -1, at: 0 };
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

/** Every node needed, in order of creation. */
export function nodesOf(from: readonly (Tensor | Node)[]): Node[] {
  const found = new Set<Node>();
  const stack = from.map((x) => (x instanceof Node ? x : x.node));
  while (stack.length) {
    const node = stack.pop() as Node;
    if (found.has(node)) continue;
    found.add(node);
    for (const x of node.inputs) if (x) stack.push(x.node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}
