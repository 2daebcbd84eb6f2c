import type { Dispatch } from '../autograd/kernel.js';
import { channelsOf, rowsOf } from '../autograd/tensor.js';
import { type Engine, GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { UsageError } from '../gpu/errors.js';
import { packParams, type Shader, type TextureUpload } from '../gpu/shader.js';
import type { TextureRead, TextureUser } from '../gpu/texture-reads.js';
import { present } from '../present.js';
import { bindsRange, kernelArguments } from './choose.js';
import { type BufferSpec, isLaunched, type LaunchedCall, type PlacedCall } from './kernel-call.js';
import { loadSoftware } from './software.js';

/** One dispatch of a plan with everything that is needed to record it. */
export interface Step {
  /** The call that it belongs to. */
  readonly call: LaunchedCall;
  /** Whether it is the first dispatch of its call. The cost of a call is counted there. */
  readonly first: boolean;
  readonly shader: string;
  readonly workgroups: readonly [number, number, number];
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** The buffers that it binds, with the names of its variables. */
  readonly bindings: readonly StepBinding[];
  /** The copies into textures that are made before this step, for it and for later steps. */
  readonly uploads: readonly TextureUpload[];
}

interface StepBinding {
  readonly name: string;
  readonly buffer: BufferSpec;
  readonly writes: boolean;
}

/** The GPU buffer of every buffer of a plan. */
export type Buffers = ReadonlyMap<BufferSpec, GPUBuffer>;
/** Makes a buffer of `elements` 4-byte elements that the plan frees when it is destroyed. */
export type MakeBuffer = (name: string, elements: number, usage?: number) => GPUBuffer;

/** Makes the pipelines, uniform values, textures and bind groups of every dispatch, in order. */
export async function bind(
  engine: Engine,
  calls: readonly PlacedCall[],
  buffers: Buffers,
  make: MakeBuffer,
  outcomes: Outcomes,
): Promise<{ steps: readonly Step[]; textures: readonly GPUTexture[] }> {
  const flat = calls
    .filter(isLaunched)
    .flatMap((call) => call.kernel.launch.dispatches.map((dispatch) => ({ call, dispatch })));
  const pipelines = await Promise.all(flat.map(({ dispatch }) => engine.pipeline(dispatch.shader, dispatch.constants)));
  const params = uniformValues(engine, flat, make, outcomes);
  const users = flat.map(textureUser);
  // Only kernels for adapters that run on the CPU read textures.
  const textured = users.some(({ reads }) => reads.length) ? await (await loadSoftware?.())?.textures() : undefined;
  const { rows, uses } = textured?.planTextures(users) ?? { rows: [], uses: [] };
  const textures = textured ? rows.map((height, i) => textured.makeTexture(engine, i, height, outcomes)) : [];
  const uploads: TextureUpload[][] = flat.map(() => []);
  for (const list of uses)
    for (const { read, texture, copied } of list) {
      if (copied === undefined || !textured) continue;
      const from = present(buffers.get(read.buffer));
      uploads[copied]?.push(...textured.uploadsOf(from, read.offset, read.bytes, present(textures[texture])));
    }
  let empty: GPUBuffer | undefined;
  const steps = flat.map(({ call, dispatch }, i): Step => {
    const { shader, workgroups } = dispatch;
    const views = (uses[i] ?? []).map(({ texture }) => present(textures[texture]).createView());
    const bindings: StepBinding[] = [];
    const entries = shader.bindings.map((b): GPUBindGroupEntry => {
      if (b.type === 'uniform') return { binding: b.index, resource: params(i) };
      const range = rangeOf(call, b.name, shader);
      if (!range) {
        empty ??= make('left-out argument', 64);
        return { binding: b.index, resource: { buffer: empty } };
      }
      const { buffer, offset, bytes: size } = range;
      bindings.push({ name: b.name, buffer, writes: b.type === 'storage' });
      if (b.type === 'texture') return { binding: b.index, resource: present(views.shift()) };
      return { binding: b.index, resource: { buffer: present(buffers.get(buffer)), offset, size } };
    });
    const pipeline = present(pipelines[i]);
    return {
      ...{ call, first: dispatch === call.kernel.launch.dispatches[0], shader: shader.label, workgroups, pipeline },
      bindGroup: engine.bindGroup(call.kernel.label, pipeline, entries, outcomes),
      bindings,
      uploads: present(uploads[i]),
    };
  });
  return { steps, textures };
}

type Read = TextureRead<BufferSpec>;

interface CallDispatch {
  readonly call: LaunchedCall;
  readonly dispatch: Dispatch;
}

/** Writes the numbers of every dispatch into one buffer. Returns the range of dispatch i. */
function uniformValues(
  engine: Engine,
  flat: readonly CallDispatch[],
  make: MakeBuffer,
  outcomes: Outcomes,
): (i: number) => GPUBufferBinding {
  const sizes = flat.map(({ dispatch: { shader } }) => 16 * Math.max(1, Math.ceil(shader.paramBytes / 16)));
  const alignment = Math.max(256, engine.device.limits.minUniformBufferOffsetAlignment);
  const unit = alignment * Math.ceil(Math.max(1, ...sizes) / alignment);
  const data = new DataView(new ArrayBuffer(Math.max(unit, unit * flat.length)));
  for (const [i, { call, dispatch }] of flat.entries()) {
    const values: Record<string, number> = { ...dispatch.params };
    for (const [name, { offset, stride }] of Object.entries(kernelArguments(call))) {
      values[`${name}_offset`] ??= offset;
      values[`${name}_stride`] ??= stride;
    }
    packParams(data, unit * i, dispatch.shader, values);
  }
  const buffer = make('params', data.byteLength / 4, GPU_BUFFER.UNIFORM | GPU_BUFFER.COPY_DST);
  engine.write(buffer, 0, data.buffer, outcomes);
  return (i) => ({ buffer, offset: unit * i, size: sizes[i] });
}

/**
 * The bytes that a variable is bound to: those of the value, or the whole allocation that the value is a part of. What a check
 * leaves free at the end of the allocation is bound as well, unless the shader asks for the length of an array.
 */
function rangeOf({ inputs, outputs, buffers }: LaunchedCall, name: string, { code }: Shader): Read | undefined {
  const view = buffers[name];
  if (!view) return undefined;
  const { allocation, offset, buffer = allocation } = view;
  const { elements, tail = 0 } = allocation;
  const free = tail && /\barrayLength\b/.test(code) ? 0 : tail;
  const value = inputs[name] ?? outputs[name];
  if (value && bindsRange(value, view))
    return { buffer, offset: 4 * offset, bytes: 4 * (rowsOf(value.shape) * channelsOf(value.shape) + free) };
  return { buffer, offset: 0, bytes: 4 * (elements - tail + free) };
}

/** Checks that every variable of a dispatch has storage or may be left out. Returns what the dispatch reads from textures. */
function textureUser({ call, dispatch: { shader } }: CallDispatch): TextureUser<BufferSpec> {
  const reads: Read[] = [];
  const writes: BufferSpec[] = [];
  for (const { name, type } of shader.bindings) {
    if (type === 'uniform') continue;
    const range = rangeOf(call, name, shader);
    if (!range && (type === 'texture' || !call.op.args[name]?.optional))
      throw new UsageError(
        `${shader.label}: variable ${name} is neither an argument, a result nor scratch of ${call.op.name}`,
      );
    if (range && type === 'texture') reads.push(range);
    if (range && type === 'storage') writes.push(range.buffer);
  }
  return { reads, writes };
}
