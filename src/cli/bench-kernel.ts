import { contractOf, exampleSource } from '../bench/contract.js';
import { knownOps, loadRooms, reference } from '../bench/ops.js';
import { checkedOn, tooLargeText } from '../bench/own-shapes/affordable.js';
import { ownCases } from '../bench/own-shapes/cases.js';
import { curvesOf, curveText } from '../bench/own-shapes/curve.js';
import { sanitizeKernel } from '../bench/sanitizer/sanitize.js';
import { sanitizeText } from '../bench/sanitizer/text.js';
import { checkKernel, MAX_NMSE } from '../bench/user-check.js';
import { type KernelOptions, type KernelSource, userKernel } from '../bench/user-kernel.js';
import { checkText, contractText, meanText, timedText } from '../bench/user-text.js';
import { timeKernel } from '../bench/user-time.js';
import type { Engine } from '../gpu/engine.js';
import { KernelTimeoutError, UsageError } from '../gpu/errors.js';
import { rooms } from '../kernels/rooms.js';
import { readText } from '../node/files.js';
import { importedInto, originalSource } from '../node/shader-sources.js';
import { open } from '../node.js';
import { runSweep, sweptParameters } from './bench-sweep.js';
import type { Command, Values } from './command.js';
import { KernelFiles } from './kernel-files.js';
import { progress } from './progress.js';
import { complain, say, sayJson, sayLayout } from './terminal.js';
import { noMore, output, positive, required, text, whole } from './values.js';

/** The options of `pose-gan bench` for a user's kernel, which also uses `--filter` and `--samples` of bench. */
export const benchKernelOptions: Command['options'] = {
  op: { type: 'string' },
  kernel: { type: 'string', multiple: true },
  workgroups: { type: 'string', multiple: true },
  like: { type: 'string' },
  entry: { type: 'string', multiple: true },
  params: { type: 'string', multiple: true },
  constants: { type: 'string', multiple: true },
  scratch: { type: 'string' },
  require: { type: 'string' },
  cases: { type: 'string' },
  case: { type: 'string', multiple: true },
  sweep: { type: 'string', multiple: true },
  where: { type: 'string' },
  variants: { type: 'string' },
  tolerance: { type: 'string' },
  timeout: { type: 'string' },
  'check-only': { type: 'boolean' },
  sanitize: { type: 'boolean' },
  'allow-nondeterminism': { type: 'boolean' },
  contract: { type: 'string' },
  example: { type: 'boolean' },
  part: { type: 'string' },
};

export const benchKernelHelp: Command['help'] = {
  op: 'the op that --kernel computes',
  kernel: 'your WGSL file, which is checked and compared with ours; several are dispatched one after the other',
  workgroups:
    'its workgroups: "grid(INVOCATIONS, SIZE)" or "X, Y, Z", in the names that --contract lists; once, or once per kernel',
  like: 'use the launch of this variant of ours: workgroups, params, constants, scratch',
  entry: 'its entry point, if it has several; several of one kernel are dispatched one after the other',
  params: 'values of its own Params fields: "NAME=EXPRESSION, …"; once, or once per kernel',
  constants: 'values of its override constants: "NAME=EXPRESSION, …"; once, or once per kernel',
  scratch: 'scratch buffers and their numbers of 4-byte elements: "NAME=EXPRESSION, …"',
  require: 'the calls that it takes, as in "C % 4 == 0 && x.stride % 4 == 0"; other calls are not checked or timed',
  cases: 'check only cases whose names contain this',
  case: 'time --op on shapes and settings of your own, as in "x=4x32x32xC, w=3x3xCxC, pad=1, C=64..512*2"; several are timed one after the other',
  sweep:
    'try these values of an override constant of --kernel, as in T=8,16,32; several give every combination. Each is checked once, all are timed in turn; --out keeps the results, from which an interrupted sweep goes on',
  where: 'with --sweep: the combinations to try, as in "T * T <= WG"',
  variants:
    'our variants to compare it with, as in "naive, tiled" (default: those worth timing on the device, and the reference)',
  tolerance: `the largest error of a right result, Σ(a−b)² / Σb² (default ${MAX_NMSE}, as for our kernels)`,
  timeout: 'the longest time of a run in seconds (default 30)',
  'check-only': 'check the kernel, but do not time it',
  sanitize:
    'also run the kernel with every index of its arrays tested, and with every element keeping who used it last, which names accesses out of bounds and races with their lines',
  'allow-nondeterminism': 'accept different bits from run to run, within the tolerance',
  contract: 'print what a kernel of this op is bound to and launched with, and an example; "list" lists the ops',
  example: 'with --contract: print only the source of our plainest kernel (or of --like), as a start',
  part: 'with --example: the number of the kernel, if the variant has several',
};

