import { DeviceLostError, GpuValidationError, LimitError, OutOfMemoryError, ShaderError } from './errors.js';
import type { Shader } from './shader.js';
import { type AdapterIdentity, adapterIdentity, type Tuning } from './tuner.js';

/** What the engine has made on its device since it was created; a test reads these to prove that a replay makes nothing. */
export interface Counters {
  buffers: number;
  bufferBytes: number;
  bindGroups: number;
  pipelines: number;
  submits: number;
  dispatches: number;
}

/** Read-back buffers that an engine keeps, and the largest of them. */
const MAX_STAGING = 16;
const MAX_STAGING_BYTES = 2 ** 20;
/** How long a failed promise waits for the news that its device was lost. */
const LOSS_MS = 200;

/** Collects what becomes of allocations: each promise resolves, or rejects with a typed error. */
export type Outcomes = Promise<void>[];

export interface EngineOptions {
  /** Label put before every GPU object's own. */
  label?: string;
  /** Adapter facts, when the caller has them; `device.adapterInfo` otherwise. */
  adapterInfo?: GPUAdapterInfo;
  /** `true` when the adapter runs on the CPU; guessed from the adapter's facts when absent. Kernels for the CPU use no barriers. */
  software?: boolean;
  /** Wraps every wait for the GPU. Node uses it to keep Dawn's polling from burning a core. */
  wait?: <T>(promise: Promise<T>) => Promise<T>;
  /** Measured choices of kernels; a rule chooses where there is none. */
  tuning?: Tuning;
}

/**
 * Wraps a `GPUDevice` that the caller owns: allocation with typed errors, a pipeline cache, counters, waiting and read-back.
 * It adds listeners and replaces none, and it never destroys the device.
 */
export class Engine {
  readonly counters: Counters = { buffers: 0, bufferBytes: 0, bindGroups: 0, pipelines: 0, submits: 0, dispatches: 0 };
  readonly adapterName: string;
  readonly adapter: AdapterIdentity;
  /** Measured choices of kernels, looked up by every `compile` from here on; without them a rule chooses. */
  tuning: Tuning | undefined;
  readonly software: boolean;
  /** Lanes of a subgroup, where the device has the feature and only one size; 0 otherwise. */
  readonly subgroupSize: number;
  /** Storage that belongs to this engine, keyed by what it stores (see `ParameterSet`). */
  readonly resident = new WeakMap<object, unknown>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly #label: string;
  /** Rejects of the waits in progress; a lost device settles them all. */
  readonly #waiting = new Set<(reason: Error) => void>();
  #failure: Error | undefined;

