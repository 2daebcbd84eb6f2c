import { describeAdapter, isSoftware, subgroupSizeOf } from './adapter-facts.js';
import { BOOLEAN, checked, FUNCTION, type Kind, type Kinds, STRING } from './arguments.js';
import { ErrorScopes, type Outcomes } from './error-scopes.js';
import { DeviceLostError, LimitError, PoseGanError } from './errors.js';
import { Pipelines } from './pipelines.js';
import type { Shader } from './shader.js';
import { type AdapterIdentity, adapterIdentity, TUNING, type Tuning } from './tuner.js';

/** What the engine has created on its device so far. Tests read it to prove that a replay creates nothing. */
export interface Counters {
  buffers: number;
  bufferBytes: number;
  bindGroups: number;
  pipelines: number;
  submits: number;
  dispatches: number;
}

/** How many read-back buffers an engine keeps, and the size of the largest that it keeps. */
const MAX_STAGING = 16;
const MAX_STAGING_BYTES = 2 ** 20;
/** How long to wait for `device.lost` after an operation has failed. */
const LOSS_MS = 200;

export interface EngineOptions {
  /** A prefix of the label of every GPU object. */
  label?: string;
  /** The adapter's facts. Default: `device.adapterInfo`. */
  adapterInfo?: GPUAdapterInfo;
  /** Whether the adapter runs on the CPU, for which kernels without barriers are chosen. Default: guessed from the adapter's facts. */
  software?: boolean;
  /** Wraps every wait for the GPU. Node uses it to keep Dawn's polling from occupying a core. */
  wait?: <T>(promise: Promise<T>) => Promise<T>;
  /** Measured choices of kernels. Where there is none, a rule chooses. */
  tuning?: Tuning;
}

export const DEVICE: Kind = ['a GPUDevice', (v) => typeof (v as GPUDevice)?.createBuffer === 'function'];
const OPTIONS: Kinds = {
  'label?': STRING,
  'adapterInfo?': ['a GPUAdapterInfo', (v) => typeof (v as GPUAdapterInfo)?.vendor === 'string'],
  'software?': BOOLEAN,
  'wait?': FUNCTION,
  'tuning?': TUNING,
};

/**
 * Wraps a `GPUDevice` that the caller owns, with allocation that throws typed errors, a pipeline cache, counters, waiting and
 * read-back. It never destroys the device. Error scopes separate its errors from the owner's: errors of the engine's calls are
 * thrown here and never reach the owner's `uncapturederror`, and the owner's errors never fail a call of the engine.
 */
export class Engine {
  readonly counters: Counters = { buffers: 0, bufferBytes: 0, bindGroups: 0, pipelines: 0, submits: 0, dispatches: 0 };
  readonly adapterName: string;
  readonly adapter: AdapterIdentity;
  /** Measured choices of kernels, which later calls of `compile` use. Where there is none, a rule chooses. */
  tuning: Tuning | undefined;
  readonly software: boolean;
  /** The number of lanes of a subgroup if the device has subgroups and only one size of them, otherwise 0. */
  readonly subgroupSize: number;
  /** The storage of this engine, by what it stores (for example a `ParameterSet`). */
  readonly resident = new WeakMap<object, unknown>();
  readonly #pipelines = new Pipelines(this);
  readonly #wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly #label: string;
  /** The reject functions of the waits in progress. They are all called when the device is lost. */
  readonly #waiting = new Set<(reason: Error) => void>();
  readonly #scopes: ErrorScopes;
  #failure: Error | undefined;

  readonly device: GPUDevice;

