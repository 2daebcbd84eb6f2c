import { leaf } from '../autograd/leaves.js';
import { isOf } from '../autograd/op.js';
import type { Tensor } from '../autograd/tensor.js';
import { unshared } from '../gpu/arguments.js';
import { type Engine, GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { ParameterStorage } from '../gpu/parameter-storage.js';
import { bind } from './bind.js';
import type { BufferSpec, PlacedCall } from './kernel-call.js';
import { buffersOf, memoryReport } from './memory.js';
import { bufferOf, Plan } from './plan.js';
import type { Stage } from './plan-text.js';
import { realize } from './realize.js';

/** Makes the buffers, pipelines and bind groups of calls. Nothing stays allocated when that fails. */
export async function makePlan(
  engine: Engine,
  calls: readonly PlacedCall[],
  outputs: Readonly<Record<string, Tensor>>,
  stages: readonly Stage[],
): Promise<Plan> {
  const outcomes: Outcomes = [];
  const made: GPUBuffer[] = [];
  let textures: readonly GPUTexture[] = [];
  const make = (name: string, elements: number, usage = STORAGE) => {
    const buffer = engine.buffer(name, 4 * elements, usage, outcomes);
    made.push(buffer);
    return buffer;
  };
  try {
    const buffers = new Map<BufferSpec, GPUBuffer>();
    for (const spec of buffersOf(calls)) {
      const { set, index = 0 } = (spec.kind === 'parameter' && spec.slab) || {};
      const shared = set && ParameterStorage.of(engine, set, outcomes).buffers[index];
      buffers.set(spec, shared ?? make(spec.label, spec.elements));
    }
    for (const call of calls)
      if (isOf(leaf, call) && call.attrs.source === 'constant')
        engine.write(bufferOf(buffers, call.buffers.value), 0, unshared(call.attrs.data), outcomes);
    const program = await bind(calls, engine.device.limits.minUniformBufferOffsetAlignment);
    const bound = await realize(engine, program, buffers, make, outcomes);
    textures = bound.textures;
    await engine.wait(Promise.all(outcomes));
    const bytes = made.reduce((sum, buffer) => sum + buffer.size, 0);
    const memory = memoryReport(calls, bytes, textures, (set) => ParameterStorage.of(engine, set).bytes);
    const owned = [...made, ...textures];
    return new Plan(engine, { outputs, stages, calls, steps: bound.steps, buffers, textures, owned, memory });
  } catch (error) {
    for (const o of [...made, ...textures]) o.destroy();
    throw error;
  }
}

const STORAGE = GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_SRC | GPU_BUFFER.COPY_DST;
