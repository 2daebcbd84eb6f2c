import type { Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import type { Tensor } from '../autograd/tensor.js';
import { plannedCalls } from '../compiler/compile.js';
import { refusalOf } from '../compiler/kernel-call.js';
import { kernelsOf } from '../compiler/load.js';
import { nodesOf } from '../compiler/lower.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { geometricMean, measure, type Times } from '../gpu/measure.js';
import type { Case, Room } from '../kernels/room.js';
import { resultsOf } from './accuracy.js';
import { type Candidate, candidateOf, caseGraph, type FirstUse, type SampledGraph } from './cases.js';
import type { Speed } from './document.js';
import { launchCost } from './launch-cost.js';
import { reference, worthTiming } from './ops.js';
import { type Peaks, PeakWork } from './peaks.js';
import { recheck, type TimedFailure } from './recheck.js';
import { selects, speedOf } from './suite.js';
import { MAX_NMSE } from './user-check.js';
import { namedVariant, type UserKernel } from './user-kernel.js';
import { caseName, explain, withTimeout } from './user-run.js';

export interface TimeOptions {
  /** Words of the room or the case, see `selects`. */
  readonly filter?: string;
  /** The cases to time, instead of the model's layers. */
  readonly own?: readonly BenchUse[];
  /** Time only the case of this name, `room: case`. */
  readonly layer?: string;
  /** Number of samples of each variant; slow variants get fewer. Default: 7. */
  readonly samples?: number;
  /** Names of our variants to compare with. Default: those worth timing on the device, and the reference. */
  readonly variants?: readonly string[];
  /** Milliseconds that the first run on a case may take. Default: 120 000. */
  readonly timeoutMs?: number;
  readonly tolerance?: number;
  /** Whether runs of a kernel may give different bits. */
  readonly allowNondeterminism?: boolean;
  onCase?(done: number, total: number, name: string): void;
  /** Called with the result of every case. */
  onResult?(result: TimedCase): void;
}

/** One variant on one case. */
export interface TimedRow {
  readonly variant: string;
  readonly yours: boolean;
  /** Whether the engine would choose it by default. */
  readonly chosen: boolean;
  readonly speed: Speed;
  readonly first: FirstUse;
  /** NMSE against the op's reference kernel on this case; `null` if not finite, absent for the reference itself. */
  readonly error?: number | null;
  /** Its time / the time of the author's kernel; above 1 the author's is faster. */
  readonly ratio: number;
  /** The time of as many empty dispatches as a share of the median. */
  readonly launch: number;
}

export interface TimedCase {
  readonly case: string;
  /** The values of the names in the shapes of an own case. */
  readonly at?: Readonly<Record<string, number>>;
  readonly flops: number;
  readonly bytes: number;
  readonly rows: readonly TimedRow[];
  /** What is wrong with the author's results on this size, if anything. */
  readonly wrong?: TimedFailure;
}

export interface TimeResult {
  /** Whether a case was timed, and the results were right on every case, before and after the timing. */
  readonly passed: boolean;
  /** The cases on which the author's kernel is above 105 % of the roof, and none of ours is. */
  readonly suspect: readonly string[];
  readonly peaks: Peaks;
  readonly cases: readonly TimedCase[];
  readonly refused: readonly { readonly case: string; readonly reason: string }[];
  /** Geometric mean of `ratio` over the cases, for the variant that the engine chooses and for the fastest of ours. */
  readonly mean: { readonly chosen: number | null; readonly fastest: number | null };
}

/** Approximate limit for the time of all samples of one variant together. */
const BUDGET_MS = 1500;

export interface BenchUse {
  readonly room: Room;
  readonly c: Case;
  /** The values of the names in the shapes of an own case. */
  readonly at?: Readonly<Record<string, number>>;
}

/**
 * The cases to time an op on: the layers in rooms that apply it in the forward pass, otherwise layers in rooms that apply it in
 * a gradient, otherwise its largest small case. A filter selects among all of these.
 */
export function benchCases({ known }: Pick<UserKernel, 'known'>, filter = ''): BenchUse[] {
  const rooms = [...new Set(known.uses.map((u) => u.room))];
  const layers = (of: readonly Room[]) => of.flatMap((room) => (room.bench ?? []).map((c) => ({ room, c })));
  const own = layers(rooms.filter((r) => known.uses.some((u) => u.room === r && u.forward)));
  const all = layers(rooms);
  const size = ({ c }: BenchUse) =>
    Object.values(c.inputs).reduce((n, { shape }) => n + shape.reduce((p, d) => p * d, 1), 0);
  const largest = [...known.uses].sort((a, b) => size(b) - size(a)).slice(0, 1);
  const list = !filter && own.length ? own : all.length ? all : largest;
  const found = list.filter(({ room, c }) => selects(filter, room.name, c.name, '', ''));
  if (!found.length)
    throw new UsageError(
      `no case to time ${known.op.name} on contains "${filter}"; the cases are\n${list.map((u) => `  ${caseName(u)}`).join('\n')}`,
    );
  return found;
}

/** The graph of a case up to the results of one op, which are its outputs. */
export function graphOf({ room, c }: BenchUse, op: Op): SampledGraph {
  const whole = caseGraph(room, c);
  const outputs: Record<string, Tensor> = {};
  for (const node of nodesOf(Object.values(whole.outputs)).filter((n) => n.op === op))
    for (const [name, t] of Object.entries(node.outputs)) {
      outputs[name in outputs ? `${name} of ${node.id}` : name] = t;
    }
  return { outputs, feeds: whole.feeds, otherFeeds: whole.otherFeeds };
}

/**
 * Times a kernel, our variants and the adapter's peaks in turn, and compares the kernel's results with those of our
 * reference kernel on every case. Check the kernel with `checkKernel` first; this function throws the same errors.
 */
export async function timeKernel(engine: Engine, kernel: UserKernel, options: TimeOptions = {}): Promise<TimeResult> {
  const { op } = kernel.known;
  const { samples = 7 } = options;
  const ours = options.variants?.map((name) => namedVariant(op, name, engine));
  const found = options.own ?? benchCases(kernel, options.filter);
  const uses = options.layer === undefined ? found : found.filter((u) => caseName(u) === options.layer);
  if (!uses.length) throw new UsageError(`no case to time ${op.name} on is called "${options.layer}"`);
  const cases: TimedCase[] = [];
  const refused: { case: string; reason: string }[] = [];
  const peakWork = await PeakWork.create(engine);
  try {
    const before = await measure(engine, peakWork.work, { samples: Math.min(samples, 7) });
    const fastest = peakWork.fastest(before);
    const launchMs = await launchCost(engine);
    for (const [i, use] of uses.entries()) {
      options.onCase?.(i, uses.length, caseName(use));
      const found = await timeCase(engine, kernel, ours, use, { peakWork: fastest, launchMs }, options);
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
      suspect: cases.filter((c) => !c.wrong && isSuspect(c)).map((c) => c.case),
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

/**
 * Whether only the author's kernel is above 105 % of the roof. If ours are as well, the data of the case fits into a cache,
 * which the copy that measures the peak bandwidth does not use.
 */
export function isSuspect({ rows }: Pick<TimedCase, 'rows'>): boolean {
  const found = rows.filter((r) => r.speed.suspect);
  return found.length > 0 && found.every((r) => r.yours);
}

/** Times one case; returns the reason if the kernel refuses it. */
async function timeCase(
  engine: Engine,
  kernel: UserKernel,
  ours: readonly Variant[] | undefined,
  use: BenchUse,
  { peakWork, launchMs }: { readonly peakWork: PeakWork; readonly launchMs: number },
  { samples = 7, timeoutMs = 120_000, tolerance = MAX_NMSE, allowNondeterminism = false }: TimeOptions,
): Promise<TimedCase | string> {
  const { op } = kernel.known;
  const graph = graphOf(use, op);
  const running: Candidate[] = [];
  let plain: Candidate | undefined;
  try {
    const planned = (await plannedCalls(engine, graph.outputs, { retain: 'all' })).filter((p) => p.op === op);
    if (!planned.length) return `the plan of this case computes ${op.name} inside another kernel`;
    const reasons = planned.map((p) => refusalOf(kernel.variant, p.kernel.call));
    if (reasons.every((r) => r)) return reasons[0] as string;
    const name = caseName(use);
    const asked = candidateOf(engine, graph, op, kernel.variant);
    const mine = await withTimeout(timeoutMs, `${kernel.name} on ${name}`, asked).catch((error: unknown) => {
      throw explain(error, kernel, name);
    });
    if (!mine) return 'the plan of this case does not use it';
    running.push(mine);
    const kernels = kernelsOf(op, engine);
    const suited = new Set(planned.flatMap((p) => worthTiming(kernels, p.kernel.call)));
    for (const variant of ours ?? kernels.variants.filter((v) => suited.has(v))) {
      const found = await candidateOf(engine, graph, op, variant);
      if (found) running.push(found);
    }
    const plainest = reference(op);
    plain = running.find((r, i) => i > 0 && r.variant === plainest.name);
    plain ??= await candidateOf(engine, graph, op, plainest);
    if (!plain) throw new Error(`${plainest.name} cannot run ${name}`);
    const first = await resultsOf(mine.plan, op);
    const work = [...running.map((r) => r.work), ...peakWork.work];
    const times = await measure(engine, work, { samples, budgetMs: BUDGET_MS });
    const results = { first, other: graph.otherFeeds() };
    const { errors, wrong } = await recheck(running, plain, op, results, { tolerance, allowNondeterminism });
    const peaks = peakWork.peaks(times.slice(running.length));
    const yours = (times[0] as Times).median;
    return {
      ...{ case: name, at: use.at, flops: mine.flops, bytes: mine.bytes, wrong },
      rows: running.map((r, i) => ({
        variant: r.variant,
        yours: i === 0,
        chosen: i > 0 && planned.some((p) => p.kernel.variant.name === r.variant),
        speed: speedOf(times[i] as Times, r.flops, r.bytes, peaks),
        first: r.first,
        error: errors[i],
        ratio: (times[i] as Times).median / yours,
        launch: (r.steps.length * launchMs) / (times[i] as Times).median,
      })),
    };
  } finally {
    for (const r of new Set([...running, ...(plain ? [plain] : [])])) r.plan.destroy();
  }
}
