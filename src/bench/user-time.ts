import { refusalOf, type Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import { plannedCalls } from '../compiler/compile.js';
import { kernelsOf } from '../compiler/load.js';
import { nodesOf } from '../compiler/lower.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { geometricMean, measure, type Times } from '../gpu/measure.js';
import type { Case, Room } from '../kernels/room.js';
import { resultsOf } from './accuracy.js';
import { type CaseGraph, type Contender, caseGraph, contender, type FirstUse, runAgain } from './cases.js';
import { changedBits } from './check-case.js';
import { type Differences, differences } from './differences.js';
import type { Speed } from './document.js';
import { reference, worthTiming } from './ops.js';
import { type Peaks, PeakWork } from './peaks.js';
import { selects, speedOf } from './suite.js';
import { caseName, explain, MAX_NMSE, within } from './user-check.js';
import { namedVariant, type UserKernel } from './user-kernel.js';

export interface TimeOptions {
  /** Words of the room or the case. */
  readonly filter?: string;
  /** Only the case of this name, `room: case`. */
  readonly layer?: string;
  /** Samples of each variant, 7 when absent; fewer of those that take long. */
  readonly samples?: number;
  /** Which of our variants to time beside it; when absent, those that suit the device, and the plainest. */
  readonly variants?: readonly string[];
  /** Milliseconds that the first run on a case may take; 120 000 when absent. */
  readonly timeoutMs?: number;
  readonly tolerance?: number;
  /** Whether a kernel may give other bits from run to run. */
  readonly allowNondeterminism?: boolean;
  onCase?(done: number, total: number, name: string): void;
  /** Called with every case that is done. */
  onResult?(result: TimedCase): void;
}

/** One variant on one case. */
export interface TimedRow {
  readonly variant: string;
  readonly yours: boolean;
  /** Whether the engine would choose it here by itself. */
  readonly chosen: boolean;
  readonly speed: Speed;
  readonly first: FirstUse;
  /** NMSE against the op's plainest kernel on this case; `null` when not finite, absent for that kernel itself. */
  readonly error?: number | null;
  /** Its time by the author's: above 1 the author's is faster. */
  readonly ratio: number;
}

/** Results of the author's that differ from ours, or, when `changing`, from those of the first run. */
export interface TimedFailure extends Differences {
  readonly kind: 'wrong' | 'changing';
  readonly result: string;
  /** After the `first` run, or when the kernel ran `again`, over other results, once it had been timed. */
  readonly when: 'first' | 'again';
}

export interface TimedCase {
  readonly case: string;
  readonly flops: number;
  readonly bytes: number;
  readonly rows: readonly TimedRow[];
  /** What is wrong with the author's results on this size, if anything. */
  readonly wrong?: TimedFailure;
}

export interface TimeResult {
  readonly passed: boolean;
  readonly peaks: Peaks;
  readonly cases: readonly TimedCase[];
  readonly refused: readonly { readonly case: string; readonly reason: string }[];
  /** Geometric mean over the cases of `ratio`, for what the engine chooses and for the fastest of ours. */
  readonly mean: { readonly chosen: number | null; readonly fastest: number | null };
}

/** All samples of one variant together last about so long at most. */
const BUDGET_MS = 1500;

interface BenchUse {
  readonly room: Room;
  readonly c: Case;
}

/**
 * The cases to time an op on: the model's layers of its own room, else of rooms whose gradient it is, else the largest
 * small one.
 */
export function benchCases({ known }: Pick<UserKernel, 'known'>, filter = ''): BenchUse[] {
  const rooms = [...new Set(known.uses.map((u) => u.room))];
  const layers = (of: readonly Room[]) => of.flatMap((room) => (room.bench ?? []).map((c) => ({ room, c })));
  const own = layers(rooms.filter((r) => known.uses.some((u) => u.room === r && u.forward)));
  const all = layers(rooms);
  const size = ({ c }: BenchUse) =>
    Object.values(c.inputs).reduce((n, { shape }) => n + shape.reduce((p, d) => p * d, 1), 0);
  const largest = [...known.uses].sort((a, b) => size(b) - size(a)).slice(0, 1);
  const list = filter || !own.length ? (all.length ? all : largest) : own;
  const found = list.filter(({ room, c }) => selects(filter, room.name, c.name, '', ''));
  if (!found.length)
    throw new UsageError(
      `no case to time ${known.op.name} on contains "${filter}"; there are\n${list.map((u) => `  ${caseName(u)}`).join('\n')}`,
    );
  return found;
}

/** The graph of a case up to the results of one op; the names of those results say which. */
function graphOf({ room, c }: BenchUse, op: Op): CaseGraph {
  const whole = caseGraph(room, c);
  const outputs: Record<string, Tensor> = {};
  for (const node of nodesOf(Object.values(whole.outputs)).filter((n) => n.op === op))
    for (const [name, t] of Object.entries(node.outputs)) {
      outputs[name in outputs ? `${name} of ${node.id}` : name] = t;
    }
  return { outputs, feeds: whole.feeds };
}

/**
 * Times a kernel beside our variants and the adapter's peaks, all in turn, and holds its results against our plainest
 * kernel's
 * on every case. Check it with `checkKernel` first. Throws as that does.
 */
export async function timeKernel(engine: Engine, kernel: UserKernel, options: TimeOptions = {}): Promise<TimeResult> {
  const { op } = kernel.known;
  const { samples = 7 } = options;
  const ours = options.variants?.map((name) => namedVariant(op, name, engine));
  const found = benchCases(kernel, options.filter);
  const uses = options.layer === undefined ? found : found.filter((u) => caseName(u) === options.layer);
  if (!uses.length) throw new UsageError(`no case to time ${op.name} on is called "${options.layer}"`);
  const cases: TimedCase[] = [];
  const refused: { case: string; reason: string }[] = [];
  const peakWork = await PeakWork.create(engine);
  try {
    const before = await measure(engine, peakWork.work, { samples: Math.min(samples, 7) });
    const leaders = peakWork.leaders(before);
    for (const [i, use] of uses.entries()) {
      options.onCase?.(i, uses.length, caseName(use));
      const found = await timeCase(engine, kernel, ours, use, leaders, options);
      if (typeof found === 'string') refused.push({ case: caseName(use), reason: found });
      else {
        cases.push(found);
        options.onResult?.(found);
      }
    }
    const ratios = (pick: (rows: readonly TimedRow[]) => TimedRow | undefined) => {
      const found = cases.flatMap(({ rows }) => pick(rows.filter((r) => !r.yours))?.ratio ?? []);
      return found.length ? geometricMean(found) : null;
    };
    return {
      passed: cases.length > 0 && cases.every((c) => !c.wrong),
      peaks: peakWork.peaks(before),
      ...{ cases, refused },
      mean: {
        chosen: ratios((rows) => rows.find((r) => r.chosen)),
        fastest: ratios((rows) => [...rows].sort((a, b) => a.ratio - b.ratio)[0]),
      },
    };
  } finally {
    peakWork.destroy();
  }
}

/** One case; the reason when the kernel refuses it. */
async function timeCase(
  engine: Engine,
  kernel: UserKernel,
  ours: readonly Variant[] | undefined,
  use: BenchUse,
  leaders: PeakWork,
  { samples = 7, timeoutMs = 120_000, tolerance = MAX_NMSE, allowNondeterminism = false }: TimeOptions,
): Promise<TimedCase | string> {
  const { op } = kernel.known;
  const graph = graphOf(use, op);
  const running: Contender[] = [];
  try {
    const planned = (await plannedCalls(engine, graph.outputs, { retain: 'all' })).filter((p) => p.op === op);
    const reasons = planned.map((p) => refusalOf(kernel.variant, p.kernel.call));
    if (reasons.every((r) => r)) return reasons[0] as string;
    const name = caseName(use);
    const first = contender(engine, graph, op, kernel.variant);
    const mine = await within(timeoutMs, `${kernel.name} on ${name}`, first).catch((error: unknown) => {
      throw explain(error, kernel, name);
    });
    if (!mine) return 'it runs nowhere in this case';
    running.push(mine);
    const kernels = kernelsOf(op, engine);
    const suited = new Set(planned.flatMap((p) => worthTiming(kernels, p.kernel.call)));
    for (const variant of ours ?? kernels.variants.filter((v) => suited.has(v))) {
      const found = await contender(engine, graph, op, variant);
      if (found) running.push(found);
    }
    const firstly = await resultsOf(mine.plan, op);
    const work = [...running.map((r) => r.work), ...leaders.work];
    const times = await measure(engine, work, { samples, budgetMs: BUDGET_MS });
    for (const r of running) await runAgain(r);
    const { list, want, mine: again } = await compared(running, op, tolerance);
    const wrong = firstWrong({ first: firstly, again }, want, tolerance, allowNondeterminism);
    const peaks = leaders.peaks(times.slice(running.length));
    const yours = (times[0] as Times).median;
    return {
      ...{ case: name, flops: mine.flops, bytes: mine.bytes, wrong },
      rows: running.map((r, i) => ({
        variant: r.variant,
        yours: i === 0,
        chosen: i > 0 && planned.some((p) => p.kernel.variant.name === r.variant),
        speed: speedOf(times[i] as Times, r.flops, r.bytes, peaks),
        first: r.first,
        error: list[i],
        ratio: (times[i] as Times).median / yours,
      })),
    };
  } finally {
    for (const r of running) r.plan.destroy();
  }
}

type Results = Readonly<Record<string, TensorData>>;

/** Results of all, the author's first, against those of the plainest kernel that runs. */
async function compared(
  running: readonly Contender[],
  op: Op,
  tolerance: number,
): Promise<{ list: (number | null | undefined)[]; want: Results; mine: Results }> {
  const plainest = running.findIndex((r, i) => i > 0 && r.variant === reference(op).name);
  const against = plainest < 0 ? running.length - 1 : plainest;
  const want = await resultsOf((running[against] as Contender).plan, op);
  const list: (number | null | undefined)[] = [];
  let mine = want;
  for (const [i, { plan }] of running.entries()) {
    const got = i === against ? want : await resultsOf(plan, op);
    if (i === 0) mine = got;
    const errors = Object.entries(want).map(([result, w]) => differences(got[result] ?? [], w, tolerance).nmse);
    const worst = Math.max(0, ...errors);
    list.push(i === against ? undefined : Number.isFinite(worst) ? worst : null);
  }
  return { list, want, mine };
}

/** The first results of the author's that are not ours, or have other bits than those of the first run. */
function firstWrong(
  got: { readonly first: Results; readonly again: Results },
  want: Results,
  tolerance: number,
  allowNondeterminism: boolean,
): TimedFailure | undefined {
  for (const when of ['first', 'again'] as const)
    for (const [result, w] of Object.entries(want)) {
      const mine = got[when][result] as TensorData;
      const { found } = differences(mine, w, tolerance);
      if (found) return { ...found, kind: 'wrong', result, when };
      const before = got.first[result] as TensorData;
      const [index, ...more] = allowNondeterminism ? [] : changedBits(before, mine);
      if (index === undefined) continue;
      const count = { differing: 1 + more.length, total: mine.length, maxError: null, nmse: null };
      return {
        ...count,
        index,
        got: mine[index] as number,
        expected: before[index] as number,
        kind: 'changing',
        result,
        when,
      };
    }
  return undefined;
}
