import { UsageError } from '../gpu/errors.js';
import type { Values } from './command.js';
import { text } from './values.js';

/** A part of some work: part `index` of `count`, counted from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

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
