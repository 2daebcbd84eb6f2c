import type { Dispatch } from '../autograd/kernel.js';
import { channelsOf, rowsOf } from '../autograd/tensor.js';
import { UsageError } from '../gpu/errors.js';
import { packParams, type Shader } from '../gpu/shader.js';
import type { TextureCopy, TextureRead, TextureUser } from '../gpu/texture-reads.js';
import { present } from '../present.js';
import { bindsRange, kernelArguments } from './choose.js';
import { type BufferSpec, isLaunched, type LaunchedCall, type PlacedCall } from './kernel-call.js';
import { loadSoftware } from './software.js';

/** All that a device needs to run calls, as data without any object of a device. */
export interface Program {
  readonly pipelines: readonly PipelineSpec[];
  /** The values of all uniform variables, in one buffer. */
  readonly uniforms: ArrayBuffer;
  /** The number of rows of each texture that arguments are copied to. */
  readonly textures: readonly number[];
  /** The dispatches in order. */
  readonly dispatches: readonly BoundDispatch[];
}

interface PipelineSpec {
  readonly shader: Shader;
  readonly constants: Readonly<Record<string, number>>;
}

/** One dispatch, with the memory that each of its variables is bound to. */
interface BoundDispatch {
  /** The call that it belongs to. */
  readonly call: LaunchedCall;
  /** Whether it is the first dispatch of its call. The cost of a call is counted there. */
  readonly first: boolean;
  /** The index of its pipeline. */
  readonly pipeline: number;
  readonly workgroups: readonly [number, number, number];
  readonly entries: readonly BoundEntry[];
  /** The copies into textures that are made before this dispatch, for it and for later ones. */
  readonly copies: readonly BoundCopy[];
}

/** A variable of a shader, by the number of its binding, and what it is bound to. */
export type BoundEntry = { readonly binding: number } & (
  | { readonly kind: 'uniform'; readonly offset: number; readonly size: number }
  | (Range & { readonly kind: 'storage'; readonly name: string; readonly writes: boolean })
  /** A range that was copied to the texture with this index. */
  | (Range & { readonly kind: 'texture'; readonly name: string; readonly texture: number })
  /** An argument that was left out. Its kernel does not read it, but must be bound to something. */
  | { readonly kind: 'absent' }
);

/** A copy from a buffer to a texture. */
type BoundCopy = TextureCopy & { readonly buffer: BufferSpec; readonly texture: number };

/** A byte range of a buffer. */
type Range = TextureRead<BufferSpec>;

/**
 * Lists the pipelines, uniform values, textures and bindings of every dispatch, in order.
 * @param alignment The limit `minUniformBufferOffsetAlignment` of the device.
 */
export async function bind(calls: readonly PlacedCall[], alignment: number): Promise<Program> {
  const flat = calls
    .filter(isLaunched)
    .flatMap((call) => call.kernel.launch.dispatches.map((dispatch) => ({ call, dispatch })));
  const users = flat.map(textureUser);
  // Only kernels for adapters that run on the CPU read textures.
  const textured = users.some(({ reads }) => reads.length) ? await (await loadSoftware?.())?.textures() : undefined;
  const { rows, uses } = textured?.planTextures(users) ?? { rows: [], uses: [] };
  const copies: BoundCopy[][] = flat.map(() => []);
  for (const { read, texture, copied } of uses.flat()) {
    const { buffer, offset, bytes } = read;
    if (copied === undefined || !textured) continue;
    for (const copy of textured.copiesOf(4 * buffer.elements, offset, bytes))
      copies[copied]?.push({ ...copy, buffer, texture });
  }
  const { uniforms, rangeOf: uniformOf } = uniformValues(flat, alignment);
  const pipelines = new Pipelines();
  const dispatches = flat.map(({ call, dispatch }, i): BoundDispatch => {
    const textures = (uses[i] ?? []).map(({ texture }) => texture);
    return {
      ...{ call, first: dispatch === call.kernel.launch.dispatches[0] },
      pipeline: pipelines.indexOf(dispatch),
      workgroups: dispatch.workgroups,
      entries: dispatch.shader.bindings.map(({ index: binding, name, type }): BoundEntry => {
        if (type === 'uniform') return { binding, kind: 'uniform', ...uniformOf(i) };
        const range = rangeOf(call, name, dispatch.shader);
        if (!range) return { binding, kind: 'absent' };
        if (type === 'texture') return { binding, kind: 'texture', name, ...range, texture: present(textures.shift()) };
        return { binding, kind: 'storage', name, writes: type === 'storage', ...range };
      }),
      copies: present(copies[i]),
    };
  });
  return { pipelines: pipelines.list, uniforms, textures: rows, dispatches };
}

/** The pipelines of dispatches, each once. */
class Pipelines {
  readonly list: PipelineSpec[] = [];
  readonly #indices = new Map<string, number>();

  indexOf({ shader, constants = {} }: Dispatch): number {
    const values = Object.keys(constants)
      .sort()
      .map((name) => `${name}=${constants[name]}`);
    const key = [shader.label, shader.entryPoint, values, shader.code].join('\n');
    const index = this.#indices.get(key) ?? this.list.push({ shader, constants }) - 1;
    this.#indices.set(key, index);
    return index;
  }
}

interface CallDispatch {
  readonly call: LaunchedCall;
  readonly dispatch: Dispatch;
}

/** Writes the numbers of every dispatch into one buffer. Returns it, and the range of dispatch i. */
function uniformValues(flat: readonly CallDispatch[], minimum: number) {
  const sizes = flat.map(({ dispatch: { shader } }) => 16 * Math.max(1, Math.ceil(shader.paramBytes / 16)));
  const alignment = Math.max(256, minimum);
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
  return { uniforms: data.buffer, rangeOf: (i: number) => ({ offset: unit * i, size: present(sizes[i]) }) };
}

/**
 * The bytes that a variable is bound to: those of the value, or the whole allocation that the value is a part of. What a check
 * leaves free at the end of the allocation is bound as well, unless the shader asks for the length of an array.
 */
function rangeOf({ inputs, outputs, buffers }: LaunchedCall, name: string, { code }: Shader): Range | undefined {
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
  const reads: Range[] = [];
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
