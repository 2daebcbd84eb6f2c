import { leaf } from '../autograd/leaves.js';
import { isOf } from '../autograd/op.js';
import { channelsOf, rowsOf, TENSOR, type Tensor, type TensorData } from '../autograd/tensor.js';
import { anyOf, COUNT, checked, recordOf, STRING } from '../gpu/arguments.js';
import { encodeDispatches } from '../gpu/encode.js';
import type { Engine } from '../gpu/engine.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import { ParameterStorage } from '../gpu/parameter-storage.js';
import type { Recording } from '../gpu/profiler.js';
import { present } from '../present.js';
import { costOf } from './cost.js';
import { extentOf, type PlacedCall, type Value, type View } from './kernel-call.js';
import type { MemoryReport } from './memory.js';
import { type HostInput, PlanInputs } from './plan-inputs.js';
import { explainText, type Stage, scheduleText } from './plan-text.js';
import type { Buffers, Step } from './realize.js';

export interface ProfileRow {
  label: string;
  op: string;
  variant: string;
  shader: string;
  /** The median time of the dispatch in milliseconds. */
  ms: number;
  /** The operations and bytes of the whole call. They stand at its first dispatch, and are 0 at the others. */
  flops: number;
  bytes: number;
}

/** The time that the host spent on a run, in milliseconds: writing inputs, recording commands and submitting them. */
export interface HostTimes {
  readonly inputs: number;
  readonly recording: number;
  readonly submission: number;
}

type Inputs = Readonly<Record<string, TensorData>>;
const RUN = { 'inputs?': /* @__PURE__ */ recordOf() };

/** The parts of a plan, which the benchmark and the checks read. */
export interface PlanParts {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The calls after every pass. Those of the last pass run. */
  readonly stages: readonly Stage[];
  readonly calls: readonly PlacedCall[];
  readonly steps: readonly Step[];
  readonly buffers: Buffers;
  readonly textures: readonly GPUTexture[];
  /** The resources that `destroy` frees. */
  readonly owned: readonly (GPUBuffer | GPUTexture)[];
  readonly memory: MemoryReport;
}

/** The GPU buffer in which a view lies. */
export function bufferOf(buffers: Buffers, view: View | undefined): GPUBuffer {
  return present(buffers.get(present(view?.buffer ?? view?.allocation)));
}

/**
 * A compiled graph. `run` replays it: it writes the inputs and submits once, and never allocates, creates bind groups,
 * compiles or reads back. All plans of an engine share the parameter sets that they use.
 */
export class Plan {
  readonly #inputs: PlanInputs;
  /** The values that can be read: outputs, retained values, inputs and parameters. */
  readonly #readable = new Map<Value, View>();
  #destroyed = false;
  /** Whether the plan has run, or begun to. Before that, what it computes has no value. */
  #started = false;

  constructor(
    readonly engine: Engine,
    readonly parts: PlanParts,
  ) {
    for (const { op, inputs, outputs, buffers } of parts.calls)
      if (op.kind === 'leaf' || op.kind === 'keep')
        for (const [name, value] of Object.entries({ ...inputs, ...outputs }))
          this.#readable.set(value, present(buffers[name]));
    const inputs = parts.calls.flatMap((call): HostInput[] => {
      if (!isOf(leaf, call) || call.attrs.source !== 'input') return [];
      return [{ attrs: call.attrs, type: call.attrs, buffer: bufferOf(parts.buffers, call.buffers.value) }];
    });
    this.#inputs = new PlanInputs(inputs);
  }

  /** The dispatches of a run, in order. */
  get steps(): readonly Step[] {
    return this.parts.steps;
  }

  get outputs(): Readonly<Record<string, Tensor>> {
    return this.parts.outputs;
  }

  /**
   * Runs the plan once. Inputs are given by name in device layout (NHWC); an omitted input keeps its last value. It
   * returns as soon as the work is submitted, and a later `read` sees the results. Throws `UsageError` or `ShapeError`
   * before any GPU work.
   */
  run(...args: [inputs?: Inputs]): void {
    this.runTimed(...args);
  }

