import type { Op } from '../autograd/op.js';
import type { TensorData } from '../autograd/tensor.js';
import type { Filling } from '../compiler/redzones.js';
import { changedBits, type RunResult } from './check-case.js';
import type { Failure } from './user-check.js';
import type { Run } from './user-run.js';

/**
 * Explains failures that depend on what memory held before the run. Every hint is tested with `passes`, which resolves to
 * whether runs with these fillings give the right results, and the same bits in every run.
 */
export async function memoryHints(
  op: Op,
  { steps, runs }: Run,
  { kind, run, output }: Failure,
  passes: (fillings: readonly Filling[]) => Promise<boolean>,
): Promise<string[]> {
  if (kind === 'wrote outside') return [];
  const [first, second] = runs;
  if (run === 2 || (first && second && differ(first, second))) return [RACE];
  const results = Object.keys(op.results);
  const own = new Set(steps.flatMap(({ call }) => Object.keys(call.kernel.launch.scratch ?? {})));
  const scratch = [...own].filter((name) => !results.includes(name));
  if (run === 1) return firstRunHints(scratch, kind, output, passes);
  if (kind === 'changing' && (await passes([{}, {}, { values: 'stale', scratch: () => 'kept' }]))) return [RACE];
  const mark = kind === 'unwritten' ? ', and computes nothing if it finds what an earlier run left' : '';
  const names = await failing(scratch, (name) => passes([{}, { scratch: (n) => (n === name ? 'kept' : 'pattern') }]));
  if (names.length)
    return [
      `the results are right only in the first run: the kernel reads the scratch ${names.join(', ')} before it writes it${mark}. ` +
        'Scratch holds what earlier work left, so clear it at the start of every run',
    ];
  if (!(await passes([{}, { values: 'stale' }])))
    return [
      `the kernel reads its own result before it writes it${mark}. A result holds what earlier work left, so write to it and do not add to it`,
    ];
  return [RACE];
}

/** Whether two runs gave different bits in any output. */
const differ = (a: RunResult, b: RunResult) =>
  Object.entries(a.outputs).some(([name, x]) => changedBits(x, b.outputs[name] as TensorData).length > 0);

const RACE =
  'runs with the same memory give different results, so invocations race: a workgroupBarrier() is missing, several invocations ' +
  'write one element, or atomic sums of f32 are added in another order (--allow-nondeterminism permits different bits). ' +
  '--sanitize names the lines that race';

/** Why the first run is wrong, which finds NaN in all memory. */
async function firstRunHints(
  scratch: readonly string[],
  kind: Failure['kind'],
  output: string,
  passes: (fillings: readonly Filling[]) => Promise<boolean>,
): Promise<string[]> {
  if (scratch.length && (await passes([{ scratch: () => 'zero' }]))) {
    const alone = await failing(scratch, (name) => passes([{ scratch: (n) => (n === name ? 'pattern' : 'zero') }]));
    const names = alone.length ? alone : scratch;
    return [
      `the results are right only if the scratch ${names.join(', ')} holds zeros at the start: the kernel reads it before it ` +
        'writes it. The engine does not clear scratch; clear it in the kernel or in a dispatch before it',
    ];
  }
  if (kind === 'wrong' && (await passes([{ values: 'zero' }])))
    return [
      `the results are right only if ${output} holds zeros at the start: the kernel reads or adds to its own result. ` +
        'Write to it without reading it',
    ];
  return [];
}

/** The names for which `passes` is false. */
async function failing(names: readonly string[], passes: (name: string) => Promise<boolean>): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) if (!(await passes(name))) found.push(name);
  return found;
}
