import type { EncodedDispatch } from '../gpu/encode.js';
import { type Engine, GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { present } from '../present.js';
import type { BoundEntry, Program } from './bind.js';
import type { BufferSpec, LaunchedCall } from './kernel-call.js';
import { loadSoftware } from './software.js';

/** One dispatch of a plan with everything that is needed to record it. */
export interface Step extends EncodedDispatch {
  /** The call that it belongs to. */
  readonly call: LaunchedCall;
  /** Whether it is the first dispatch of its call. The cost of a call is counted there. */
  readonly first: boolean;
  readonly shader: string;
  /** The buffers that it binds, with the names of its variables. */
  readonly bindings: readonly StepBinding[];
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

/** Makes the pipelines, the uniform buffer, the textures and the bind groups of a program. */
export async function realize(
  engine: Engine,
  { pipelines, uniforms, textures: rows, dispatches }: Program,
  buffers: Buffers,
  make: MakeBuffer,
  outcomes: Outcomes,
): Promise<{ steps: readonly Step[]; textures: readonly GPUTexture[] }> {
  const compiled = await Promise.all(pipelines.map(({ shader, constants }) => engine.pipeline(shader, constants)));
  const params = make('params', uniforms.byteLength / 4, GPU_BUFFER.UNIFORM | GPU_BUFFER.COPY_DST);
  engine.write(params, 0, uniforms, outcomes);
  const textured = rows.length ? await (await loadSoftware?.())?.textures() : undefined;
  const textures = rows.map((height, i) => present(textured).makeTexture(engine, i, height, outcomes));
  let empty: GPUBuffer | undefined;
  const resourceOf = (entry: BoundEntry): GPUBindingResource => {
    switch (entry.kind) {
      case 'uniform':
        return { buffer: params, offset: entry.offset, size: entry.size };
      case 'texture':
        return present(textures[entry.texture]).createView();
      case 'storage':
        return { buffer: present(buffers.get(entry.buffer)), offset: entry.offset, size: entry.bytes };
      case 'absent':
        empty ??= make('left-out argument', 64);
        return { buffer: empty };
    }
  };
  const steps = dispatches.map(({ call, first, pipeline: index, workgroups, entries, copies }): Step => {
    const pipeline = present(compiled[index]);
    const group = entries.map((entry) => ({ binding: entry.binding, resource: resourceOf(entry) }));
    const bindings = entries.flatMap((entry) =>
      entry.kind === 'storage' || entry.kind === 'texture'
        ? [{ name: entry.name, buffer: entry.buffer, writes: entry.kind === 'storage' && entry.writes }]
        : [],
    );
    return {
      ...{ call, first, shader: present(pipelines[index]).shader.label, workgroups, pipeline, bindings },
      bindGroup: engine.bindGroup(call.kernel.label, pipeline, group, outcomes),
      uploads: copies.map(({ buffer, texture, offset, bytesPerRow, row, size }) => ({
        source: { buffer: present(buffers.get(buffer)), offset, bytesPerRow },
        destination: { texture: present(textures[texture]), origin: [0, row] },
        size,
      })),
    };
  });
  return { steps, textures };
}