  /** Does the same as `run`, and returns how long the host took for each part of it. */
  runTimed(...args: [inputs?: Inputs]): HostTimes {
    const [inputs = {}] = checked('Plan.run', RUN, args);
    const begin = performance.now();
    this.feed(inputs);
    const fed = performance.now();
    const encoder = this.encode();
    const recorded = performance.now();
    this.engine.submit(encoder, 'run');
    this.engine.counters.dispatches += this.steps.length;
    return { inputs: fed - begin, recording: recorded - fed, submission: performance.now() - recorded };
  }

  /** Checks and writes the inputs of the next run. `run` does this itself. */
  feed(inputs: Inputs): void {
    this.#expectAlive();
    this.#inputs.check(inputs);
    this.engine.scoped('inputs', ({ queue }) => this.#inputs.write(queue, inputs));
    this.#started = true;
  }

  #expectAlive(): void {
    if (this.#destroyed) throw new UsageError('this plan was destroyed');
  }

  /** The names of the inputs that `run` takes. */
  get inputNames(): string[] {
    return this.#inputs.names;
  }

  /** Records the commands of a run, or of its steps [from, to), without submitting them. */
  encode(from?: number, to?: number): GPUCommandEncoder {
    const label = this.engine.label('run');
    const encoder = this.engine.device.createCommandEncoder({ label });
    encodeDispatches(encoder, this.steps.slice(from, to), label);
    return encoder;
  }

  /**
   * Reads an output by name, or an output, a retained value, an input or a parameter as a tensor, in device layout. The
   * copy is queued at once, so the value is that after the runs submitted so far, even if the promise is awaited later.
   * Rejects with `UsageError` for any other value, and before the first run for what only a run computes or is given:
   * compile with `retain` to keep a value.
   */
  async read(...args: [what: Tensor | string]): Promise<Float32Array> {
    return new Float32Array(await this.#bytes(this.#value('Plan.read', args, 'f32')));
  }

  /** Does the same as `read` for tensors of unsigned integers. */
  async readUint(...args: [what: Tensor | string]): Promise<Uint32Array> {
    return new Uint32Array(await this.#bytes(this.#value('Plan.readUint', args, 'u32')));
  }

  /** Reads a scalar, such as a loss. Rejects with `ShapeError` for a tensor of more than one value. */
  async scalar(...args: [what: Tensor | string]): Promise<number> {
    const t = this.#value('Plan.scalar', args, 'f32');
    if (t.size !== 1) throw new ShapeError('scalar', `${t} has ${t.size} values, not one; use read`);
    return present(new Float32Array(await this.#bytes(t))[0]);
  }

  /** Returns the tensor to read, and throws unless it has the element type that the caller expects. */
  #value(of: string, args: [what: Tensor | string], dtype: Tensor['dtype']): Tensor {
    this.#expectAlive();
    const [what] = checked(of, { what: anyOf(TENSOR, STRING) }, args);
    const { outputs } = this;
    if (typeof what === 'string' && !Object.hasOwn(outputs, what))
      throw new UsageError(`the plan has no output ${what}; it has ${Object.keys(outputs).join(', ')}`);
    const t = typeof what === 'string' ? present(outputs[what]) : what;
    if (t.dtype !== dtype)
      throw new ShapeError('read', `${t} is ${t.dtype}; use ${t.dtype === 'f32' ? 'read' : 'readUint'}`);
    return t;
  }

  async #bytes(t: Tensor): Promise<ArrayBuffer> {
    const view = this.#readable.get(t) ?? this.#parameterView(t);
    if (!view) throw this.#notKept(t);
    const { source } = isOf(leaf, t.node) ? t.node.attrs : { source: 'node' };
    if (!this.#started && source !== 'parameter' && source !== 'constant')
      throw new UsageError(`${t} has no value yet, because the plan has not run; call plan.run() first`);
    const buffer = bufferOf(this.parts.buffers, view);
    const raw = await this.engine.readBuffer(buffer, 4 * view.offset, 4 * extentOf(view, t));
    const channels = channelsOf(t.shape);
    if (view.stride === channels) return raw;
    const from = new Uint32Array(raw);
    const to = new Uint32Array(t.size);
    for (let r = 0; r < rowsOf(t.shape); r++)
      to.set(from.subarray(r * view.stride, r * view.stride + channels), r * channels);
    return to.buffer;
  }

  /** Where a parameter lies that no call reads, but whose set the plan uses: it may update the parameter. */
  #parameterView({ node, shape }: Tensor): View | undefined {
    if (!isOf(leaf, node) || node.attrs.source !== 'parameter') return undefined;
    const { set, name } = node.attrs;
    for (const buffer of this.parts.buffers.keys()) {
      const { slab, kind } = buffer;
      if (kind !== 'parameter' || slab?.set !== set) continue;
      const place = ParameterStorage.of(this.engine, set).layout.at.get(name);
      if (place?.slab === slab.index)
        return { allocation: buffer, buffer, offset: place.offset, stride: channelsOf(shape) };
    }
    return undefined;
  }

  #notKept(t: Tensor): UsageError {
    const [lowered] = this.parts.stages;
    const isPart = lowered?.calls.some((call) => Object.values(call.outputs).includes(t));
    return new UsageError(
      isPart
        ? `${t} is an intermediate that this plan does not keep, because its memory is reused or a kernel never stores it. ` +
            'Keep it with compile(…, { retain: [tensor] }), or make it an output.'
        : `${t} is not part of this plan, because none of its outputs and updates needs the value. Make it an output, or read parameters with set.read(engine).`,
    );
  }

  /** Returns the device memory by purpose. */
  memory(): MemoryReport {
    return this.parts.memory;
  }

  /**
   * Runs the plan `runs` times with every dispatch between two timestamps, and returns the median time of each. These
   * are real runs: a training plan trains. The device must have the feature `timestamp-query`.
   */
  async profile(...args: [inputs?: Inputs, runs?: number]): Promise<ProfileRow[]> {
    const [inputs, runs = 1] = checked('Plan.profile', { ...RUN, 'runs?': COUNT }, args);
    const samples: number[][] = this.steps.map(() => []);
    for (let run = 0; run < runs; run++) {
      const { dispatches } = await this.record(inputs);
      for (const [i, { begin, end }] of dispatches.entries()) samples[i]?.push(end - begin);
    }
    return this.steps.map(({ call, shader, first }, i) => {
      const sorted = present(samples[i]).sort((a, b) => a - b);
      const cost = first ? costOf(call) : { flops: 0, bytes: 0 };
      const { label, variant } = call.kernel;
      return {
        label,
        op: call.op.name,
        variant: variant.name,
        shader,
        ms: present(sorted[sorted.length >> 1]),
        ...cost,
      };
    });
  }

  /**
   * Runs the plan once with every dispatch between two timestamps, and returns when each step ran. Like `profile`, this
   * is a real run.
   */
  async record(...args: [inputs?: Inputs]): Promise<Recording> {
    const [inputs = {}] = checked('Plan.record', RUN, args);
    const { recordDispatches, requireTimestamps } = await import('../gpu/profiler.js');
    requireTimestamps(this.engine);
    const begin = performance.now();
    this.feed(inputs);
    const end = performance.now();
    const { dispatches, host } = await recordDispatches(this.engine, this.steps);
    return { dispatches, host: [{ name: 'write inputs', begin, end }, ...host] };
  }

  /** Returns the plan as a table of what runs, on which shapes and in which buffers. */
  toString(): string {
    return scheduleText(this.steps, this.memory());
  }

  /** Returns the calls after every pass of the compiler, one per line, which show how the graph became what runs. */
  explain(): string {
    return explainText(this.parts.stages);
  }

  /** Frees everything but the parameter sets. The device is not destroyed. */
  destroy(): void {
    this.#destroyed = true;
    for (const o of this.parts.owned) o.destroy();
  }
}