export const benchKernelExamples: Command['examples'] = [
  'pose-gan bench --contract conv2d',
  'pose-gan bench --contract conv2d --example > my.wgsl',
  'pose-gan bench --op conv2d --kernel my.wgsl --workgroups "grid(y.rows * y.channels, 64)"',
  'pose-gan bench --op conv2d --kernel my.wgsl --like naive --check-only',
  'pose-gan bench --op conv2d --kernel my.wgsl --workgroups "grid(pixels * O, SIZE)" --sweep SIZE=32,64,128,256 --out sweep.json',
];

/** Whether the arguments ask for a contract, or give a kernel. */
export function asksForKernel(values: Values): boolean {
  return Object.keys(benchKernelOptions).some((name) => values[name] !== undefined);
}

/** The values of an option that can be given several times. */
export const list = (values: Values, name: string): string[] => (values[name] as string[] | undefined) ?? [];

/** The value of an option for the i-th of `count` dispatches. It can be given once for each, or once for all. */
function nth(values: Values, name: string, i: number, count: number): string | undefined {
  const given = list(values, name);
  if (given.length > 1 && given.length !== count)
    throw new UsageError(
      `--${name} was given ${given.length} times for ${count} kernels; give it once, or once per --kernel`,
    );
  return given.length === 1 ? given[0] : given[i];
}

/** The dispatches in order: one for each kernel, or one for each entry point of a single kernel. */
function sources(values: Values): KernelSource[] {
  const files = list(values, 'kernel');
  const count = files.length === 1 ? Math.max(1, list(values, 'entry').length) : files.length;
  return Array.from({ length: count }, (_, i): KernelSource => {
    const own = (name: string) => nth(values, name, i, count);
    const name = own('kernel') as string;
    return {
      ...{
        name,
        code: importedInto(name, readText(name, 'kernel')),
        entry: own('entry'),
        workgroups: own('workgroups'),
      },
      ...{ params: own('params'), constants: own('constants') },
    };
  });
}

/** The kernel that the options give. */
export function kernelOptions(values: Values): KernelOptions {
  const op = required(values, 'op');
  if (!list(values, 'kernel').length)
    throw new UsageError(`--op ${op} needs --kernel FILE.wgsl; pose-gan bench --contract ${op} shows how to write one`);
  return {
    ...{ op, sources: sources(values), like: text(values, 'like') },
    ...{ scratch: text(values, 'scratch'), require: text(values, 'require') },
  };
}

/** The words of an option that are separated by commas. */
export const listed = (values: Values, name: string): string[] | undefined =>
  text(values, name)
    ?.split(',')
    .map((word) => word.trim());

/** Options of bench that do not apply to a user's kernel. */
const OTHER_OPTIONS = ['list', 'compare', 'limit'];

