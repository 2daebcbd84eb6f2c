import { type Engine, GPU_BUFFER } from '../gpu/engine.js';
import { encodeDispatches, requireTimestamps, type TimedDispatch } from '../gpu/profiler.js';

/** GPU commands whose time is wanted: dispatches in order, or anything else between two passes. */
export interface Work {
  readonly dispatches?: readonly TimedDispatch[];
  encode?(encoder: GPUCommandEncoder): void;
}

export interface MeasureOptions {
  /** Samples of each piece of work; the first, which warms caches and clocks, is not counted. */
  samples?: number;
  /** A sample repeats the work until it lasts about this many milliseconds. */
  sampleMs?: number;
  /**
   * Work whose samples would together last longer than this many milliseconds gets fewer, but at least one; work of
   * which a single run does is timed by its first. Give it only for work that has run before. No bound when absent.
   */
  budgetMs?: number;
  /** Work whose second run takes more than this many times that of the quickest is timed by that run alone. */
  hopeless?: number;
}

/** Times of one run of a piece of work in milliseconds, over all samples. */
export interface Times {
  median: number;
  min: number;
  max: number;
  /** Lower and upper quartile. */
  q1: number;
  q3: number;
  samples: number;
  /** Runs within one sample. */
  repeats: number;
  /** Time of the very first run, which on some adapters compiles the kernel. */
  first: number;
}

/** Most repeats within a sample; beyond it host time would count. */
const MAX_REPEATS = 2000;

/**
 * Times pieces of work by GPU timestamps, in turn: one sample of each, then the next of each, so that a drift of the
 * machine meets all alike.
 */
export async function measure(engine: Engine, work: readonly Work[], options: MeasureOptions = {}): Promise<Times[]> {
  requireTimestamps(engine);
  const { samples = 7, sampleMs = engine.software ? 40 : 4 } = options;
  const { budgetMs = Number.POSITIVE_INFINITY, hopeless = Number.POSITIVE_INFINITY } = options;
  const firsts: number[] = [];
  const repeats: number[] = [];
  const counts: number[] = [];
  const onces: number[] = [];
  const found: number[][] = work.map(() => []);
  const clock = new Clock(engine);
  try {
    for (const [i, w] of work.entries()) {
      const first = await clock.time(w, 1);
      firsts.push(first);
      if (first > budgetMs) {
        onces.push(first);
        found[i] = [first];
        counts.push(0);
        repeats.push(1);
        continue;
      }
      const once = Math.max(await clock.time(w, 1), 1e-3);
      onces.push(once);
      const n = Math.max(1, Math.min(MAX_REPEATS, Math.round(sampleMs / once)));
      repeats.push(n);
      counts.push(Math.max(1, Math.min(samples, Math.floor(budgetMs / (n * once)))));
    }
    const limit = hopeless * Math.min(...onces);
    for (const [i, once] of onces.entries()) {
      if (once <= limit) continue;
      found[i] = [once];
      counts[i] = 0;
      repeats[i] = 1;
    }
    for (let s = 0; s < samples; s++)
      for (const [i, w] of work.entries()) {
        const n = repeats[i] as number;
        if (s >= (counts[i] as number)) continue;
        (found[i] as number[]).push((await clock.time(w, n)) / n);
      }
  } finally {
    clock.destroy();
  }
  return found.map((list, i) => summarise(list, repeats[i] as number, firsts[i] as number));
}

class Clock {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  constructor(private readonly engine: Engine) {
    this.#queries = engine.device.createQuerySet({ label: engine.label('bench'), type: 'timestamp', count: 2 });
    this.#resolved = engine.buffer('bench', 16, GPU_BUFFER.QUERY_RESOLVE | GPU_BUFFER.COPY_SRC);
  }

  /** Milliseconds of `repeats` runs, between an empty pass before and one after. */
  async time(work: Work, repeats: number): Promise<number> {
    const { engine } = this;
    const querySet = this.#queries;
    const encoder = engine.device.createCommandEncoder({ label: engine.label('bench') });
    encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: 0 } }).end();
    for (let r = 0; r < repeats; r++) {
      if (work.dispatches) encodeDispatches(encoder, work.dispatches, engine.label('bench'));
      work.encode?.(encoder);
    }
    encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex: 1 } }).end();
    encoder.resolveQuerySet(querySet, 0, 2, this.#resolved, 0);
    engine.submit(encoder, 'bench');
    const [from = 0n, to = 0n] = new BigUint64Array(await engine.readBuffer(this.#resolved));
    return Number(to - from) / 1e6;
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }
}

export function summarise(samples: readonly number[], repeats = 1, first = Number.NaN): Times {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => {
    const x = share * (sorted.length - 1);
    const low = sorted[Math.floor(x)] as number;
    return low + (x % 1) * ((sorted[Math.ceil(x)] as number) - low);
  };
  return {
    ...{ median: at(0.5), min: at(0), max: at(1), q1: at(0.25), q3: at(0.75) },
    ...{ samples: sorted.length, repeats, first },
  };
}

/** Geometric mean. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
}
