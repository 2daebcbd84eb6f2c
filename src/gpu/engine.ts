import { BOOLEAN, checked, FUNCTION, type Kind, type Kinds, STRING } from './arguments.js';
import { ErrorScopes, type Outcomes } from './error-scopes.js';
import { DeviceLostError, GpuValidationError, LimitError, PoseGanError, ShaderError } from './errors.js';
import type { Shader } from './shader.js';
import { type AdapterIdentity, adapterIdentity, TUNING, type Tuning } from './tuner.js';

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

/** A compiled text, and what the compiler refused. */
interface Module {
  readonly made: GPUShaderModule;
  readonly refused: Promise<unknown>;
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
 * Wraps a `GPUDevice` that the caller owns: allocation with typed errors, a pipeline cache, counters, waiting and read-back.
 * It never destroys the device. Errors are told apart by error scopes alone: those of the engine's own calls are thrown here
 * and never reach the owner's `uncapturederror`, and the owner's own errors never fail a call of the engine.
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
  readonly #modules = new Map<string, Module>();
  readonly #wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly #label: string;
  /** Rejects of the waits in progress; a lost device settles them all. */
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
   * Waits for a GPU promise; rejects with `DeviceLostError` if the device goes away first, and with the typed error of an
   * earlier call of this engine that the device refused.
   */
  async wait<T>(promise: Promise<T>): Promise<T> {
    this.check();
    let fail: (reason: Error) => void = () => {};
    const earlier = this.#scopes.answered();
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
   * Why a promise failed. A lost device makes promises fail before `device.lost` resolves, so this waits briefly for it; and a
   * promise that the device rejects says less than the error scope of the same call.
   */
  async #causeOf(error: unknown): Promise<unknown> {
    if (error instanceof PoseGanError) return error;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, LOSS_MS);
    });
    await Promise.race([this.device.lost, late]);
    clearTimeout(timer);
    return this.#takeFailure() ?? error;
  }

  /** What went wrong since the last look; a lost device stays lost. */
  #takeFailure(): Error | undefined {
    const failure = this.#failure;
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    return failure;
  }

  /** Throws what went wrong in this engine's calls of the device since the last look. */
  check(): void {
    const failure = this.#takeFailure();
    if (failure) throw failure;
  }

  /**
   * Makes calls of the device within error scopes of this engine, which are closed when `body` returns. An error rejects a
   * promise that is added to `outcomes`, or, without them, shows at the next `check`. `bytes` is what `body` allocates.
   */
  scoped<T>(label: string, body: (device: GPUDevice) => T, outcomes?: Outcomes, bytes?: number): T {
    return this.#scopes.around(label, body, outcomes, bytes);
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
    const descriptor = { label: this.label(label), size, usage };
    const buffer = this.scoped(label, (device) => device.createBuffer(descriptor), outcomes, size);
    this.counters.buffers++;
    this.counters.bufferBytes += size;
    return buffer;
  }

  /** Writes host data into a buffer, before whatever is submitted after it; errors as for `buffer`. */
  write(buffer: GPUBuffer, offset: number, data: BufferSource, outcomes?: Outcomes): void {
    this.scoped(`write ${buffer.label}`, (device) => device.queue.writeBuffer(buffer, offset, data), outcomes);
  }

  /** Creates a bind group of a pipeline; errors carry `label` and are reported as for `buffer`. */
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

  /** The pipeline of a shader under these override constants, compiled at most once. */
  pipeline(of: Shader, constants: Record<string, number> = {}): Promise<GPUComputePipeline> {
    const names = Object.keys(constants).sort();
    const unknown = names.find((n) => !of.overrides.some((o) => o.name === n));
    if (unknown !== undefined) throw new Error(`${of.label}: the shader has no override ${unknown}`);
    const suffix = names.map((n) => `${n}=${constants[n]}`).join(',');
    const key = `${of.label}[${suffix}]\n${of.entryPoint}\n${of.code}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(of, constants, suffix ? `${of.label}[${suffix}]` : of.label);
      pipeline.catch(() => this.#pipelines.delete(key));
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  async #compile(of: Shader, values: Record<string, number>, label: string): Promise<GPUComputePipeline> {
    this.check();
    this.counters.pipelines++;
    const module = this.#module(of.label, of.code);
    const named = of.overrides.filter((o) => o.name in values);
    const constants = Object.fromEntries(named.map((o) => [String(o.id ?? o.name), values[o.name] as number]));
    const result = this.device
      .createComputePipelineAsync({
        label: this.label(label),
        layout: 'auto',
        compute: { module: module.made, entryPoint: of.entryPoint, constants },
      })
      .catch((error: unknown) => error as Error);
    await this.#compiled(module, label, of.code);
    const pipeline = await this.wait(result);
    if (pipeline instanceof Error) throw new ShaderError(label, pipeline.message);
    return pipeline;
  }

  /** Throws the `ShaderError` of a text that the device's compiler refuses. */
  async checkShader(label: string, code: string): Promise<void> {
    this.check();
    await this.#compiled(this.#module(label, code), label, code);
  }

  #module(label: string, code: string): Module {
    const found = this.#modules.get(code);
    if (found) return found;
    const outcomes: Outcomes = [];
    const made = this.scoped(
      label,
      (device) => device.createShaderModule({ label: this.label(label), code }),
      outcomes,
    );
    const refused = Promise.all(outcomes).then(
      () => undefined,
      (error: unknown) => error,
    );
    const module = { made, refused };
    this.#modules.set(code, module);
    return module;
  }

  async #compiled({ made, refused }: Module, label: string, code: string): Promise<void> {
    const error = await this.wait(refused);
    if (!error) return;
    this.#modules.delete(code);
    if (!(error instanceof GpuValidationError)) throw error;
    const info = await this.wait(made.getCompilationInfo());
    throw shaderError(
      code,
      label,
      info.messages.find((m) => m.type === 'error'),
    );
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
    await this.wait(this.scoped('read-back', () => staging.mapAsync(1 /* READ */)));
    const data = staging.getMappedRange(0, size).slice(0, bytes);
    staging.unmap();
    // Small ones are kept, the most recently used last.
    if (size > MAX_STAGING_BYTES) staging.destroy();
    else if (this.#staging.push(staging) > MAX_STAGING) this.#staging.shift()?.destroy();
    return data;
  }
}

export const ENGINE: Kind = ['an Engine', (v) => v instanceof Engine];

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

/** As WGSL has them. */
const LINE_BREAK = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/** A compile error with the offending line and a caret below its column. */
function shaderError(code: string, label: string, message: GPUCompilationMessage | undefined): ShaderError {
  if (!message) return new ShaderError(label, 'the shader does not compile, and the adapter gives no message');
  const line = code.split(LINE_BREAK)[message.lineNum - 1];
  const caret = `${' '.repeat(Math.max(0, message.linePos - 1))}^`;
  const excerpt = line === undefined ? '' : `\n  ${line}\n  ${caret}`;
  return new ShaderError(
    label,
    `line ${message.lineNum}:${message.linePos}: ${message.message}${excerpt}`,
    message.lineNum,
    message.linePos,
  );
}
