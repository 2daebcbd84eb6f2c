import { UsageError } from '../gpu/errors.js';
import { hash32 } from './random.js';

const ROUNDS = 6;

/**
 * The image of `index` under a random permutation of 0 … count − 1 that the keys select. A Feistel network permutes the
 * next power of four. If its result is outside the range, it is applied again until it is inside (cycle walking), at
 * most four times on average. Nothing is stored, and a resumed run continues in the same order.
 */
export function permute(index: number, count: number, ...keys: readonly number[]): number {
  if (!Number.isInteger(index) || index < 0 || index >= count || count > 2 ** 32)
    throw new UsageError(`permute: index ${index} is not in 0 … ${count} − 1, or there are more than 2³²`);
  let half = 1;
  while (4 ** half < count) half++;
  const size = 2 ** half;
  const key = hash32(...keys);
  let value = index;
  do {
    let left = Math.floor(value / size);
    let right = value % size;
    for (let round = 0; round < ROUNDS; round++)
      [left, right] = [right, (left ^ hash32(key, round, right)) & (size - 1)];
    value = left * size + right;
  } while (value >= count);
  return value;
}

/**
 * The indices of the items, out of `count`, that form the batch of a step. It is a pure function of (seed, step) with a
 * new permutation every epoch. Batches follow each other without gaps, so one may end an epoch and begin the next.
 * Without `shuffle` the items come in their own order.
 */
export function batchOrder(
  seed: number,
  step: number,
  batch: number,
  count: number,
  shuffle = true,
): readonly number[] {
  if (count < 1) throw new UsageError('there is nothing to make batches of');
  return Array.from({ length: batch }, (_, i) => {
    const at = step * batch + i;
    const index = at % count;
    return shuffle ? permute(index, count, seed, Math.floor(at / count)) : index;
  });
}
