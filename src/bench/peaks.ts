import { grid } from '../autograd/kernel.js';
import { type Engine, GPU_BUFFER } from '../gpu/engine.js';
import { measure, type Times, type Work } from '../gpu/measure.js';
import type { Shader } from '../gpu/shader.js';

/** The highest measured rates of an adapter, which define the roofline. */
export interface Peaks {
  /** 10⁹ f32 operations a second; a multiply-add counts as two. */
  gflops: number;
  /** 10⁹ bytes a second; every byte read and every byte written counts. */
  gbs: number;
}

/** Multiply-adds of a chain in one iteration of the loop. */
const UNROLL = 16;

/** A kernel whose buffers `PeakWork.create` binds by their numbers. */
const probe = (label: string, code: string): Shader => ({
  ...{ label, code, entryPoint: 'main' },
  ...{ bindings: [], params: [], paramBytes: 0, overrides: [], enables: [] },
});

/**
 * A kernel that runs `count` independent chains a = a·b + c in each invocation: 2 · count · UNROLL · iterations operations.
 * b is below 1, so the values stay finite. The sum is stored, so a compiler cannot remove a chain.
 */
function chainsOf(count: number): Shader {
  const each = (text: (i: number) => string, between = ' ') =>
    Array.from({ length: count }, (_, i) => text(i)).join(between);
  const code = `
struct Params { iterations: u32, b: f32, c: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let b = p.b;
  let c = p.c;
  let s = f32(id.x) * 1e-6;
  ${each((i) => `var a${i} = s + ${i / 10};`)}
  for (var i = 0u; i < p.iterations; i++) {
    ${`${each((i) => `a${i} = fma(a${i}, b, c);`)}\n`.repeat(UNROLL)}
  }
  y[id.x] = ${each((i) => `a${i}`, ' + ')};
}`;
  return probe(`peaks/fma${count}`, code);
}

/**
 * Numbers of chains to try. With too few the adapter waits for results, and too many do not fit its registers; the best
 * number depends on the adapter.
 */
const CHAINS = [6, 8, 9, 10, 12, 16];

const copy = probe(
  'peaks/copy',
  `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < arrayLength(&y)) { y[i] = x[i]; }
}`,
);

/** Kernels and copies with known numbers of operations and bytes, from whose times it computes the peaks. */
export class PeakWork {
  readonly #buffers: readonly GPUBuffer[];

  private constructor(
    readonly work: readonly Work[],
    private readonly amounts: readonly { flops: number; bytes: number }[],
    buffers: readonly GPUBuffer[],
  ) {
    this.#buffers = buffers;
  }

  static async create(engine: Engine): Promise<PeakWork> {
    const { STORAGE, COPY_SRC, COPY_DST, UNIFORM } = GPU_BUFFER;
    const invocations = engine.software ? 2048 : 2 ** 20;
    const iterations = engine.software ? 512 : 256;
    const bytes = Math.min(engine.software ? 2 ** 25 : 2 ** 28, engine.device.limits.maxStorageBufferBindingSize);
    const params = engine.buffer('peaks/params', 16, UNIFORM | COPY_DST);
    engine.write(params, 0, Uint32Array.of(iterations));
    engine.write(params, 4, Float32Array.of(0.5, 0.25));
    const sums = engine.buffer('peaks/sums', 4 * invocations, STORAGE);
    const from = engine.buffer('peaks/from', bytes, STORAGE | COPY_SRC);
    const to = engine.buffer('peaks/to', bytes, STORAGE | COPY_DST);
    const dispatch = async (of: Shader, buffers: readonly GPUBuffer[], workgroups: [number, number, number]) => {
      const pipeline = await engine.pipeline(of);
      const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
      const bindGroup = engine.bindGroup(of.label, pipeline, entries);
      return { dispatches: [{ pipeline, bindGroup, workgroups, uploads: [] }] };
    };
    const chains = await Promise.all(
      CHAINS.map((n) => dispatch(chainsOf(n), [params, sums], [invocations / 64, 1, 1])),
    );
    const shaderCopy = await dispatch(copy, [from, to], grid(bytes / 16, 64));
    const command: Work = { encode: (encoder) => encoder.copyBufferToBuffer(from, 0, to, 0, bytes) };
    const moved = { flops: 0, bytes: 2 * bytes };
    return new PeakWork(
      [...chains, shaderCopy, command],
      [...CHAINS.map((n) => ({ flops: 2 * n * UNROLL * iterations * invocations, bytes: 0 })), moved, moved],
      [params, sums, from, to],
    );
  }

  /** The highest rates, from the median times of `work`. */
  peaks(times: readonly Times[]): Peaks {
    const best = (of: 'flops' | 'bytes') =>
      Math.max(...this.amounts.map((a, i) => a[of] / (times[i] as Times).median / 1e6));
    return { gflops: best('flops'), gbs: best('bytes') };
  }

  /**
   * The work that reached 90 % of a peak, which is enough to follow changes of the adapter's speed. The result shares the
   * buffers of this object and is valid until it is destroyed.
   */
  fastest(times: readonly Times[]): PeakWork {
    const { gflops, gbs } = this.peaks(times);
    const near = this.amounts.map(
      ({ flops, bytes }, i) => Math.max(flops / gflops, bytes / gbs) / (times[i] as Times).median / 1e6 > 0.9,
    );
    return new PeakWork(
      this.work.filter((_, i) => near[i]),
      this.amounts.filter((_, i) => near[i]),
      [],
    );
  }

  destroy(): void {
    for (const b of this.#buffers) b.destroy();
  }
}

/**
 * Measures the peaks of an adapter: with an f32 multiply-add loop in registers, and with copies of a large buffer by command
 * and by shader.
 */
export async function measurePeaks(engine: Engine): Promise<Peaks> {
  const work = await PeakWork.create(engine);
  try {
    return work.peaks(await measure(engine, work.work));
  } finally {
    work.destroy();
  }
}
