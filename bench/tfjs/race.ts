import type { Engine } from '../../src/gpu/engine.js';
import { summarise, type Times } from '../../src/gpu/measure.js';

export interface RaceOptions {
  /** Samples of each side; runs before them warm up and are not counted. */
  samples: number;
  /**
   * A sample repeats the run until it lasts about this many milliseconds, so that the wait at its end weighs little.
   */
  sampleMs: number;
  /** Called after each sample and warm-up run: the number of the side and the milliseconds of one run. */
  sampled?(side: number, ms: number): void;
}

/** Most repeats within a sample. */
const MAX_REPEATS = 1000;

/** A first run this long, in milliseconds, is not repeated to learn the time without compilation. */
const LONG = 2000;

/**
 * Wall-clock time of several pieces of work in turn: one sample of each, then the next of each, so that a drift of the
 * machine meets all alike. A side's `run` submits one run; a sample lasts from the first submission until the queue is
 * empty.
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
    const once = first < LONG ? await time(run, 1) : first;
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
