import { COUNT, type Kinds, NATURAL } from './gpu/arguments.js';
import { UsageError } from './gpu/errors.js';

/**
 * The part of every batch that one of several processes computes. A batch of n images is divided among `size` processes, and the one
 * with number `rank` takes images rank·n/size … (rank + 1)·n/size − 1.
 */
export interface Shard {
  /** 0 … size − 1. */
  readonly rank: number;
  readonly size: number;
}

export const SHARD: Kinds = { rank: NATURAL, size: COUNT };

/** The images of a batch that a shard takes. Throws `UsageError` unless the batch can be divided evenly. */
export function partOf(batch: number, { rank, size }: Shard): { readonly first: number; readonly count: number } {
  const count = batch / size;
  if (!Number.isInteger(count))
    throw new UsageError(
      `a batch of ${batch} images cannot be divided evenly among ${size} processes; give a batch of ${size * Math.ceil(count)}, or start another number of processes`,
    );
  return { first: rank * count, count };
}
