import type { Op } from '../autograd/op.js';
import type { TensorData } from '../autograd/tensor.js';
import { describeValue } from '../compiler/kernel-call.js';
import type { Filling } from '../compiler/redzones.js';
import type { Engine } from '../gpu/engine.js';
import {
  changedBits,
  expectedOf,
  type Layout,
  type Prepared,
  prepare,
  type RunResult,
  untouched,
} from './check-case.js';
import { coordinates, type Differences, differences, lettersOf } from './differences.js';
import { hints, type Outcome, type Retry } from './hints.js';
import { memoryHints } from './memory-hints.js';
import type { OpUse } from './ops.js';
import { namesOf, type UserKernel } from './user-kernel.js';
import { caseName, casesOf, type Run, refusedAll, runCase } from './user-run.js';

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
  /**
   * The result or gradient that is wrong. If the kernel wrote outside, the result or `scratch NAME` next to which it did, by the
   * kernel's own name if it has one.
   */
  readonly output: string;
  /** Index of the first element that differs in every dimension. */
  readonly coordinates: Readonly<Record<string, number>>;
  readonly shape: readonly number[];
}

export interface CheckResult {
  readonly passed: boolean;
  /** The cases that ran; several may have the same name. */
  readonly cases: readonly string[];
  /** Number of cases that ran in each layout. */
  readonly layouts: readonly { readonly name: string; readonly cases: number }[];
  readonly refused: readonly { readonly case: string; readonly reason: string }[];
  /** Largest NMSE of the results that passed. */
  readonly worst: number;
  /** Whether all runs gave the same bits. */
  readonly deterministic: boolean;
  /** Failures in the first layout that has any; the one that `looksLike` explains comes first. */
  readonly failures: readonly Failure[];
  /** Explanations of the first failure. */
  readonly looksLike: readonly string[];
}

/** Number of elements of a result that show a pattern; fewer may agree with one by chance. */
const PATTERN_ELEMENTS = 30;

const PLAIN: Layout = { name: 'plain', margin: 0, gap: 0 };
const STRIDED: readonly Layout[] = [
  { name: 'strided by multiples of 4', margin: 4, gap: 4 },
  { name: 'strided oddly', margin: 3, gap: 3 },
];

interface Criteria {
  readonly tolerance: number;
  readonly allowNondeterminism: boolean;
}

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
  const { op } = kernel.known;
  const wanted = casesOf(kernel, options.cases);
  const layouts = isStrided(op) ? [PLAIN, ...STRIDED] : [PLAIN];
  const total = wanted.length * layouts.length;
  const ran = new Set<OpUse>();
  const counts: number[] = [];
  const refused: { case: string; reason: string }[] = [];
  const outcomes: Outcome[] = [];
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
        refused.push({ case: layout === PLAIN ? name : `${name}, ${layout.name}`, reason: run });
        continue;
      }
      ran.add(use);
      counts[l] = (counts[l] ?? 0) + 1;
      state.deterministic &&= run.runs.every((r) => sameBits(r, run.runs[0] as RunResult));
      const found = firstFailure(p, run, op.name, criteria, state);
      outcomes.push({ layout: layout.name, right: !found, numbers: numbersOf(op, run) });
      if (!found) continue;
      failures.push(found);
      if (!explained || isClearer(found, explained.failure)) explained = { p, run, failure: found };
    }
  }
  if (!ran.size) throw refusedAll(kernel, refused);
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
    if (ofMemory.length) return ofMemory;
    return hints(
      kernel,
      { p, run, failure, outcomes },
      {
        retry: (layout) => retry(p, layout),
        probe: async (changed) => {
          const again = await runCase(engine, kernel, { ...p, ...changed }, run.layout, timeoutMs, [{}]);
          return typeof again === 'string' ? undefined : again.runs[0]?.outputs[failure.output];
        },
      },
    );
  };
  // The case that the explanation speaks of comes first.
  failures.sort((a, b) => Number(b === explained?.failure) - Number(a === explained?.failure));
  return {
    passed: !failures.length,
    cases: [...ran].map(caseName),
    layouts: layouts.map((x, l) => ({ name: x.name, cases: counts[l] ?? 0 })),
    refused,
    ...state,
    failures,
    looksLike: explained ? await looksLike(explained) : [],
  };
}

/**
 * Whether a failure says more than another: one with enough elements to show a pattern, or otherwise with more of them. That a
 * kernel wrote outside its results needs no pattern.
 */
function isClearer(found: Failure, other: Failure): boolean {
  if (other.kind === 'wrote outside' || other.total >= PATTERN_ELEMENTS) return false;
  return found.kind === 'wrote outside' || found.total > other.total;
}

/** The numbers of the first call of the kernel in a case, by the names that expressions may use. */
function numbersOf(op: Op, { steps }: Run): Readonly<Record<string, number>> {
  const call = steps[0]?.call.kernel.call;
  return call ? namesOf(op, call) : {};
}

/** The name that the kernel itself has for a value that it computes. */
function ownName({ steps }: Run, tensor: string): string {
  const outputs = steps.flatMap(({ call }) => Object.entries(call.outputs));
  return outputs.find(([, value]) => describeValue(value) === tensor)?.[0] ?? tensor;
}

const sameBits = (a: RunResult, b: RunResult) =>
  Object.entries(a.outputs).every(([name, x]) => !changedBits(x, b.outputs[name] as TensorData).length);

/**
 * The first failure: an output that differs from the oracle's or from the first run's, or an overwritten element outside
 * the results. Updates `state.worst`.
 */
function firstFailure(
  p: Prepared,
  whole: Run,
  op: string,
  { tolerance, allowNondeterminism }: Criteria,
  state?: { worst: number },
): Failure | undefined {
  const { layout, runs } = whole;
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
    const output = ownName(whole, tensor);
    return { ...at, ...none, kind: 'wrote outside', run, output, index: Number(element), coordinates: {} };
  }
  return undefined;
}
