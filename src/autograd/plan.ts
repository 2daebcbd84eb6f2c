import { encodeDispatches } from '../gpu/encode.js';
import type { Engine } from '../gpu/engine.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import type { Recording } from '../gpu/profiler.js';
import type { TextureUpload } from '../gpu/shader.js';
import type { LeafAttrs } from './leaves.js';
import type { Call, Op } from './op.js';
import { type Guard, isPooled, type Placements, type Root } from './placement.js';
import { channelsOf, formatShape, type Node, rowsOf, type Tensor, type TensorData } from './tensor.js';

export interface StepBinding {
  readonly name: string;
  readonly root: Root;
  readonly writes: boolean;
}

/** One dispatch of a plan. */
export interface Step {
  readonly label: string;
  readonly node: Node;
  readonly op: Op;
  readonly variant: string;
  readonly call: Call;
  readonly shader: string;
  readonly workgroups: readonly [number, number, number];
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly bindings: readonly StepBinding[];
  /** Arguments to bring into textures before the dispatch. */
  readonly uploads: readonly TextureUpload[];
  /** First dispatch of its node; costs are counted there. */
  readonly first: boolean;
}

/** Device memory of a plan, in bytes. */
export interface MemoryReport {
  /** All that is allocated while the plan runs. */
  peak: number;
  weights: number;
  gradients: number;
  /** Pooled intermediates, scratch included. */
  activations: number;
  /** What the pool could not be smaller than: the largest set of intermediates alive at once. */
  largestLiveSet: number;
  inputs: number;
  /** Textures that some kernels read their arguments from. */
  textures: number;
  /** Every parameter set the plan touches, optimiser state included. */
  parameterSets: { name: string; bytes: number }[];
}

export interface ProfileRow {
  label: string;
  op: string;
  variant: string;
  shader: string;
  /** Median time of the dispatch in milliseconds. */
  ms: number;
  /** Operations and bytes of the whole node, given at its first dispatch; 0 at the others. */
  flops: number;
  bytes: number;
}

interface PlanParts {
  readonly steps: readonly Step[];
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly places: Placements;
  readonly inputs: readonly (readonly [Tensor, Root])[];
  readonly owned: readonly (GPUBuffer | GPUTexture)[];
  readonly guard: Guard | undefined;
  readonly retained: ReadonlySet<Tensor>;
  /** Values that fused kernels use up, and a plan that makes one of them. */
  readonly away: ReadonlySet<Tensor>;
  readonly aside: (t: Tensor) => Promise<Plan>;
  readonly memory: {
    pool: number;
    textures: number;
    largestLiveSet: number;
    gradients: number;
    inputs: number;
    parameters: { name: string; bytes: number }[];
  };
}

/** Bit pattern of the sentinels: a NaN, so that a kernel that reads one shows. */
export const SENTINEL = 0x7fc0dead;

/**
 * A compiled graph. `run` replays it: input writes and one submission, no allocation, no bind group, no compilation, no
 * read-back. All plans of an engine share the parameter sets they use.
 */
export class Plan {
  readonly #inputs = new Map<string, { tensor: Tensor; root: Root; given: boolean; feed?: () => TensorData }>();
  #destroyed = false;

