import type { Call } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import type { Step } from '../compiler/bind.js';
import { refusalOf } from '../compiler/kernel-call.js';
import { nodesOf } from '../compiler/lower.js';
import type { Plan } from '../compiler/plan.js';
import type { Filling } from '../compiler/redzones.js';
import type { Engine } from '../gpu/engine.js';
import { DeviceLostError, GpuValidationError, KernelTimeoutError, PoseGanError, UsageError } from '../gpu/errors.js';
import {
  changedBits,
  checkFeeds,
  checkGraph,
  compileCase,
  expectedOf,
  type Layout,
  type Prepared,
  prepare,
  type RunResult,
  runFilled,
  untouched,
} from './check-case.js';
import { coordinates, type Differences, differences, lettersOf } from './differences.js';
import { hints, type Retry } from './hints.js';
import { memoryHints } from './memory-hints.js';
import type { OpUse } from './ops.js';
import type { UserKernel } from './user-kernel.js';

/** Largest NMSE of a right result; our own kernels are held to it as well. */
export const MAX_NMSE = 1e-7;

export interface CheckOptions {
  /** Run only cases whose room and name contain this text. */
  readonly cases?: string;
  /** Largest NMSE of a right result. Default: 1e-7, as for our own kernels. Integers must be equal. */
  readonly tolerance?: number;
  /** Whether runs of a kernel may give different bits. */
  readonly allowNondeterminism?: boolean;
  /** Milliseconds that one case may take. Default: 30 000. */
  readonly timeoutMs?: number;
  /** Called before each case. */
  onCase?(done: number, total: number, name: string): void;
}

/** The error of a kernel in one case. */
export interface Failure extends Differences {
  readonly case: string;
  readonly layout: string;
  /** `changing`: right within the tolerance, but with other bits than in the first run. */
  readonly kind: 'wrong' | 'unwritten' | 'wrote outside' | 'changing';
  /** The first of the three runs that fails. */
  readonly run: number;
  /** The result or gradient that is wrong, or the tensor next to which the kernel wrote. */
  readonly output: string;
  /** Index of the first element that differs in every dimension. */
  readonly coordinates: Readonly<Record<string, number>>;
  readonly shape: readonly number[];
}

export interface CheckResult {
  readonly passed: boolean;
  /** Names of the cases that ran. */
  readonly cases: readonly string[];
  /** Number of cases that ran in each layout. */
  readonly layouts: readonly { readonly name: string; readonly cases: number }[];
  readonly refused: readonly { readonly case: string; readonly reason: string }[];
  /** Largest NMSE of the results that passed. */
  readonly worst: number;
  /** Whether all runs gave the same bits. */
  readonly deterministic: boolean;
  /** Failures in the first layout that has any. */
  readonly failures: readonly Failure[];
  /** Explanations of the first failure whose result has enough elements to show a pattern. */
  readonly looksLike: readonly string[];
}

/** Number of elements of a result that show a pattern; fewer may agree with one by chance. */
const PATTERN_ELEMENTS = 30;

const PLAIN: Layout = { name: 'plain', margin: 0, gap: 0 };
const STRIDED: readonly Layout[] = [
  { name: 'strided by multiples of 4', margin: 4, gap: 4 },
  { name: 'strided oddly', margin: 3, gap: 3 },
];

/** The runs of a case in one layout. */
export interface Run {
  readonly layout: Layout;
  readonly steps: readonly Step[];
  readonly runs: readonly RunResult[];
}

interface Criteria {
  readonly tolerance: number;
  readonly allowNondeterminism: boolean;
}

export const caseName = ({ room, c }: { room: { name: string }; c: { name: string } }) => `${room.name}: ${c.name}`;

const isStrided = ({ args, results }: Op) => Object.values({ ...args, ...results }).some((spec) => spec.strided);

/**
 * Runs a kernel on the small cases of its op and compares it with the float64 oracle: first in the layout of an
 * ordinary plan, then with more strides and offsets and with NaN around arguments and results. Every case runs three times, see `FILLINGS`; every
 * run must be right and have the bits of the first. Throws `ShaderError` with line and caret, `UsageError` for a wrong
 * launch, `GpuValidationError` that names the dispatch, `KernelTimeoutError` and `DeviceLostError`.
 */
