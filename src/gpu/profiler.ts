import { type EncodedDispatch, uploadTextures } from './encode.js';
import type { Engine } from './engine.js';
import { GPU_BUFFER } from './engine.js';
import { AdapterError } from './errors.js';

/** A stretch of time in milliseconds. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/** When each dispatch ran, and what the host did meanwhile. */
export interface Recording {
  /** One span per dispatch, on the device's clock, where 0 is the begin of the first. */
  readonly dispatches: readonly Span[];
  /** One span per activity of the host, on the clock of `performance.now()`. How the two clocks are related is unknown. */
  readonly host: readonly (Span & { readonly name: string })[];
}

/** The largest number of queries in a set that WebGPU guarantees. */
const MAX_QUERIES = 4096;

/** Throws `AdapterError` if the device has no timestamps. */
export function requireTimestamps({ device }: Engine): void {
  if (device.features.has('timestamp-query')) return;
  throw new AdapterError(
    'timing needs the feature timestamp-query, which this device was not created with; request it in requiredFeatures, ' +
      'or choose an adapter that has it',
  );
}

/** Runs dispatches in order, each in a pass of its own between two GPU timestamps. */
export async function recordDispatches(engine: Engine, dispatches: readonly EncodedDispatch[]): Promise<Recording> {
  requireTimestamps(engine);
  const { device } = engine;
  const stamps: bigint[] = [];
  const host: Recording['host'][number][] = [];
  let begin = performance.now();
  const addSpan = (name: string) => {
    const end = performance.now();
    host.push({ name, begin, end });
    begin = end;
  };
  for (let from = 0; from < dispatches.length; from += MAX_QUERIES / 2) {
    const part = dispatches.slice(from, from + MAX_QUERIES / 2);
    const count = 2 * part.length;
    const queries: GPUQuerySetDescriptor = { label: engine.label('profile'), type: 'timestamp', count };
    const querySet = engine.scoped('profile', () => device.createQuerySet(queries));
    const resolved = engine.buffer('profile', 8 * count, GPU_BUFFER.QUERY_RESOLVE | GPU_BUFFER.COPY_SRC);
    const encoder = device.createCommandEncoder({ label: engine.label('profile') });
    for (const [i, d] of part.entries()) {
      // Copies to textures count as part of the dispatch, so the first timestamp is written by an empty pass before them.
      const start = { querySet, beginningOfPassWriteIndex: 2 * i };
      const end = { querySet, endOfPassWriteIndex: 2 * i + 1 };
      if (d.uploads.length) {
        encoder.beginComputePass({ timestampWrites: start }).end();
        uploadTextures(encoder, d.uploads);
      }
      const pass = encoder.beginComputePass({ timestampWrites: d.uploads.length ? end : { ...start, ...end } });
      pass.setPipeline(d.pipeline);
      pass.setBindGroup(0, d.bindGroup);
      pass.dispatchWorkgroups(d.workgroups[0], d.workgroups[1], d.workgroups[2]);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    addSpan('encode');
    engine.submit(encoder, 'profile');
    addSpan('submit');
    engine.counters.dispatches += part.length;
    stamps.push(...new BigUint64Array(await engine.readBuffer(resolved)));
    addSpan('wait');
    querySet.destroy();
    resolved.destroy();
  }
  const first = stamps[0] ?? 0n;
  const ms = (i: number) => Number((stamps[i] as bigint) - first) / 1e6;
  return { dispatches: dispatches.map((_, i) => ({ begin: ms(2 * i), end: ms(2 * i + 1) })), host };
}
