import { UsageError } from '../gpu/errors.js';
import type { Shard } from '../node/parts.js';
import type { Values } from './command.js';
import { text } from './values.js';

/** The largest number of parts, so that a typing error does not ask for millions. */
const MOST = 10_000;

/** The value of `--shard i/n`, if it was given. */
export function shardOf(values: Values): Shard | undefined {
  const given = text(values, 'shard');
  if (given === undefined) return undefined;
  const match = /^(\d+)\/(\d+)$/.exec(given);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || count < 1 || count > MOST || index < 1 || index > count)
    throw new UsageError(
      `--shard must be i/n, part i of n with 1 ≤ i ≤ n ≤ ${MOST.toLocaleString('en')}, as in 2/8; got "${given}"`,
    );
  return { index, count };
}

/** The items of a list that belong to a part: every `count`-th, so that parts of unequal items take about the same time. */
export const itemsOf = <T>(items: readonly T[], { index, count }: Shard): T[] =>
  items.filter((_, i) => i % count === index - 1);

/**
 * The consecutive items of a list that belong to a part. All parts one after the other are the list, and their lengths differ by at most
 * one, so that parts can be empty if there are fewer items than parts.
 */
export const rangeOf = <T>(items: readonly T[], { index, count }: Shard): T[] =>
  items.slice(Math.floor(((index - 1) * items.length) / count), Math.floor((index * items.length) / count));

/** Whether `--merge` was given. Throws `UsageError` if an option beside it has no meaning for parts that are complete. */
export function isMerge(values: Values, allowed: readonly string[]): boolean {
  if (values.merge !== true) return false;
  const known = ['merge', 'adapter', 'json', 'debug', ...allowed];
  const foreign = Object.keys(values).find((name) => values[name] !== undefined && !known.includes(name));
  if (foreign !== undefined)
    throw new UsageError(
      `--merge joins parts that are complete, which know what they were made from; it does not go with --${foreign}`,
    );
  return true;
}