export async function checkKernel(
  engine: Engine,
  kernel: UserKernel,
  options: CheckOptions = {},
): Promise<CheckResult> {
  const { op, uses } = kernel.known;
  const wanted = uses.filter((u) => caseName(u).includes(options.cases ?? ''));
  if (!wanted.length)
    throw new UsageError(
      `no case of ${op.name} contains "${options.cases}"; its cases are\n${uses.map((u) => `  ${caseName(u)}`).join('\n')}`,
    );
  const layouts = isStrided(op) ? [PLAIN, ...STRIDED] : [PLAIN];
  const total = wanted.length * layouts.length;
  const ran = new Set<string>();
  const counts: number[] = [];
  const refused = new Map<string, string>();
  const failures: Failure[] = [];
  const { tolerance = MAX_NMSE, allowNondeterminism = false, timeoutMs } = options;
  const criteria = { tolerance, allowNondeterminism };
  const state = { worst: 0, deterministic: true };
  const prepared = new Map<OpUse, Prepared>();
  let explained: { p: Prepared; run: Run; failure: Failure } | undefined;
  for (const [l, layout] of layouts.entries()) {
    if (failures.length) break;
    for (const [i, use] of wanted.entries()) {
      const name = caseName(use);
      options.onCase?.(l * wanted.length + i, total, name);
      const p = prepared.get(use) ?? prepare(use.room, use.c);
      prepared.set(use, p);
      const run = await runCase(engine, kernel, p, layout, timeoutMs);
      if (typeof run === 'string') {
        refused.set(layout === PLAIN ? name : `${name}, ${layout.name}`, run);
        continue;
      }
      ran.add(name);
      counts[l] = (counts[l] ?? 0) + 1;
      state.deterministic &&= run.runs.every((r) => sameBits(r, run.runs[0] as RunResult));
      const found = firstFailure(p, run, op.name, criteria, state);
      if (!found) continue;
      failures.push(found);
      const elements = explained?.failure.total ?? -1;
      if (elements < PATTERN_ELEMENTS && found.total > elements) explained = { p, run, failure: found };
    }
  }
  if (!ran.size) {
    const reasons = [...refused].map(([name, reason]) => `  ${name}: ${reason}`);
    throw new UsageError(
      `${kernel.name} refuses every case of ${op.name}, so nothing was checked:\n${reasons.join('\n')}`,
    );
  }
  const retry = async (p: Prepared, layout: Layout, fillings: readonly Filling[] = [{}]): Promise<Retry> => {
    const again = await runCase(engine, kernel, p, layout, timeoutMs, fillings);
    if (typeof again === 'string') return { passes: true, places: {} };
    const args = again.steps.flatMap(({ call }) => Object.entries(call.kernel.call.arg));
    const places = Object.fromEntries(args.map(([n, a]) => [n, `${a.offset} + ${a.stride} r`]));
    const { runs } = again;
    const last = { ...again, runs: runs.slice(-1) };
    const same = runs.every((r) => sameBits(r, runs[0] as RunResult));
    return { passes: same && !firstFailure(p, last, op.name, criteria), places };
  };
  const looksLike = async ({ p, run, failure }: NonNullable<typeof explained>) => {
    const passes = async (fillings: readonly Filling[]) => (await retry(p, run.layout, fillings)).passes;
    const ofMemory = await memoryHints(op, run, failure, passes);
    return ofMemory.length ? ofMemory : hints(kernel, { p, run, failure }, (layout) => retry(p, layout));
  };
  return {
    passed: !failures.length,
    cases: [...ran],
    layouts: layouts.map((x, l) => ({ name: x.name, cases: counts[l] ?? 0 })),
    refused: [...refused].map(([name, reason]) => ({ case: name, reason })),
    ...state,
    failures,
    looksLike: explained ? await looksLike(explained) : [],
  };
}

/** Rejects with `KernelTimeoutError` if `promise` takes longer than `ms`. */
export async function withTimeout<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new KernelTimeoutError(
          `${what} did not finish in ${ms / 1000} s: it has an endless loop or is far too slow (--timeout allows more time)`,
        ),
      );
    }, ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Adds to an error which kernel and case it comes from. */
