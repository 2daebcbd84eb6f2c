import { type Engine, GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { wholeRows } from '../gpu/shader.js';
import { copyOp } from '../kernels/copy/copy.js';
import { bindSteps, checkLimits, type Piece, textureRoots } from './bind.js';
import type { fuse } from './fuse.js';
import type { LeafAttrs, ParameterSet } from './leaves.js';
import { assignPool, largestLiveSet, type MemoryReport, type PoolBuffer } from './memory.js';
import { loadKernels } from './on-demand.js';
import type { Call, Op, Variant } from './op.js';
import { type Guard, isPooled, newRoot, type Root } from './placement.js';
import { Plan } from './plan.js';
import { Scheduler } from './schedule.js';
import { align, ParameterStorage } from './storage.js';
import { Node, type Tensor } from './tensor.js';

export interface CompileOptions {
  /** Parameter updates to run besides computing the outputs (`adam.minimize(loss)`). */
  update?: readonly Node[];
  /** Intermediates whose storage is not reused, so that `plan.read` shows the last run's value; `'all'` keeps every one. */
  retain?: 'all' | readonly Tensor[];
  /** Chooses a variant by name, or gives one that the op does not list; when it returns nothing, `engine.tuning` or else the rule. */
  variant?: (op: string, call: Call) => string | Variant | undefined;
  /** Whether arguments are copied to rows that begin at whole vec4s where their op gains by it. They are, unless `variant` is given. */
  align?: boolean;
  /**
   * Whether kernels do the elementwise work that follows them. They do, unless every intermediate is retained; `'everywhere'`
   * also where compiling takes longer than this adapter would save.
   */
  fuse?: boolean | 'everywhere';
  /** For tests: sentinels around every output, checked by `plan.guardViolations`. */
  guard?: Guard;
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
  return new Compiler(engine, outputs, options, await loaded(outputs, options)).pieces;
}

/** `plannedCalls` without fusion, of a graph whose kernels are loaded. */
export function launches(engine: Engine, outputs: Readonly<Record<string, Tensor>>): readonly PlannedCall[] {
  return new Compiler(engine, outputs, {}, undefined).pieces;
}

class Compiler {
  readonly #nodes: readonly Node[];
  /** Values that are never stored, because fused kernels use them up. */
  readonly #away: ReadonlySet<Tensor>;
  readonly #schedule: Scheduler;
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
    const fused = fuser?.(nodes, this.#retained(nodes), device);
    this.#nodes = fused?.nodes ?? nodes;
    this.#away = fused?.away ?? new Set();
    this.#schedule = new Scheduler(engine, this.#nodes, options);
  }

  get pieces(): readonly Piece[] {
    return this.#schedule.pieces;
  }

  async compile(): Promise<Plan> {
    const { engine } = this;
    const { places, pieces, leaves, slabs } = this.#schedule;
    for (const t of Object.values(this.outputs)) places.of(t);
    this.#lifetimes();
    const scratch = this.#scratchRoots();
    const pooled = [...places.roots.filter((r) => isPooled(r) && r.last >= 0), ...scratch.flat()];
    const textured = textureRoots(pieces);
    const pool = assignPool(pooled).map(({ elements, roots }) => ({
      roots,
      elements: roots.some((r) => textured.has(r)) ? wholeRows(elements) : elements,
    }));
    checkLimits(engine.device.limits, pieces, [...pooled, ...leaves.values()]);

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
      for (const roots of slabs.gradients.values()) for (const r of roots) r.buffer = make(r.label, r.elements);
      for (const [set, roots] of slabs.parameters)
        for (const [slab, root] of roots.entries()) root.buffer = this.#storage(set).buffers[slab];
      for (const [t, root] of leaves) {
        root.buffer = make(`${root.label}`, root.elements);
        const leafAttrs = t.node.attrs as LeafAttrs;
        if (leafAttrs.source === 'constant')
          engine.write(root.buffer, 0, leafAttrs.data as BufferSource, this.#outcomes);
      }
      const { steps, textures } = await bindSteps(engine, pieces, make, this.#outcomes);
      const buffers = [...owned] as GPUBuffer[];
      owned.push(...textures);
      await engine.wait(Promise.all(this.#outcomes));
      return new Plan(engine, {
        steps,
        outputs: this.outputs,
        places,
        inputs: [...leaves].filter(([t]) => (t.node.attrs as LeafAttrs).source === 'input'),
        owned,
        guard: this.options.guard,
        away: this.#away,
        aside: (t) => compile(engine, { value: t }, { variant: this.options.variant, fuse: false }),
        memory: this.#memory(pool, largestLiveSet(pooled, pieces.length), buffers, textures),
      });
    } catch (error) {
      for (const b of owned) b.destroy();
      throw error;
    }
  }

  #memory(
    pool: readonly PoolBuffer[],
    liveElements: number,
    buffers: readonly GPUBuffer[],
    textures: readonly GPUTexture[],
  ): MemoryReport {
    const { leaves, slabs } = this.#schedule;
    const bytesOf = (roots: Iterable<{ readonly elements: number }>) => 4 * sum(roots, (r) => r.elements);
    const parameterSets = [...slabs.parameters.keys()].map((set) => ({
      name: set.name,
      bytes: this.#storage(set).bytes,
    }));
    const weights = sum(parameterSets, (p) => p.bytes);
    const texels = sum(textures, (t) => t.width * t.height);
    return {
      peak: sum(buffers, (b) => b.size) + 16 * texels + weights,
      weights,
      gradients: bytesOf([...slabs.gradients.values()].flat()),
      activations: bytesOf(pool),
      largestLiveSet: 4 * liveElements,
      inputs: bytesOf(leaves.values()),
      textures: 16 * texels,
      parameterSets,
    };
  }

  #storage(set: ParameterSet): ParameterStorage {
    return ParameterStorage.of(this.engine, set, this.#outcomes);
  }

  #retained(nodes: readonly Node[]): Set<Tensor> {
    const { retain } = this.options;
    const kept = retain === 'all' ? nodes.flatMap((n) => n.outputs) : (retain ?? []);
    return new Set([...Object.values(this.outputs), ...kept]);
  }

  #lifetimes(): void {
    for (const [i, piece] of this.#schedule.pieces.entries()) {
      for (const { root } of Object.values(piece.places)) {
        root.first = Math.min(root.first, i);
        root.last = Math.max(root.last, i);
      }
    }
    // What stays readable has its storage to itself: reading a recycled value computes it again, and must not write there.
    const kept = new Set([...this.#retained(this.#nodes)].map((t) => this.#schedule.places.of(t).root));
    for (const root of this.#schedule.places.roots) {
      if (kept.has(root) || (this.options.guard && root.last >= 0)) {
        root.first = 0;
        root.last = Number.POSITIVE_INFINITY;
      }
    }
  }

  #scratchRoots(): Root[][] {
    return this.#schedule.pieces.map((piece, i) =>
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

function sum<T>(list: Iterable<T>, of: (x: T) => number): number {
  let total = 0;
  for (const x of list) total += of(x);
  return total;
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
