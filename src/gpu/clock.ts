import { type Engine, GPU_BUFFER } from '../gpu/engine.js';

/** How times are taken on a device, and how fine that is. */
export interface Timing {
  /** GPU timestamps, or, on a device without `timestamp-query`, the host's clock from submission to completion. */
  readonly source: 'timestamps' | 'wall clock';
  /** Milliseconds by which a reading may be off: browsers round timestamps, and no two waits take equally long. */
  readonly stepMs: number;
}

/** A clock for GPU commands. */
export interface Clock extends Timing {
  /** Milliseconds that commands take on the device. */
  time(encode: (encoder: GPUCommandEncoder) => void): Promise<number>;
}

/** Readings to find the steps of a clock by. */
const READINGS = 12;

const clocks = new WeakMap<Engine, Promise<Clock>>();

/** The best clock of an engine's device; its steps are measured on the first call. */
export function clockOf(engine: Engine): Promise<Clock> {
  let clock = clocks.get(engine);
  if (!clock) {
    clock = engine.device.features.has('timestamp-query') ? timestamps(engine) : wallClock(engine);
    clock.catch(() => clocks.delete(engine));
    clocks.set(engine, clock);
  }
  return clock;
}

/** Between an empty pass before the commands and one after. */
async function timestamps(engine: Engine): Promise<Clock> {
  const label = engine.label('bench');
  const querySet = engine.scoped('bench', (device) => device.createQuerySet({ label, type: 'timestamp', count: 2 }));
  const resolved = engine.buffer('bench', 16, GPU_BUFFER.QUERY_RESOLVE | GPU_BUFFER.COPY_SRC);
  const read = async (encode?: (encoder: GPUCommandEncoder) => void): Promise<BigUint64Array> => {
    const encoder = engine.device.createCommandEncoder({ label });
    encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: 0 } }).end();
    encode?.(encoder);
    encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex: 1 } }).end();
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    engine.submit(encoder, 'bench');
    return new BigUint64Array(await engine.readBuffer(resolved));
  };
  const readings: bigint[] = [];
  for (let i = 0; i < READINGS; i++) readings.push(...(await read()));
  return {
    source: 'timestamps',
    stepMs: stepOf(readings) / 1e6,
    time: async (encode) => {
      const [from = 0n, to = 0n] = await read(encode);
      return Number(to - from) / 1e6;
    },
  };
}

/** What all differences of readings are multiples of, in their unit; 10⁵ where they never moved. */
export function stepOf(readings: readonly bigint[]): number {
  let step = 0n;
  for (const r of readings) {
    let [a, b] = [step, r > (readings[0] as bigint) ? r - (readings[0] as bigint) : (readings[0] as bigint) - r];
    while (b) [a, b] = [b, a % b];
    step = a;
  }
  return Number(step) || 1e5;
}

/** From submission to completion, less what an empty submission takes at least. */
async function wallClock(engine: Engine): Promise<Clock> {
  const read = async (encode?: (encoder: GPUCommandEncoder) => void): Promise<number> => {
    const encoder = engine.device.createCommandEncoder({ label: engine.label('bench') });
    encode?.(encoder);
    const begin = performance.now();
    engine.submit(encoder, 'bench');
    await engine.idle();
    return performance.now() - begin;
  };
  const empty: number[] = [];
  for (let i = 0; i < READINGS; i++) empty.push(await read());
  empty.sort((a, b) => a - b);
  const least = empty[0] as number;
  const usual = empty[READINGS >> 1] as number;
  // Browsers round their clock to 0.1 ms or finer.
  const stepMs = Math.max(0.1, usual - least);
  return {
    source: 'wall clock',
    stepMs,
    // What is shorter than a step is taken for one: too slow rather than infinitely fast.
    time: async (encode) => Math.max(stepMs, (await read(encode)) - least),
  };
}

/** Whether a reading is fine enough to need no mention. */
export const isFine = ({ source, stepMs }: Timing) => source === 'timestamps' && stepMs < 0.01;

/** One sentence about how times are taken. */
export function timingText(timing: Timing): string {
  const { source, stepMs } = timing;
  if (isFine(timing)) return 'Timed by GPU timestamps.';
  const micro = `${Number((1000 * stepMs).toPrecision(2))} µs`;
  return source === 'wall clock'
    ? 'Timed by the wall clock, since this device has no timestamp-query: runs are repeated until what waiting takes ' +
        `(give or take ${micro}) no longer counts.`
    : `Timed by GPU timestamps, which come in steps of ${micro} here: runs are repeated until steps no longer count.`;
}
