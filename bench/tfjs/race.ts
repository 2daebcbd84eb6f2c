import type { Engine } from '../../src/gpu/engine.js';
import { summarise, type Times } from '../../src/gpu/measure.js';

export interface RaceOptions {
  /** Number of samples of each side, not counting the runs that warm up. */
  samples: number;
  /**
   * A sample repeats the run until it lasts about this many milliseconds, so that the wait at its end matters little.
   */
  sampleMs: number;
  /** Called after each sample and warm-up run: the number of the side and the milliseconds of one run. */
  sampled?(side: number, ms: number): void;
}

/** Largest number of repetitions in a sample. */
const MAX_REPEATS = 1000;

/** A shorter first run, in milliseconds, is repeated to measure the time without compilation. */
const LONG_RUN_MS = 2000;

/**
 * Wall-clock times of several functions, each of which submits one run. They take turns, one sample at a time, so that a
 * drift of the machine's speed affects all of them. A sample lasts from the first submission until the queue is empty.
 */
export async function race(
  engine: Engine,
  sides: readonly (() => void)[],
  { samples, sampleMs, sampled }: RaceOptions,
): Promise<Times[]> {
  const time = async (run: () => void, repeats: number) => {
    await engine.idle();
    const begin = performance.now();
    for (let r = 0; r < repeats; r++) run();
    await engine.idle();
    return performance.now() - begin;
  };
  const firsts: number[] = [];
  const repeats: number[] = [];
  for (const [i, run] of sides.entries()) {
    const first = await time(run, 1);
    sampled?.(i, first);
    const once = first < LONG_RUN_MS ? await time(run, 1) : first;
    firsts.push(first);
    repeats.push(Math.max(1, Math.min(MAX_REPEATS, Math.round(sampleMs / once))));
  }
  const found: number[][] = sides.map(() => []);
  for (let s = 0; s < samples; s++)
    for (const [i, run] of sides.entries()) {
      const n = repeats[i] as number;
      const ms = (await time(run, n)) / n;
      found[i]?.push(ms);
      sampled?.(i, ms);
    }
  return found.map((list, i) => summarise(list, repeats[i], firsts[i]));
}
