import type { BenchRow } from './document.js';
import type { CheckResult } from './user-check.js';
import type { TimedCase } from './user-time.js';

/**
 * The rows of an author's kernel and of ours beside it, as rows of an ordinary benchmark. The error of a row is that of the
 * checks on small cases, with the comparison with our plainest kernel on the case itself beside it.
 */
export function rowsOf(op: string, { case: name, at, flops, bytes, rows }: TimedCase, check: CheckResult): BenchRow[] {
  const [room = op, ...rest] = name.split(': ');
  const plainest = rows.find((r) => r.error === undefined)?.variant;
  return rows.map(({ variant, yours, chosen, speed, first, error, launch }) => ({
    ...{ room, case: rest.join(': '), op, variant: yours ? `→ ${variant}` : variant, chosen, flops, bytes },
    ...{ speed, first, launch, ...(at && { at }) },
    ...(yours && {
      error: {
        ...{ nmse: check.worst, max: null, oracle: 'cases' as const, cases: check.cases.length },
        ...(plainest && error !== undefined && { beside: { variant: plainest, nmse: error } }),
      },
    }),
  }));
}
