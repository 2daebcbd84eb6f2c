import { plannedCalls } from '../../compiler/compile.js';
import type { Engine } from '../../gpu/engine.js';
import { caseGraph, totalCost } from '../cases.js';
import type { UserKernel } from '../user-kernel.js';
import { casesOf } from '../user-run.js';
import type { OwnCase } from './cases.js';

/** An author's kernel whose checks also run on own cases. */
export interface WidelyChecked {
  readonly kernel: UserKernel;
  /** The own cases that are too large for the oracle. */
  readonly tooLarge: readonly OwnCase[];
}

/**
 * The kernel with those own cases among its cases that the oracle can compute: up to `oracleLimit` operations and elements.
 * `cases` selects among the op's own cases by their names.
 */
export async function checkedOn(
  engine: Engine,
  kernel: UserKernel,
  own: readonly OwnCase[],
  { oracleLimit, cases }: { readonly oracleLimit: number; readonly cases?: string },
): Promise<WidelyChecked> {
  const [small, tooLarge]: [OwnCase[], OwnCase[]] = [[], []];
  for (const o of own) {
    const { flops, bytes } = totalCost(await plannedCalls(engine, caseGraph(o.room, o.c).outputs, { retain: 'all' }));
    (flops + bytes / 4 <= oracleLimit ? small : tooLarge).push(o);
  }
  const uses = [...casesOf(kernel, cases), ...small.map(({ room, c }) => ({ room, c, forward: true }))];
  return { kernel: { ...kernel, known: { ...kernel.known, uses } }, tooLarge };
}

/** What the own cases that are too large for the oracle are compared with; empty if there is none. */
export function tooLargeText({ kernel, tooLarge }: WidelyChecked, reference: string, oracleLimit: number): string[] {
  if (!tooLarge.length) return [];
  const [first] = tooLarge;
  const count = `${tooLarge.length} of the cases of --case ${tooLarge.length === 1 ? 'is' : 'are'}`;
  return [
    `${count} too large for the float64 oracle (--oracle-limit ${oracleLimit / 1e6}), such as ${first?.c.name}. ` +
      `There the results of ${kernel.name} are compared with those of our ${reference} when it is timed.`,
  ];
}
