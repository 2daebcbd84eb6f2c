import type { Engine } from './engine.js';
import { GPU_BUFFER } from './engine.js';
import { AdapterError } from './errors.js';
import { TEXELS, type TextureUpload } from './shader.js';

/** What the profiler needs of a dispatch. */
export interface TimedDispatch {
  readonly uploads: readonly TextureUpload[];
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Queries per set that WebGPU guarantees. */
const MAX_QUERIES = 4096;

/** Throws `AdapterError` when the device has no timestamps. */
export function requireTimestamps({ device }: Engine): void {
  if (device.features.has('timestamp-query')) return;
  throw new AdapterError(
    'timing needs the feature timestamp-query, which this device was not created with; request it in requiredFeatures, ' +
      'or choose an adapter that has it',
  );
}

/** Records dispatches in order, in as few passes as their texture uploads allow. */
export function encodeDispatches(
  encoder: GPUCommandEncoder,
  dispatches: readonly TimedDispatch[],
  label: string,
): void {
  let pass: GPUComputePassEncoder | undefined;
  for (const d of dispatches) {
    if (d.uploads.length) {
      pass?.end();
      pass = undefined;
      uploadTextures(encoder, d.uploads);
    }
    pass ??= encoder.beginComputePass({ label });
    pass.setPipeline(d.pipeline);
    pass.setBindGroup(0, d.bindGroup);
    pass.dispatchWorkgroups(...d.workgroups);
  }
  pass?.end();
}

/** Runs dispatches in order, each in a pass of its own between two GPU timestamps; milliseconds of each. */
export async function timeDispatches(engine: Engine, dispatches: readonly TimedDispatch[]): Promise<number[]> {
  requireTimestamps(engine);
  const { device } = engine;
  const ms: number[] = [];
  for (let from = 0; from < dispatches.length; from += MAX_QUERIES / 2) {
    const part = dispatches.slice(from, from + MAX_QUERIES / 2);
    const count = 2 * part.length;
    const querySet = device.createQuerySet({ label: engine.label('profile'), type: 'timestamp', count });
    const resolved = engine.buffer('profile', 8 * count, GPU_BUFFER.QUERY_RESOLVE | GPU_BUFFER.COPY_SRC);
    const encoder = device.createCommandEncoder({ label: engine.label('profile') });
    for (const [i, d] of part.entries()) {
      // Copies to textures are part of what the dispatch costs: the clock starts with an empty pass before them.
      const start = { querySet, beginningOfPassWriteIndex: 2 * i };
      const end = { querySet, endOfPassWriteIndex: 2 * i + 1 };
      if (d.uploads.length) {
        encoder.beginComputePass({ timestampWrites: start }).end();
        uploadTextures(encoder, d.uploads);
      }
      const pass = encoder.beginComputePass({ timestampWrites: d.uploads.length ? end : { ...start, ...end } });
      pass.setPipeline(d.pipeline);
      pass.setBindGroup(0, d.bindGroup);
      pass.dispatchWorkgroups(...d.workgroups);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    engine.submit(encoder, 'profile');
    engine.counters.dispatches += part.length;
    const ns = new BigUint64Array(await engine.readBuffer(resolved));
    for (let i = 0; i < part.length; i++) ms.push(Number((ns[2 * i + 1] as bigint) - (ns[2 * i] as bigint)) / 1e6);
    querySet.destroy();
    resolved.destroy();
  }
  return ms;
}

/** Copies buffer ranges into textures `TEXELS` wide, row after row; 16 bytes a texel. */
export function uploadTextures(encoder: GPUCommandEncoder, uploads: readonly TextureUpload[]): void {
  for (const { buffer, offset, bytes, texture } of uploads) {
    const texels = Math.ceil(bytes / 16);
    const rows = Math.floor(texels / TEXELS);
    const layout = { buffer, offset, bytesPerRow: 16 * TEXELS };
    if (rows) encoder.copyBufferToTexture(layout, { texture }, [TEXELS, rows]);
    const rest = texels - rows * TEXELS;
    if (rest)
      encoder.copyBufferToTexture({ ...layout, offset: offset + 16 * TEXELS * rows }, { texture, origin: [0, rows] }, [
        rest,
        1,
      ]);
  }
}