/** Checks and times a user's kernel, or prints a contract. Returns the exit code. */
export async function benchKernel(values: Values, positionals: readonly string[]): Promise<number> {
  noMore(positionals);
  const other = OTHER_OPTIONS.find((name) => values[name] !== undefined);
  if (other) throw new UsageError(`--${other} is for our own kernels; it cannot be used with --kernel or --contract`);
  if (text(values, 'contract') !== undefined) return contract(values);
  if (values.example) throw new UsageError('--example belongs to --contract OP');
  const options = kernelOptions(values);
  const { op } = options;
  const tolerance = positive(values, 'tolerance', MAX_NMSE);
  const timeoutMs = 1000 * positive(values, 'timeout', 30);
  const samples = whole(values, 'samples', 7, 1);
  const oracleLimit = 1e6 * positive(values, 'oracle-limit', 30);
  const paths = { out: output(values, 'out', 'file'), html: output(values, 'html', 'file') };
  const variants = listed(values, 'variants');
  const swept = sweptParameters(values);
  const engine = await open({ adapter: text(values, 'adapter'), tuning: false });
  const quiet = values.json === true;
  const allowNondeterminism = values['allow-nondeterminism'] === true;
  try {
    const kernel = await userKernel(engine, rooms, options);
    if (!quiet) say(`adapter: ${engine.adapterName}`, `${kernel.name} as ${op}`);
    const bar = new Bar();
    const own = values.case ? ownCases(kernel.known, list(values, 'case'), engine.device.limits) : undefined;
    if (swept) {
      const settings = { options, samples, oracleLimit, tolerance, timeoutMs, allowNondeterminism, paths };
      return await runSweep(engine, kernel, values, swept, own, settings, bar).finally(() => bar.end());
    }
    const wide = await checkedOn(engine, kernel, own ?? [], { oracleLimit, cases: text(values, 'cases') });
    const checked = await checkKernel(engine, wide.kernel, {
      ...{ tolerance, timeoutMs, allowNondeterminism },
      onCase: (done, total, name) => bar.update('check', done, total, name),
    }).finally(() => bar.end());
    if (!quiet) sayLayout(checkText(checked, tolerance));
    if (!quiet && !values['check-only'])
      for (const line of tooLargeText(wide, reference(kernel.known.op).name, oracleLimit)) say(line);
    const sanitized = values.sanitize
      ? await sanitizeKernel(engine, kernel, {
          ...{ cases: text(values, 'cases'), timeoutMs },
          onCase: (done, total, name) => bar.update('sanitize', done, total, name),
        }).finally(() => bar.end())
      : undefined;
    if (sanitized && !quiet) sayLayout(sanitizeText(sanitized));
    const right = checked.passed && (sanitized?.passed ?? true);
    const files = await KernelFiles.open(engine, paths, samples);
    const timed =
      right && !values['check-only']
        ? await timeKernel(engine, kernel, {
            ...{
              filter: text(values, 'filter'),
              own: own || undefined,
              samples,
              variants,
              tolerance,
              allowNondeterminism,
            },
            timeoutMs: 4 * timeoutMs,
            onCase: (done, total, name) => bar.update('time', done, total, name),
            onResult: (found) => {
              bar.end();
              files.add(op, found, checked);
              if (!quiet) sayLayout(`\n${timedText(found)}`);
            },
          }).finally(() => bar.end())
        : undefined;
    if (timed) files.write(true);
    if (quiet)
      sayJson({
        adapter: engine.adapterName,
        op,
        kernel: kernel.name,
        check: checked,
        sanitize: sanitized,
        time: timed,
      });
    else if (timed)
      sayLayout([...curvesOf(files.rows).map((c) => `\n${curveText(c)}`), `\n${meanText(timed)}`].join('\n'));
    return right && (!timed || (timed.passed && !timed.suspect.length)) ? 0 : 1;
  } catch (error) {
    if (error instanceof KernelTimeoutError) hung(error);
    throw error;
  } finally {
    engine.device.destroy();
  }
}

/** Ends the process, because the device may be busy forever and would keep it from ending by itself. */
function hung(error: KernelTimeoutError): never {
  complain(`pose-gan bench: ${error.message}`);
  process.exit(1);
}

async function contract(values: Values): Promise<number> {
  const op = required(values, 'contract');
  if (op === 'list') {
    const ops = [...knownOps(rooms).keys()].sort();
    if (values.json) sayJson(ops, 0);
    else say(...ops);
    return 0;
  }
  await loadRooms(rooms);
  const engine: Engine = await open({ adapter: text(values, 'adapter'), tuning: false });
  try {
    if (values.example) {
      const part = values.part === undefined ? undefined : whole(values, 'part', 1, 1);
      const options = { like: text(values, 'like'), part, original: originalSource };
      sayLayout(exampleSource(engine, rooms, op, options));
      return 0;
    }
    const found = contractOf(engine, rooms, op, originalSource);
    if (values.json) sayJson(found);
    else sayLayout(contractText(found));
    return 0;
  } finally {
    engine.device.destroy();
  }
}

/** Shows progress bars one after the other. */
class Bar {
  #label = '';
  #bar: ReturnType<typeof progress> | undefined;

  update(label: string, done: number, total: number, note: string): void {
    if (label !== this.#label) {
      this.end();
      this.#bar = progress(label, total, { unit: 'cases' });
      this.#label = label;
    }
    this.#bar?.update(done, note);
  }

  end(): void {
    this.#bar?.end();
  }
}
