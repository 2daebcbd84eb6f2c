import { type Engine, GPU_BUFFER } from '../gpu/engine.js';

/** How times are taken on a device, and with what resolution. */
export interface Timing {
  /** GPU timestamps or, on a device without `timestamp-query`, the host's clock from submission to completion. */
  readonly source: 'timestamps' | 'wall clock';
  /** Error of a reading in milliseconds: browsers round timestamps, and the time of a wait varies. */
  readonly stepMs: number;
}

/** A clock for GPU commands. */
export interface Clock extends Timing {
  /** Milliseconds that commands take on the device. */
  time(encode: (encoder: GPUCommandEncoder) => void): Promise<number>;
}

/** Number of readings that determine the steps of a clock. */
const READINGS = 12;

const clocks = new WeakMap<Engine, Promise<Clock>>();

/** The best clock of an engine's device. The first call measures its steps. */
export function clockOf(engine: Engine): Promise<Clock> {
  let clock = clocks.get(engine);
  if (!clock) {
    clock = engine.device.features.has('timestamp-query') ? timestamps(engine) : wallClock(engine);
    clock.catch(() => clocks.delete(engine));
    clocks.set(engine, clock);
  }
  return clock;
}

/** A clock that takes timestamps in an empty pass before the commands and in one after them. */
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

/** The greatest common divisor of all differences of readings, in their unit; 10⁵ if all readings are equal. */
export function stepOf(readings: readonly bigint[]): number {
  let step = 0n;
  for (const r of readings) {
    let [a, b] = [step, r > (readings[0] as bigint) ? r - (readings[0] as bigint) : (readings[0] as bigint) - r];
    while (b) [a, b] = [b, a % b];
    step = a;
  }
  return Number(step) || 1e5;
}

/** A clock that measures from submission to completion, minus the shortest time of an empty submission. */
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
  const fastest = empty[0] as number;
  const usual = empty[READINGS >> 1] as number;
  // Browsers round their clock to 0.1 ms or finer.
  const stepMs = Math.max(0.1, usual - fastest);
  return {
    source: 'wall clock',
    stepMs,
    // Shorter times count as one step, so that no work seems infinitely fast.
    time: async (encode) => Math.max(stepMs, (await read(encode)) - fastest),
  };
}

/** Whether readings are so exact that their error need not be mentioned. */
export const isFine = ({ source, stepMs }: Timing) => source === 'timestamps' && stepMs < 0.01;

/** One sentence about how times are taken. */
export function timingText(timing: Timing): string {
  const { source, stepMs } = timing;
  if (isFine(timing)) return 'Timed by GPU timestamps.';
  const micro = `${Number((1000 * stepMs).toPrecision(2))} µs`;
  return source === 'wall clock'
    ? 'Timed by the wall clock, because this device has no timestamp-query. Runs are repeated until the time of the wait ' +
        `(± ${micro}) no longer matters.`
    : `Timed by GPU timestamps in steps of ${micro}. Runs are repeated until the steps no longer matter.`;
}
