import { type EncodedDispatch, encodeDispatches } from '../gpu/encode.js';
import type { Engine } from '../gpu/engine.js';
import { clockOf } from './clock.js';

/** GPU commands to time: dispatches in order, or other commands that `encode` records outside of passes. */
export interface Work {
  readonly dispatches?: readonly EncodedDispatch[];
  encode?(encoder: GPUCommandEncoder): void;
}

export interface MeasureOptions {
  /** Number of samples of each work, after a first run that warms up caches and clocks. */
  samples?: number;
  /** Approximate length of a sample in milliseconds, which repeats the work; a coarse clock needs longer samples. */
  sampleMs?: number;
  /**
   * If all samples of a work would last longer than this many milliseconds, it gets fewer, but at least one. If a single run
   * lasts longer, its first run counts. Use this only for work that has run before. Default: no limit.
   */
  budgetMs?: number;
  /** Work whose second run takes more than this many times that of the fastest gets no further samples. */
  hopeless?: number;
}

/** Milliseconds of one run of a work, over all samples. */
export interface Times {
  median: number;
  min: number;
  max: number;
  /** Lower and upper quartile. */
  q1: number;
  q3: number;
  samples: number;
  /** Number of runs in a sample. */
  repeats: number;
  /** Time of the very first run, which on some adapters compiles the kernel. */
  first: number;
}

/** Largest number of runs in a sample; with more, the time of the host would matter. */
const MAX_REPEATS = 2000;

/** Shortest length of a sample in steps of the clock. */
const SAMPLE_STEPS = 200;

/** Shortest reading, in steps of the clock, from which the number of repeats is computed. */
const MIN_STEPS = 8;

/**
 * Times several works in turn, one sample at a time, so that a drift of the machine's speed affects all of them. It uses GPU
 * timestamps or, on a device without them, the wall clock (see `clockOf`).
 */
export async function measure(engine: Engine, work: readonly Work[], options: MeasureOptions = {}): Promise<Times[]> {
  const clock = await clockOf(engine);
  const { samples = 7 } = options;
  const sampleMs = Math.max(options.sampleMs ?? (engine.software ? 40 : 4), SAMPLE_STEPS * clock.stepMs);
  const { budgetMs = Number.POSITIVE_INFINITY, hopeless = Number.POSITIVE_INFINITY } = options;
  const firsts: number[] = [];
  const repeats: number[] = [];
  const counts: number[] = [];
  const onces: number[] = [];
  const found: number[][] = work.map(() => []);
  const time = (w: Work, n: number) => clock.time((encoder) => encode(engine, encoder, w, n));
  for (const [i, w] of work.entries()) {
    const first = await time(w, 1);
    firsts.push(first);
    if (first > budgetMs) {
      onces.push(first);
      found[i] = [first];
      counts.push(0);
      repeats.push(1);
      continue;
    }
    // If one run is too short for the clock, measure several.
    let [runs, ms] = [1, await time(w, 1)];
    while (ms < MIN_STEPS * clock.stepMs && runs < MAX_REPEATS) {
      runs = Math.min(4 * runs, MAX_REPEATS);
      ms = await time(w, runs);
    }
    // Measure again, because the host may have been interrupted.
    if (clock.source === 'wall clock' && ms < 4 * sampleMs) ms = Math.min(ms, await time(w, runs));
    const once = Math.max(ms / runs, 1e-3);
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
      (found[i] as number[]).push((await time(w, n)) / n);
    }
  return found.map((list, i) => summarise(list, repeats[i] as number, firsts[i] as number));
}

function encode(engine: Engine, encoder: GPUCommandEncoder, work: Work, repeats: number): void {
  for (let r = 0; r < repeats; r++) {
    if (work.dispatches) encodeDispatches(encoder, work.dispatches, engine.label('bench'));
    work.encode?.(encoder);
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