  constructor(
    readonly device: GPUDevice,
    options: EngineOptions = {},
  ) {
    const info = options.adapterInfo ?? device.adapterInfo;
    this.adapterName = describeAdapter(info);
    this.adapter = adapterIdentity(info);
    this.tuning = options.tuning;
    this.software = options.software ?? isSoftware(info);
    this.subgroupSize = subgroupSizeOf(device, info);
    this.#wait = options.wait ?? ((promise) => promise);
    this.#label = options.label ? `${options.label}:` : '';
    void device.lost.then((lost) => {
      this.#failure = new DeviceLostError(lost.reason, lost.message);
      for (const reject of this.#waiting) reject(this.#failure);
    });
    device.addEventListener('uncapturederror', (event) => {
      this.#failure ??= new GpuValidationError('uncaptured', (event as GPUUncapturedErrorEvent).error.message);
    });
  }

  /** Waits for a GPU promise; rejects with `DeviceLostError` if the device goes away first. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    this.check();
    let fail: (reason: Error) => void = () => {};
    const value = await this.#wait(
      new Promise<T>((resolve, reject) => {
        fail = reject;
        this.#waiting.add(reject);
        promise.then(resolve, (error: unknown) => this.#lossOr(error).then(reject));
      }),
    ).finally(() => this.#waiting.delete(fail));
    this.check();
    return value;
  }

  /** What a lost device makes fail may be heard of before the loss itself. */
  async #lossOr(error: unknown): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, LOSS_MS);
    });
    await Promise.race([this.device.lost, late]);
    clearTimeout(timer);
    return this.#failure ?? error;
  }

  /** Throws what went wrong on the device since the last look. */
  check(): void {
    if (!this.#failure) return;
    const failure = this.#failure;
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    throw failure;
  }

  label(text: string): string {
    return this.#label + text;
  }

  /**
   * Creates a buffer. One over a limit throws `LimitError` at once; a refused allocation rejects a promise that is added to
   * `outcomes`, or, without them, shows at the next `check`.
   */
  buffer(label: string, bytes: number, usage: GPUBufferUsageFlags, outcomes?: Outcomes): GPUBuffer {
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
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    const buffer = this.device.createBuffer({ label: this.label(label), size, usage });
    this.#scoped(this.device.popErrorScope(), (error) => new GpuValidationError(label, error.message), outcomes);
    this.#scoped(this.device.popErrorScope(), (error) => new OutOfMemoryError(label, size, error.message), outcomes);
    this.counters.buffers++;
    this.counters.bufferBytes += size;
    return buffer;
  }

  #scoped(scope: Promise<GPUError | null>, describe: (error: GPUError) => Error, outcomes: Outcomes | undefined): void {
    const outcome = scope.then((error) => {
      if (!error) return;
      if (!outcomes) this.#failure ??= describe(error);
      throw describe(error);
    });
    outcome.catch(() => {});
    outcomes?.push(outcome);
  }

  /** Creates a bind group; a validation error carries `label` and is reported as for `buffer`. */
  bindGroup(
    label: string,
    layout: GPUBindGroupLayout,
    entries: GPUBindGroupEntry[],
    outcomes?: Outcomes,
  ): GPUBindGroup {
    this.check();
    this.device.pushErrorScope('validation');
    const group = this.device.createBindGroup({ label: this.label(label), layout, entries });
    this.#scoped(this.device.popErrorScope(), (error) => new GpuValidationError(label, error.message), outcomes);
    this.counters.bindGroups++;
    return group;
  }

  /** The pipeline of a shader under these override constants, compiled at most once. */
  pipeline(of: Shader, constants: Record<string, number> = {}): Promise<GPUComputePipeline> {
    const keys = Object.keys(constants).sort();
    const unknown = keys.find((k) => !of.overrides.includes(k));
    if (unknown !== undefined) throw new Error(`${of.label}: the shader has no override ${unknown}`);
    const suffix = keys.map((k) => `${k}=${constants[k]}`).join(',');
    const key = `${of.label}[${suffix}]\n${of.code}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(of, constants, suffix ? `${of.label}[${suffix}]` : of.label);
      pipeline.catch(() => this.#pipelines.delete(key));
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  async #compile(of: Shader, constants: Record<string, number>, label: string): Promise<GPUComputePipeline> {
    this.check();
    this.counters.pipelines++;
    this.device.pushErrorScope('validation');
    let module = this.#modules.get(of.code);
    if (!module) {
      module = this.device.createShaderModule({ label: this.label(of.label), code: of.code });
      this.#modules.set(of.code, module);
    }
    const moduleError = this.device.popErrorScope();
    const result = this.device
      .createComputePipelineAsync({
        label: this.label(label),
        layout: 'auto',
        compute: { module, entryPoint: of.entryPoint, constants },
      })
      .catch((error: unknown) => error as Error);
    if (await this.wait(moduleError)) {
      this.#modules.delete(of.code);
      const info = await this.wait(module.getCompilationInfo());
      const first = info.messages.find((m) => m.type === 'error');
      throw shaderError(of, label, first);
    }
    const pipeline = await this.wait(result);
    if (pipeline instanceof Error) throw new ShaderError(label, pipeline.message);
    return pipeline;
  }

  submit(encoder: GPUCommandEncoder, label: string): void {
    this.check();
    this.device.queue.submit([encoder.finish({ label: this.label(label) })]);
    this.counters.submits++;
  }

  /** Resolves when everything submitted so far has run. */
  async idle(): Promise<void> {
    await this.wait(this.device.queue.onSubmittedWorkDone());
  }

  readonly #staging: GPUBuffer[] = [];

  /** Copies a byte range of a buffer back to the host. Staging buffers are kept for the next read of their size. */
  async readBuffer(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Promise<ArrayBuffer> {
    const size = Math.max(4, bytes);
    const kept = this.#staging.findIndex((b) => b.size === size);
    const staging =
      kept >= 0
        ? (this.#staging.splice(kept, 1)[0] as GPUBuffer)
        : this.buffer('read-back', size, GPU_BUFFER.COPY_DST | GPU_BUFFER.MAP_READ);
    const encoder = this.device.createCommandEncoder({ label: this.label('read-back') });
    if (bytes > 0) encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
    this.submit(encoder, 'read-back');
    await this.wait(staging.mapAsync(1 /* READ */));
    const data = staging.getMappedRange(0, size).slice(0, bytes);
    staging.unmap();
    // Small ones are kept, the most recently used last.
    if (size > MAX_STAGING_BYTES) staging.destroy();
    else if (this.#staging.push(staging) > MAX_STAGING) this.#staging.shift()?.destroy();
    return data;
  }
}

/** `GPUBufferUsage`, which a worker or Node may lack as a global. */
export const GPU_BUFFER = {
  MAP_READ: 0x1,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
} as const;

/** One line about an adapter. */
export function describeAdapter(info: Partial<GPUAdapterInfo> | undefined): string {
  if (!info) return 'unknown adapter';
  return (
    info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') || 'unknown adapter'
  );
}

/** Whether an adapter runs on the CPU. */
export function isSoftware(info: (Partial<GPUAdapterInfo> & { isFallbackAdapter?: boolean }) | undefined): boolean {
  if (!info) return false;
  if (info.isFallbackAdapter) return true;
  return /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(
    `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
  );
}

function subgroupSizeOf(device: GPUDevice, info: GPUAdapterInfo | undefined): number {
  const { subgroupMinSize: least = 0, subgroupMaxSize: most = 0 } = (info ?? {}) as Partial<GPUAdapterInfo>;
  return device.features.has('subgroups' as GPUFeatureName) && least === most ? least : 0;
}

/** A compile error with the offending line and a caret below its column. */
function shaderError(of: Shader, label: string, message: GPUCompilationMessage | undefined): ShaderError {
  if (!message) return new ShaderError(label, 'the shader does not compile, and the adapter gives no message');
  const line = of.code.split('\n')[message.lineNum - 1];
  const caret = `${' '.repeat(Math.max(0, message.linePos - 1))}^`;
  const excerpt = line === undefined ? '' : `\n  ${line}\n  ${caret}`;
  return new ShaderError(
    label,
    `line ${message.lineNum}:${message.linePos}: ${message.message}${excerpt}`,
    message.lineNum,
    message.linePos,
  );
}
