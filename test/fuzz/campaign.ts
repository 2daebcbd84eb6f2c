import { stream } from '../../src/data/random.js';
import { PoseGanError } from '../../src/gpu/errors.js';
import { mutate } from './mutate.js';
import type { Target } from './targets.js';

/** The outcome of one input: a value, a typed error, or a fault. */
export interface Verdict {
  readonly outcome: 'value' | 'error' | 'fault';
  /** For a fault, a description of it. */
  readonly fault?: string;
}

/**
 * Returns input number `i` of a campaign: a mutation of one of the target's examples, or, for one in 20, the example
 * itself.
 */
export function inputOf(target: Target, seed: number, i: number): Uint8Array {
  const random = stream(seed, i);
  const example = random.pick(target.examples);
  if (random.chance(0.05)) return Uint8Array.from(example);
  const mutated = mutate(example, random, target.examples);
  return target.repair && random.chance(0.6) ? target.repair(mutated) : mutated;
}

/** Parses the input in `file`. The result must be valid, or the error must be typed and short and name the file. */
export async function judge(target: Target, input: Uint8Array, file: string): Promise<Verdict> {
  try {
    const fault = await target.parse(input, file);
    return fault ? { outcome: 'fault', fault: `the value is unsound: ${fault}` } : { outcome: 'value' };
  } catch (error) {
    if (!(error instanceof PoseGanError))
      return { outcome: 'fault', fault: `an untyped error: ${(error as Error)?.stack ?? String(error)}` };
    if (!error.message.includes(target.names ?? file))
      return { outcome: 'fault', fault: `an error that does not name the file: ${error.message.slice(0, 300)}` };
    if (error.message.length > 4000)
      return {
        outcome: 'fault',
        fault: `an error of ${error.message.length} characters: ${error.message.slice(0, 200)}…`,
      };
    return { outcome: 'error' };
  }
}