  constructor(
    readonly engine: Engine,
    private readonly parts: PlanParts,
  ) {
    for (const [tensor, root] of parts.inputs) {
      const attrs = tensor.node.attrs as Extract<LeafAttrs, { source: 'input' }>;
      if (this.#inputs.has(attrs.name))
        throw new UsageError(`two inputs are named ${attrs.name}; give each its own name`);
      this.#inputs.set(attrs.name, { tensor, root, given: false, feed: attrs.feed });
    }
  }

  get steps(): readonly Step[] {
    return this.parts.steps;
  }

  get outputs(): Readonly<Record<string, Tensor>> {
    return this.parts.outputs;
  }

  /**
   * Runs the plan once. Inputs are given by name in device layout (NHWC); one that is left out keeps its last value. Returns as
   * soon as the work is submitted; a later `read` sees its results. Throws `UsageError` or `ShapeError` before any GPU work.
   */
  run(inputs: Readonly<Record<string, TensorData>> = {}): void {
    this.#feed(inputs);
    this.#submit(this.parts.steps, 'run');
  }

  #feed(inputs: Readonly<Record<string, TensorData>>): void {
    if (this.#destroyed) throw new UsageError('this plan was destroyed');
    for (const [name, data] of Object.entries(inputs)) {
      const slot = this.#inputs.get(name);
      if (!slot || slot.feed)
        throw new UsageError(`the plan has no input ${name}; it has ${this.inputNames.join(', ') || 'none'}`);
      const { tensor } = slot;
      if (data.length !== tensor.size)
        throw new ShapeError(
          'run',
          `input ${name} is ${formatShape(tensor.shape)} (${tensor.size} values), got ${data.length}`,
        );
      if (data instanceof Uint32Array !== (tensor.dtype === 'u32'))
        throw new ShapeError('run', `input ${name} is ${tensor.dtype}, got a ${data.constructor.name}`);
    }
    for (const [name, slot] of this.#inputs) {
      if (!slot.feed && !slot.given && !inputs[name])
        throw new UsageError(`input ${name} ${formatShape(slot.tensor.shape)} was never given; pass it to run()`);
    }
    const { queue } = this.engine.device;
    for (const [name, slot] of this.#inputs) {
      const data = slot.feed ? slot.feed() : inputs[name];
      if (!data) continue;
      queue.writeBuffer(slot.root.buffer as GPUBuffer, 0, data as BufferSource);
      slot.given = true;
    }
  }

  /** Names that `run` takes. */
  get inputNames(): string[] {
    return [...this.#inputs].filter(([, s]) => !s.feed).map(([n]) => n);
  }

  #submit(steps: readonly Step[], name: string): void {
    this.engine.submit(this.encode(steps, name), name);
    this.engine.counters.dispatches += steps.length;
  }

  /** Records the commands of a run, or of some of its steps, without submitting them. */
  encode(steps: readonly Step[] = this.parts.steps, name = 'run'): GPUCommandEncoder {
    const label = this.engine.label(name);
    const encoder = this.engine.device.createCommandEncoder({ label });
    encodeDispatches(encoder, steps, label);
    return encoder;
  }

  /**
   * Reads a tensor of the plan, or an output by name, in device layout. The copy is queued at once, so the value is that of the
   * runs submitted so far however late the promise is awaited. An intermediate whose storage was reused since is computed once
   * more from the current inputs and parameters (compile with `retain` to see exactly what the last run saw); one that no kernel
   * stores, because a fused one uses it up, is computed by a plan of its own, made for the first such read.
   */
  async read(what: Tensor | string): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(what, 'f32'));
  }

  /** `read` for tensors of unsigned integers. */
  async readUint(what: Tensor | string): Promise<Uint32Array> {
    return new Uint32Array(await this.#bytes(what, 'u32'));
  }

  /** Reads a scalar: a loss. */
  async scalar(what: Tensor | string): Promise<number> {
    return (await this.read(what))[0] as number;
  }

  async #bytes(what: Tensor | string, dtype: Tensor['dtype']): Promise<ArrayBuffer> {
    if (this.#destroyed) throw new UsageError('this plan was destroyed');
    const t = typeof what === 'string' ? this.parts.outputs[what] : what;
    if (!t)
      throw new UsageError(`the plan has no output ${what}; it has ${Object.keys(this.parts.outputs).join(', ')}`);
    if (t.dtype !== dtype)
      throw new ShapeError('read', `${t} is ${t.dtype}; use ${t.dtype === 'f32' ? 'read' : 'readUint'}`);
    if (this.parts.away.has(t)) return this.#readAside(t, dtype);
    if (!this.#knows(t)) throw new UsageError(`${t} is not part of this plan`);
    const place = this.parts.places.of(t);
    if (!this.#intact(t)) this.#submit(this.#ancestors(t), `read ${t}`);
    const channels = channelsOf(t.shape);
    const rows = rowsOf(t.shape);
    const elements = (rows - 1) * place.stride + channels;
    const raw = await this.engine.readBuffer(
      place.root.buffer as GPUBuffer,
      place.root.at + 4 * place.offset,
      4 * elements,
    );
    if (place.stride === channels) return raw;
    const from = new Uint32Array(raw);
    const to = new Uint32Array(rows * channels);
    for (let r = 0; r < rows; r++) to.set(from.subarray(r * place.stride, r * place.stride + channels), r * channels);
    return to.buffer;
  }

  readonly #asides = new Map<Tensor, Promise<Plan>>();

  /** A value that no kernel of this plan stores, by a plan of its own that is fed with copies of this one's inputs. */
  async #readAside(t: Tensor, dtype: Tensor['dtype']): Promise<ArrayBuffer> {
    let making = this.#asides.get(t);
    if (!making) {
      making = this.parts.aside(t);
      this.#asides.set(t, making);
    }
    const aside = await making;
    const encoder = this.engine.device.createCommandEncoder({ label: this.engine.label(`read ${t}`) });
    for (const [name, { root }] of aside.#inputs) {
      const from = this.#inputs.get(name)?.root.buffer as GPUBuffer;
      encoder.copyBufferToBuffer(from, 0, root.buffer as GPUBuffer, 0, from.size);
    }
    this.engine.submit(encoder, `read ${t}`);
    aside.#submit(aside.parts.steps, `read ${t}`);
    return aside.#bytes('value', dtype);
  }

  #knows(t: Tensor): boolean {
    return this.parts.places.has(t) && this.parts.places.of(t).root.buffer !== undefined;
  }

  /** Whether nothing overwrites the tensor's storage between its last use and the end of the run. */
  #intact(t: Tensor): boolean {
    const { root } = this.parts.places.of(t);
    return !isPooled(root) || root.last === Number.POSITIVE_INFINITY;
  }

  /** The steps that `t` depends on, in order. */
  #ancestors(t: Tensor): Step[] {
    const needed = new Set<Node>();
    const { places } = this.parts;
    const stack = [places.maker(t).node];
    while (stack.length) {
      const node = stack.pop() as Node;
      if (needed.has(node)) continue;
      needed.add(node);
      for (const x of node.inputs) if (x) stack.push(places.maker(x).node);
    }
    const makes = (x: Tensor | undefined) => x !== undefined && needed.has(places.maker(x).node);
    // A copy the compiler inserted is a node of its own, wanted when its source is. Nothing may run after the last write to
    // the storage of `t`, which others take over from there.
    const wanted = (s: Step) => needed.has(s.node) || (s.op.name === 'copy' && makes(s.node.inputs[0]));
    const { root } = places.of(t);
    const steps = this.parts.steps.filter((s) => s.op.kind !== 'update' && wanted(s));
    const last = steps.findLastIndex((s) => s.bindings.some((b) => b.writes && b.root === root));
    return steps.slice(0, last + 1);
  }

  /** Device memory by purpose. */
  memory(): MemoryReport {
    const { pool, textures, largestLiveSet, gradients, inputs, parameters } = this.parts.memory;
    const weights = parameters.reduce((n, p) => n + p.bytes, 0);
    return {
      peak: this.parts.owned.reduce((n, b) => n + ('size' in b ? b.size : 0), textures + weights),
      weights,
      gradients,
      activations: pool,
      largestLiveSet,
      inputs,
      textures,
      parameterSets: parameters,
    };
  }

  /**
   * Runs the plan `runs` times with every dispatch between two timestamps and gives the median time of each. These are real
   * runs: a training plan trains. Needs a device with the feature `timestamp-query`.
   */
  async profile(inputs: Readonly<Record<string, TensorData>> = {}, runs = 1): Promise<ProfileRow[]> {
    const samples: number[][] = this.parts.steps.map(() => []);
    for (let run = 0; run < runs; run++) {
      const { dispatches } = await this.record(inputs);
      for (const [i, { begin, end }] of dispatches.entries()) samples[i]?.push(end - begin);
    }
    return this.parts.steps.map((s, i) => {
      const sorted = (samples[i] as number[]).sort((a, b) => a - b);
      const cost = (s.first && s.op.cost?.(s.call)) || { flops: 0, bytes: 0 };
      return {
        label: s.label,
        op: s.op.name,
        variant: s.variant,
        shader: s.shader,
        ms: sorted[sorted.length >> 1] as number,
        ...cost,
      };
    });
  }

  /** Runs the plan once with every dispatch between two timestamps; by step, when it ran. As `profile`, this is a real run. */
  async record(inputs: Readonly<Record<string, TensorData>> = {}): Promise<Recording> {
    const { recordDispatches, requireTimestamps } = await import('../gpu/profiler.js');
    requireTimestamps(this.engine);
    const begin = performance.now();
    this.#feed(inputs);
    const end = performance.now();
    const { dispatches, host } = await recordDispatches(this.engine, this.parts.steps);
    return { dispatches, host: [{ name: 'write inputs', begin, end }, ...host] };
  }

  /** The schedule as a table: what runs, on which shapes, in which buffers. */
  toString(): string {
    const buffers = new Map<GPUBuffer, string>();
    const nameOf = (root: Root) => {
      const buffer = root.buffer as GPUBuffer;
      if (!isPooled(root)) return root.label;
      if (!buffers.has(buffer)) buffers.set(buffer, `pool${buffers.size}`);
      return buffers.get(buffer) as string;
    };
    const rows = this.parts.steps.map((s, i) => [
      String(i),
      s.label,
      s.workgroups.join('×'),
      [...new Set(s.bindings.filter((b) => !b.writes).map((b) => nameOf(b.root)))].join(' '),
      [...new Set(s.bindings.filter((b) => b.writes).map((b) => nameOf(b.root)))].join(' '),
    ]);
    const { peak, weights, gradients, activations, inputs } = this.memory();
    const mib = (n: number) => `${(n / 2 ** 20).toFixed(2)} MiB`;
    return `${table([['#', 'kernel', 'workgroups', 'reads', 'writes'], ...rows])}
${rows.length} dispatches; peak ${mib(peak)}: weights ${mib(weights)}, gradients ${mib(gradients)}, activations ${mib(activations)}, inputs ${mib(inputs)}
`;
  }

  /** Fills every pooled buffer with sentinels. For tests, with `compile({ guard })`. */
  fillGuards(): void {
    for (const root of this.#pooled()) {
      const fill = new Uint32Array(root.elements).fill(SENTINEL);
      this.engine.device.queue.writeBuffer(root.buffer as GPUBuffer, 0, fill);
    }
  }

  /** Elements outside every tensor that a kernel has overwritten since `fillGuards`, as `label @ element`. */
  async guardViolations(): Promise<string[]> {
    if (!this.parts.guard) throw new UsageError('compile with guard to check sentinels');
    const inside = new Map<Root, Uint8Array>();
    for (const root of this.#pooled()) inside.set(root, new Uint8Array(root.elements));
    for (const [t, { root, offset, stride }] of this.parts.places.entries()) {
      const mask = inside.get(root);
      const channels = channelsOf(t.shape);
      if (mask)
        for (let r = 0; r < rowsOf(t.shape); r++) mask.fill(1, offset + r * stride, offset + r * stride + channels);
    }
    const found: string[] = [];
    for (const [root, mask] of inside) {
      const words = new Uint32Array(await this.engine.readBuffer(root.buffer as GPUBuffer));
      const at = words.findIndex((w, i) => !mask[i] && w !== SENTINEL);
      if (at >= 0) found.push(`${root.label} @ ${at}`);
    }
    return found;
  }

  #pooled(): Root[] {
    return this.parts.places.roots.filter((r) => r.kind === 'pool' && r.buffer);
  }

  /** Frees everything but the parameter sets. The device stays with its owner. */
  destroy(): void {
    this.#destroyed = true;
    for (const b of this.parts.owned) b.destroy();
    for (const aside of this.#asides.values()) void aside.then((plan) => plan.destroy()).catch(() => {});
  }
}

/** Left-aligned columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0)));
  return rows
    .map((r) =>
      r
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
