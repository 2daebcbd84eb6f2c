import type { Op } from '../autograd/op.js';
import type { Filling } from '../compiler/redzones.js';
import type { Failure, Run } from './user-check.js';

/**
 * What a failure has to do with what memory held before the run. Every hint was tried: `passes` tells whether the case is right,
 * and the same, after runs with these fillings.
 */
export async function memoryHints(
  op: Op,
  { steps }: Run,
  { kind, run, output }: Failure,
  passes: (fillings: readonly Filling[]) => Promise<boolean>,
): Promise<string[]> {
  if (kind === 'wrote outside') return [];
  if (run === 2) return [RACE];
  const results = Object.keys(op.results);
  const own = new Set(steps.flatMap(({ call }) => Object.keys(call.kernel.launch.scratch ?? {})));
  const scratch = [...own].filter((name) => !results.includes(name));
  if (run === 1) return atFirst(scratch, kind, output, passes);
  if (kind === 'changing' && (await passes([{}, {}, { values: 'stale', scratch: () => 'kept' }]))) return [RACE];
  const mark = kind === 'unwritten' ? ', and computes nothing when it finds what an earlier run left' : '';
  const names = await blamed(scratch, (name) => passes([{}, { scratch: (n) => (n === name ? 'kept' : 'pattern') }]));
  if (names.length)
    return [
      `right only in the first run: it reads the scratch ${names.join(', ')} before it has written it${mark}. ` +
        'Scratch holds what earlier work left; clear it at the start of every run',
    ];
  if (!(await passes([{}, { values: 'stale' }])))
    return [
      `it reads its own result before it has written it${mark}. A result holds what earlier work left: write it, do not add to it`,
    ];
  return [RACE];
}

const RACE =
  'runs that begin alike end differently, so invocations race: a workgroupBarrier() is missing, several invocations write one ' +
  'element, or atomic sums of f32 come in another order (--allow-nondeterminism permits different bits)';

/** What makes a first run wrong that finds NaN in all memory. */
async function atFirst(
  scratch: readonly string[],
  kind: Failure['kind'],
  output: string,
  passes: (fillings: readonly Filling[]) => Promise<boolean>,
): Promise<string[]> {
  if (scratch.length && (await passes([{ scratch: () => 'zero' }]))) {
    const alone = await blamed(scratch, (name) => passes([{ scratch: (n) => (n === name ? 'pattern' : 'zero') }]));
    const names = alone.length ? alone : scratch;
    return [
      `right only where the scratch ${names.join(', ')} holds zeros at the start: it is read before it is written. ` +
        'Nothing clears scratch; do so in the kernel, or in a dispatch before it',
    ];
  }
  if (kind === 'wrong' && (await passes([{ values: 'zero' }])))
    return [
      `right only where ${output} holds zeros at the start: the kernel reads or adds to its own result. Write it instead`,
    ];
  return [];
}

/** The names for which a try fails. */
async function blamed(names: readonly string[], passes: (name: string) => Promise<boolean>): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) if (!(await passes(name))) found.push(name);
  return found;
}
