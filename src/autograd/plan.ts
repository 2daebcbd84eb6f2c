import { encodeDispatches } from '../gpu/encode.js';
import type { Engine } from '../gpu/engine.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import type { Recording } from '../gpu/profiler.js';
import type { MemoryReport } from './memory.js';
import type { Guard, Placements, Root } from './placement.js';
import { PlanInputs } from './plan-inputs.js';
import { scheduleText } from './plan-text.js';
import { staysIntact, stepsTo } from './recompute.js';
import type { Step } from './step.js';
import { channelsOf, rowsOf, type Tensor, type TensorData } from './tensor.js';

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

/** What the host did for a run, in milliseconds: writing inputs, recording commands, handing them to the driver. */
export interface HostTimes {
  readonly inputs: number;
  readonly recording: number;
  readonly submission: number;
}

interface PlanParts {
  readonly steps: readonly Step[];
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly places: Placements;
  readonly inputs: readonly (readonly [Tensor, Root])[];
  readonly owned: readonly (GPUBuffer | GPUTexture)[];
  readonly guard: Guard | undefined;
  /** Values that fused kernels use up, and a plan that makes one of them. */
  readonly away: ReadonlySet<Tensor>;
  readonly aside: (t: Tensor) => Promise<Plan>;
  readonly memory: MemoryReport;
}

/**
 * A compiled graph. `run` replays it: input writes and one submission, no allocation, no bind group, no compilation, no
 * read-back. All plans of an engine share the parameter sets they use.
 */
export class Plan {
  readonly #inputs: PlanInputs;
  #destroyed = false;

  constructor(
    readonly engine: Engine,
    private readonly parts: PlanParts,
  ) {
    this.#inputs = new PlanInputs(parts.inputs);
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
    this.runTimed(inputs);
  }

  /** `run`, and how long the host took for each part of it. */
  runTimed(inputs: Readonly<Record<string, TensorData>> = {}): HostTimes {
    const begin = performance.now();
    this.#feed(inputs);
    const fed = performance.now();
    const encoder = this.encode();
    const recorded = performance.now();
    this.#submit(encoder, this.parts.steps, 'run');
    return { inputs: fed - begin, recording: recorded - fed, submission: performance.now() - recorded };
  }

  #feed(inputs: Readonly<Record<string, TensorData>>): void {
    if (this.#destroyed) throw new UsageError('this plan was destroyed');
    this.#inputs.check(inputs);
    this.engine.scoped('inputs', ({ queue }) => this.#inputs.write(queue, inputs));
  }

  /** Names that `run` takes. */
  get inputNames(): string[] {
    return this.#inputs.names;
  }

  #submit(encoder: GPUCommandEncoder, steps: readonly Step[], name: string): void {
    this.engine.submit(encoder, name);
    this.engine.counters.dispatches += steps.length;
  }

  /** Records the commands of a run without submitting them. */
  encode(): GPUCommandEncoder {
    return this.#encode(this.parts.steps, 'run');
  }

  #encode(steps: readonly Step[], name: string): GPUCommandEncoder {
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
    const { places, steps } = this.parts;
    const place = places.of(t);
    if (!staysIntact(places, t)) {
      const needed = stepsTo(steps, places, t);
      this.#submit(this.#encode(needed, `read ${t}`), needed, `read ${t}`);
    }
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
    const own = new Map(this.#inputs.buffers());
    for (const [name, to] of aside.#inputs.buffers()) {
      const from = own.get(name) as GPUBuffer;
      encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
    }
    this.engine.submit(encoder, `read ${t}`);
    aside.#submit(aside.encode(), aside.parts.steps, `read ${t}`);
    return aside.#bytes('value', dtype);
  }

  #knows(t: Tensor): boolean {
    return this.parts.places.has(t) && this.parts.places.of(t).root.buffer !== undefined;
  }

  /** Device memory by purpose. */
  memory(): MemoryReport {
    return this.parts.memory;
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
    return scheduleText(this.parts.steps, this.memory());
  }

  /** Fills every pooled buffer and texture with sentinels. For tests, with `compile({ guard })`. */
  async fillGuards(): Promise<void> {
    const { fillGuards } = await import('./guards.js');
    fillGuards(this.engine, this.parts.places, this.parts.owned);
  }

  /** Elements outside every tensor that a kernel has overwritten since `fillGuards`, as `label @ element`. */
  async guardViolations(): Promise<string[]> {
    if (!this.parts.guard) throw new UsageError('compile with guard to check sentinels');
    const { guardViolations } = await import('./guards.js');
    return guardViolations(this.engine, this.parts.places);
  }

  /** Frees everything but the parameter sets. The device stays with its owner. */
  destroy(): void {
    this.#destroyed = true;
    for (const b of this.parts.owned) b.destroy();
    for (const aside of this.#asides.values()) void aside.then((plan) => plan.destroy()).catch(() => {});
  }
}
