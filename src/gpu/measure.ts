import { type EncodedDispatch, encodeDispatches } from '../gpu/encode.js';
import type { Engine } from '../gpu/engine.js';
import { clockOf } from './clock.js';

/** GPU commands whose time is wanted: dispatches in order, or anything else between two passes. */
export interface Work {
  readonly dispatches?: readonly EncodedDispatch[];
  encode?(encoder: GPUCommandEncoder): void;
}

export interface MeasureOptions {
  /** Samples of each piece of work; the first, which warms caches and clocks, is not counted. */
  samples?: number;
  /** A sample repeats the work until it lasts about this many milliseconds; longer where the clock is coarse. */
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

/** A sample lasts at least so many of the clock's steps. */
const STEPS = 200;

/** From so many of the clock's steps on, a reading tells how many repeats a sample needs. */
const TELLING_STEPS = 8;

/**
 * Times pieces of work in turn: one sample of each, then the next of each, so that a drift of the machine meets all
 * alike. By GPU timestamps, on a device without them by the wall clock (see `clockOf`).
 */
export async function measure(engine: Engine, work: readonly Work[], options: MeasureOptions = {}): Promise<Times[]> {
  const clock = await clockOf(engine);
  const { samples = 7 } = options;
  const sampleMs = Math.max(options.sampleMs ?? (engine.software ? 40 : 4), STEPS * clock.stepMs);
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
    // Where a run is shorter than what the clock can tell, several are.
    let [runs, ms] = [1, await time(w, 1)];
    while (ms < TELLING_STEPS * clock.stepMs && runs < MAX_REPEATS) {
      runs = Math.min(4 * runs, MAX_REPEATS);
      ms = await time(w, runs);
    }
    // The host may have been held up.
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