  constructor(...args: [device: GPUDevice, options?: EngineOptions]) {
    const [device, options = {}] = checked('new Engine', { device: DEVICE, 'options?': OPTIONS }, args);
    this.device = device;
    const info = options.adapterInfo ?? device.adapterInfo;
    this.adapterName = describeAdapter(info);
    this.adapter = adapterIdentity(info);
    this.tuning = options.tuning;
    this.software = options.software ?? isSoftware(info);
    this.subgroupSize = subgroupSizeOf(device, info);
    this.#wait = options.wait ?? ((promise) => promise);
    this.#label = options.label ? `${options.label}:` : '';
    this.#scopes = new ErrorScopes(device, (error) => {
      this.#failure ??= error;
    });
    void device.lost.then((lost) => {
      this.#failure = new DeviceLostError(lost.reason, lost.message);
      for (const reject of this.#waiting) reject(this.#failure);
    });
  }

  /**
   * Waits for a GPU promise. Rejects with `DeviceLostError` if the device is lost first, or with the typed error of an earlier
   * call of this engine that the device refused.
   */
  async wait<T>(promise: Promise<T>): Promise<T> {
    this.check();
    let fail: (reason: Error) => void = () => {};
    const earlier = this.#scopes.settled();
    const value = await this.#wait(
      new Promise<T>((resolve, reject) => {
        fail = reject;
        this.#waiting.add(reject);
        promise.then(
          (result) => earlier.then(() => resolve(result)),
          (error: unknown) => this.#causeOf(error).then(reject),
        );
      }),
    ).finally(() => this.#waiting.delete(fail));
    this.check();
    return value;
  }

  /**
   * Why a promise failed. Operations can fail before `device.lost` resolves, so this waits briefly for it. An error scope of the
   * same call says more than the rejected promise.
   */
  async #causeOf(error: unknown): Promise<unknown> {
    if (error instanceof PoseGanError) return error;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, LOSS_MS);
    });
    await Promise.race([this.device.lost, timeout]);
    clearTimeout(timer);
    return this.#takeFailure() ?? error;
  }

  /** Returns and clears the error since the last call. The loss of the device is never cleared. */
  #takeFailure(): Error | undefined {
    const failure = this.#failure;
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    return failure;
  }

  /** Throws the error of this engine's device calls since the last check, if there is one. */
  check(): void {
    const failure = this.#takeFailure();
    if (failure) throw failure;
  }

  /**
   * Runs `body`, which calls the device, within error scopes of this engine. An error rejects a promise that is added to
   * `outcomes`; without `outcomes`, the next `check` throws it. `bytes` is what `body` allocates.
   */
  scoped<T>(label: string, body: (device: GPUDevice) => T, outcomes?: Outcomes, bytes?: number): T {
    return this.#scopes.around(label, body, outcomes, bytes);
  }

  label(text: string): string {
    return this.#label + text;
  }

  /**
   * Creates a buffer. A size over a limit throws `LimitError` at once. A refused allocation is reported as in `scoped`.
   */
  buffer(label: string, bytes: number, usage: number, outcomes?: Outcomes): GPUBuffer {
    this.check();
    const size = Math.max(4, Math.ceil(bytes / 4) * 4);
    const limits = this.device.limits;
    if (size > limits.maxBufferSize)
      throw new LimitError(label, 'maxBufferSize', size, limits.maxBufferSize, 'Use a smaller batch, image or width.');
    if (usage & 0x80 /* STORAGE */ && size > limits.maxStorageBufferBindingSize)
      throw new LimitError(
        label,
        'maxStorageBufferBindingSize',
        size,
        limits.maxStorageBufferBindingSize,
        'Use a smaller batch, image or width, or request the adapter’s own limit when creating the device.',
      );
    const descriptor = { label: this.label(label), size, usage };
    const buffer = this.scoped(label, (device) => device.createBuffer(descriptor), outcomes, size);
    this.counters.buffers++;
    this.counters.bufferBytes += size;
    return buffer;
  }

  /** Writes host data into a buffer before later submissions run. Errors are reported as in `scoped`. */
  write(
    buffer: GPUBuffer,
    offset: number,
    data: ArrayBuffer | ArrayBufferView<ArrayBuffer>,
    outcomes?: Outcomes,
  ): void {
    this.scoped(`write ${buffer.label}`, (device) => device.queue.writeBuffer(buffer, offset, data), outcomes);
  }

  /** Creates a bind group of a pipeline. Errors carry `label` and are reported as in `scoped`. */
  bindGroup(
    label: string,
    pipeline: GPUComputePipeline,
    entries: GPUBindGroupEntry[],
    outcomes?: Outcomes,
  ): GPUBindGroup {
    this.check();
    this.counters.bindGroups++;
    const create = (device: GPUDevice) =>
      device.createBindGroup({ label: this.label(label), layout: pipeline.getBindGroupLayout(0), entries });
    return this.scoped(label, create, outcomes);
  }

  /** The pipeline of a shader with these override constants, which is compiled at most once. */
  pipeline(of: Shader, constants: Record<string, number> = {}): Promise<GPUComputePipeline> {
    return this.#pipelines.get(of, constants);
  }

  /** Throws `ShaderError` if the device's compiler refuses the WGSL text. */
  async checkShader(label: string, code: string): Promise<void> {
    this.check();
    await this.#pipelines.checkShader(label, code);
  }

  submit(encoder: GPUCommandEncoder, label: string): void {
    this.check();
    this.scoped(label, ({ queue }) => queue.submit([encoder.finish({ label: this.label(label) })]));
    this.counters.submits++;
  }

  /** Resolves when everything submitted so far has run. */
  async idle(): Promise<void> {
    await this.wait(this.device.queue.onSubmittedWorkDone());
  }

  readonly #staging: GPUBuffer[] = [];

  /** Copies a byte range of a buffer to the host. Small staging buffers are reused for reads of the same size. */
  async readBuffer(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Promise<ArrayBuffer> {
    const size = Math.max(4, bytes);
    const index = this.#staging.findIndex((b) => b.size === size);
    const staging =
      index >= 0
        ? (this.#staging.splice(index, 1)[0] as GPUBuffer)
        : this.buffer('read-back', size, GPU_BUFFER.COPY_DST | GPU_BUFFER.MAP_READ);
    const encoder = this.device.createCommandEncoder({ label: this.label('read-back') });
    if (bytes > 0) encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
    this.submit(encoder, 'read-back');
    await this.wait(this.scoped('read-back', () => staging.mapAsync(1 /* READ */)));
    const data = staging.getMappedRange(0, size).slice(0, bytes);
    staging.unmap();
    // The list is in the order of use, so the first is dropped when there are too many.
    if (size > MAX_STAGING_BYTES) staging.destroy();
    else if (this.#staging.push(staging) > MAX_STAGING) this.#staging.shift()?.destroy();
    return data;
  }
}

export const ENGINE: Kind = ['an Engine', (v) => v instanceof Engine];

/** The values of `GPUBufferUsage`, a global that a worker or Node may lack. */
export const GPU_BUFFER = {
  MAP_READ: 0x1,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
} as const;