export function explain(error: unknown, kernel: UserKernel, name: string): unknown {
  if (error instanceof UsageError) return new UsageError(`${error.message}\n  (in the case ${name})`);
  if (error instanceof GpuValidationError) {
    const unbound = /binding index/i.test(error.message)
      ? ' Does the entry point use every variable that is declared?'
      : '';
    return new GpuValidationError(`${kernel.known.op.name}/${kernel.name} on ${name}`, `${error.message}${unbound}`);
  }
  if (error instanceof DeviceLostError)
    return new PoseGanError(
      `${kernel.name} lost the device on ${name} (${error.message.replace(/\. Open.*/, '')}): ` +
        'it has an endless loop, or a dispatch takes longer than the driver allows',
    );
  return error;
}

/** Outputs that depend on the op; its kernel does not affect the others. */
function outputsUsing(outputs: Readonly<Record<string, Tensor>>, op: string): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(outputs).filter(([, t]) => nodesOf([t]).some((n) => n.op.name === op)));
}

/** Runs a case with the kernel instead of ours; returns the reason if the kernel refuses all calls of the case. */
async function runCase(
  engine: Engine,
  kernel: UserKernel,
  p: Prepared,
  layout: Layout,
  timeoutMs = 30_000,
  fillings?: readonly Filling[],
): Promise<Run | string> {
  const name = caseName(p);
  const { variant } = kernel;
  const { op } = kernel.known;
  let refused = 'the case does not apply the op in this layout';
  let plan: Plan | undefined;
  const fits = (call: Call) => {
    const reason = refusalOf(variant, call);
    if (reason) refused = reason;
    return !reason;
  };
  try {
    plan = await compileCase(engine, outputsUsing(checkGraph(p, layout), op.name), layout, {
      retain: 'all',
      variant: (o, call) => (o === op.name && fits(call) ? variant : undefined),
    });
    const steps = plan.steps.filter(({ call }) => call.op.name === op.name && call.kernel.variant === variant);
    if (!steps.length) return refused;
    const finished = runFilled(plan, checkFeeds(p, layout, plan), fillings);
    const runs = await withTimeout(timeoutMs, `${kernel.name} on ${name} (${layout.name})`, finished);
    return { layout, steps, runs };
  } catch (error) {
    throw explain(error, kernel, name);
  } finally {
    plan?.destroy();
  }
}

const sameBits = (a: RunResult, b: RunResult) =>
  Object.entries(a.outputs).every(([name, x]) => !changedBits(x, b.outputs[name] as TensorData).length);

/**
 * The first failure: an output that differs from the oracle's or from the first run's, or an overwritten element outside
 * the results. Updates `state.worst`.
 */
function firstFailure(
  p: Prepared,
  { layout, runs }: Run,
  op: string,
  { tolerance, allowNondeterminism }: Criteria,
  state?: { worst: number },
): Failure | undefined {
  const at = { case: caseName(p), layout: layout.name };
  const of = (name: string, index: number) => ({
    output: name,
    coordinates: coordinates(index, expectedOf(p, name).shape, lettersOf(op, name)),
    shape: expectedOf(p, name).shape,
  });
  for (const [i, { outputs, outside }] of runs.entries()) {
    const run = i + 1;
    for (const [name, got] of Object.entries(outputs)) {
      const { nmse: error, found, bad } = differences(got, expectedOf(p, name).data, tolerance);
      if (found) {
        const never = new Set(untouched(runs.slice(i), name));
        const kind = bad.every((k) => never.has(k)) ? 'unwritten' : 'wrong';
        return { ...at, ...found, kind, run, ...of(name, found.index) };
      }
      if (state) state.worst = Math.max(state.worst, error);
      const before = runs[0]?.outputs[name] as TensorData;
      const [index, ...more] = allowNondeterminism ? [] : changedBits(before, got);
      if (index === undefined) continue;
      const count = { differing: 1 + more.length, total: got.length, maxError: null, nmse: null };
      const values = { index, got: got[index] as number, expected: before[index] as number };
      return { ...at, ...values, ...count, kind: 'changing', run, ...of(name, index) };
    }
    const [, tensor = '', element = ''] = /^(.*) @ (\d+)$/.exec(outside[0] ?? '') ?? [];
    if (!tensor) continue;
    const none = { expected: 0, differing: 0, total: 0, maxError: null, nmse: null, shape: [], got: null };
    return { ...at, ...none, kind: 'wrote outside', run, output: tensor, index: Number(element), coordinates: {} };
  }
  return undefined;
}
