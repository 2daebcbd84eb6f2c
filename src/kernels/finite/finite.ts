import countSource from '../../../shaders/finite/count.wgsl';
import { grid } from '../../autograd/kernel.js';
import type { ParameterSet } from '../../autograd/parameters.js';
import { type EncodedDispatch, encodeDispatches } from '../../gpu/encode.js';
import { type Engine, GPU_BUFFER } from '../../gpu/engine.js';
import type { Outcomes } from '../../gpu/error-scopes.js';
import type { NonFinite } from '../../gpu/errors.js';
import { ParameterStorage } from '../../gpu/parameter-storage.js';
import { shader } from '../../gpu/shader.js';
import { present } from '../../present.js';

const count = shader('finite/count', countSource);

/** The number of values that one workgroup checks. */
const RANGE = 2 ** 14;

/** A parameter set whose values are checked, and the names of its parameters in errors. */
export interface Watched {
  readonly set: ParameterSet;
  readonly name: (parameter: string) => string;
}

/**
 * Finds NaN and infinite values in parameter sets on the GPU, with one dispatch per slab and one word per tensor to
 * read back. It checks the parameters themselves, because WGSL allows kernels to lose NaN on the way to a loss.
 */
export class FiniteCheck {
  private constructor(
    private readonly engine: Engine,
    private readonly tensors: readonly { readonly name: string; readonly size: number }[],
    private readonly found: GPUBuffer,
    private readonly dispatches: readonly EncodedDispatch[],
    private readonly tables: readonly GPUBuffer[],
  ) {}

  static async create(engine: Engine, watched: readonly Watched[]): Promise<FiniteCheck> {
    const { STORAGE, UNIFORM, COPY_DST, COPY_SRC } = GPU_BUFFER;
    const outcomes: Outcomes = [];
    const pipeline = await engine.pipeline(count);
    const tensors = watched.flatMap(({ set, name }) =>
      set.names.map((n) => ({ name: name(n), size: set.get(n).size })),
    );
    const found = engine.buffer('finite/found', 4 * tensors.length, STORAGE | COPY_DST | COPY_SRC, outcomes);
    const dispatches: EncodedDispatch[] = [];
    const tables: GPUBuffer[] = [];
    let before = 0;
    for (const { set } of watched) {
      const { layout, buffers } = ParameterStorage.of(engine, set, outcomes);
      for (const [slab, values] of buffers.entries()) {
        const ranges: number[] = [];
        for (const [i, name] of set.names.entries()) {
          const place = layout.at.get(name);
          if (place?.slab !== slab) continue;
          const end = place.offset + set.get(name).size;
          for (let at = place.offset; at < end; at += RANGE) ranges.push(at, Math.min(at + RANGE, end), before + i, 0);
        }
        const label = `finite/count[${set.name}#${slab}]`;
        const table = engine.buffer(`${label} ranges`, 4 * ranges.length, STORAGE | COPY_DST, outcomes);
        engine.write(table, 0, Uint32Array.from(ranges), outcomes);
        const params = engine.buffer(`${label} params`, 16, UNIFORM | COPY_DST, outcomes);
        engine.write(params, 0, Uint32Array.of(ranges.length / 4), outcomes);
        tables.push(table, params);
        const entries = [params, table, values, found].map((buffer, binding) => ({ binding, resource: { buffer } }));
        const bindGroup = engine.bindGroup(label, pipeline, entries, outcomes);
        dispatches.push({ pipeline, bindGroup, workgroups: grid(ranges.length / 4, 1), uploads: [] });
      }
      before += set.names.length;
    }
    await Promise.all(outcomes);
    return new FiniteCheck(engine, tensors, found, dispatches, tables);
  }

  /**
   * Returns the tensors that contain such values now, in the order in which they are watched. Both steps are queued at
   * once.
   */
  async look(): Promise<readonly NonFinite[]> {
    const { engine, found } = this;
    const encoder = engine.device.createCommandEncoder({ label: engine.label('finite') });
    encoder.clearBuffer(found);
    encodeDispatches(encoder, this.dispatches, engine.label('finite'));
    engine.submit(encoder, 'finite');
    const counts = new Uint32Array(await engine.readBuffer(found));
    return this.tensors.map((t, i) => ({ ...t, count: present(counts[i]) })).filter((t) => t.count > 0);
  }

  destroy(): void {
    for (const b of [this.found, ...this.tables]) b.destroy();
  }
}
