import type { Engine } from './engine.js';
import type { Outcomes } from './error-scopes.js';
import { GpuValidationError, ShaderError } from './errors.js';
import type { Shader } from './shader.js';
import { shaderError } from './shader-error.js';

/** A shader module, and a promise of the error if the compiler refuses it. */
interface Module {
  readonly module: GPUShaderModule;
  readonly error: Promise<unknown>;
}

/** The compiled shaders of an engine. Each is compiled at most once. */
export class Pipelines {
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #modules = new Map<string, Module>();

  constructor(private readonly engine: Engine) {}

  /** The pipeline of a shader with these override constants, which is compiled at most once. */
  get(of: Shader, constants: Record<string, number>): Promise<GPUComputePipeline> {
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
    this.engine.check();
    this.engine.counters.pipelines++;
    const module = this.#module(of.label, of.code);
    const named = of.overrides.filter((o) => o.name in values);
    const constants = Object.fromEntries(named.map((o) => [String(o.id ?? o.name), values[o.name] as number]));
    const result = this.engine.device
      .createComputePipelineAsync({
        label: this.engine.label(label),
        layout: 'auto',
        compute: { module: module.module, entryPoint: of.entryPoint, constants },
      })
      .catch((error: unknown) => error as Error);
    await this.#compiled(module, label, of.code);
    const pipeline = await this.engine.wait(result);
    if (pipeline instanceof Error) throw new ShaderError(label, pipeline.message);
    return pipeline;
  }

  /** Throws `ShaderError` if the device's compiler refuses the WGSL text. */
  async checkShader(label: string, code: string): Promise<void> {
    await this.#compiled(this.#module(label, code), label, code);
  }

  #module(label: string, code: string): Module {
    const found = this.#modules.get(code);
    if (found) return found;
    const outcomes: Outcomes = [];
    const module = this.engine.scoped(
      label,
      (device) => device.createShaderModule({ label: this.engine.label(label), code }),
      outcomes,
    );
    const error = Promise.all(outcomes).then(
      () => undefined,
      (error: unknown) => error,
    );
    this.#modules.set(code, { module, error });
    return { module, error };
  }

  async #compiled({ module, error: refused }: Module, label: string, code: string): Promise<void> {
    const error = await this.engine.wait(refused);
    if (!error) return;
    this.#modules.delete(code);
    if (!(error instanceof GpuValidationError)) throw error;
    const info = await this.engine.wait(module.getCompilationInfo());
    throw shaderError(
      code,
      label,
      info.messages.find((m) => m.type === 'error'),
    );
  }
}
