import type { Op } from '../autograd/op.js';
import type { TensorData } from '../autograd/tensor.js';
import { plannedCalls } from '../compiler/compile.js';
import type { LaunchedCall } from '../compiler/kernel-call.js';
import { refusalOf } from '../compiler/kernel-call.js';
import type { Where } from '../compiler/load.js';
import { nodesOf } from '../compiler/lower.js';
import { clockOf, type Timing } from '../gpu/clock.js';
import type { Engine } from '../gpu/engine.js';
import { DeviceLostError, PoseGanError, UsageError } from '../gpu/errors.js';
import { measure, type Times } from '../gpu/measure.js';
import type { Case, Room } from '../kernels/room.js';
import { deviation, deviationOf, deviationOnCases, oracleResults, resultsOf, worst } from './accuracy.js';
import { type Candidate, type CaseGraph, candidatesOf, caseGraph, runAgain, totalCost } from './cases.js';
import { type Prepared, prepare } from './check-case.js';
import { type ComposedComparison, composedComparison } from './composed.js';
import { compositions } from './compositions.js';
import { type BenchRow, type RowError, type Speed, SUSPECT } from './document.js';
import { launchCost } from './launch-cost.js';
import { knownOps, loadRooms, type OpUse, variantsOf } from './ops.js';
import { type Peaks, PeakWork } from './peaks.js';

export interface SuiteOptions {
  /** Words that select cases and kernels, see `selects`. */
  filter?: string;
  /** Names of the rooms whose cases run. Default: all rooms. */
  only?: readonly string[];
  /** The op to time; default: every op of the cases. */
  op?: string;
  /** Number of samples of each variant; slow variants get fewer. */
  samples?: number;
  /**
   * Longest run of a variant in milliseconds. A variant that would take longer at the best speed it has reached so far is
   * not timed, unless the engine chooses it.
   */
  longestRun?: number;
  /**
   * Largest number of operations and elements of a case whose results are compared with the oracle's. For larger cases the
   * variant runs small ones instead.
   */
  oracleLimit?: number;
}

/** Approximate limit for the time of all samples of one variant together. */
const BUDGET_MS = 1500;

/** A case of the benchmark with the kernels to time. */
export interface SelectedCase {
  readonly room: Room;
  readonly c: Case;
  readonly kernels: readonly { readonly op: string; readonly variant: string }[];
  /** Whether to compare the op with its composition of simpler ones. */
  readonly composed: boolean;
}

/**
 * Whether a filter selects a row: every word of the filter is part of the room, case, op or variant. Upper and lower case
 * are the same, and so are x and ×.
 */
export function selects(filter: string, room: string, name: string, op: string, variant: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/×/g, 'x');
  const text = plain(`${room} ${name} ${op}/${variant}`);
  return plain(filter)
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/**
 * The cases that a filter selects in the rooms named in `only`, by default in all. Throws `UsageError` that lists the rooms
 * if it selects none.
 */
export function selectedCases(
  rooms: readonly Room[],
  filter = '',
  only?: readonly string[],
  where?: Where,
  wantedOp?: string,
): SelectedCase[] {
  const searched = rooms.filter((room) => !only || only.includes(room.name));
  const found = searched.flatMap((room) =>
    (room.bench ?? []).map((c): SelectedCase => {
      const ops = opsOf(caseGraph(room, c));
      const kernels = ops.flatMap((op) => variantsOf(op, where).map((v) => ({ op: op.name, variant: v.name })));
      return {
        ...{ room, c },
        kernels: kernels.filter(
          (k) => (!wantedOp || k.op === wantedOp) && selects(filter, room.name, c.name, k.op, k.variant),
        ),
        composed: !wantedOp && compositions.has(room.name) && selects(filter, room.name, c.name, room.name, 'composed'),
      };
    }),
  );
  const left = found.filter((s) => s.kernels.length || s.composed);
  if (!left.length)
    throw new UsageError(
      `no case or kernel matches "${filter}"; give words of an op, case or variant. Rooms with cases are ` +
        searched
          .filter((r) => r.bench?.length)
          .map((r) => r.name)
          .join(', '),
    );
  return left;
}

function opsOf({ outputs }: CaseGraph): Op[] {
  const ops = new Set(nodesOf(Object.values(outputs)).map((n) => n.op));
  return [...ops].filter((op) => op.kernels);
}

/** The results of one case. */
export interface CaseResult {
  readonly selected: SelectedCase;
  readonly rows: readonly BenchRow[];
  readonly composed?: ComposedComparison;
}

/**
 * Times every variant of every op on the bench cases of rooms, in turn with the adapter's peaks, and compares its results
 * with the oracle's.
 */
export class Suite {
  /** The best speed of every variant so far, in operations per millisecond, or in bytes if it counts no operations. */
  readonly #best = new Map<string, number>();
  readonly #prepared = new Map<Case, Prepared>();
  readonly #errorsOnCases = new Map<string, Promise<RowError | undefined>>();

  private constructor(
    readonly engine: Engine,
    private readonly rooms: readonly Room[],
    readonly cases: readonly SelectedCase[],
    private readonly options: Required<Omit<SuiteOptions, 'filter' | 'only' | 'op'>>,
    /** Peaks of the adapter before the first case. */
    readonly peaks: Peaks,
    private readonly peakWork: { all: PeakWork; fastest: PeakWork },
    /** How times are taken on this device. */
    readonly timing: Timing,
    /** Milliseconds of an empty dispatch. */
    private readonly launchMs: number,
  ) {}

  /** Selects the cases and measures the peaks. Throws `UsageError` for a filter that selects nothing. */
  static async open(engine: Engine, rooms: readonly Room[], options: SuiteOptions = {}): Promise<Suite> {
    const { filter, only, op, samples = 7, longestRun = 500, oracleLimit = 3e7 } = options;
    if (!Number.isInteger(samples) || samples < 1)
      throw new UsageError(`the number of samples must be an integer of at least 1, got ${samples}`);
    await loadRooms(rooms);
    const cases = selectedCases(rooms, filter, only, engine, op);
    const all = await PeakWork.create(engine);
    try {
      const times = await measure(engine, all.work, { samples });
      const peakWork = { all, fastest: all.fastest(times) };
      const { source, stepMs } = await clockOf(engine);
      const launchMs = await launchCost(engine);
      const measured = { samples, longestRun, oracleLimit };
      return new Suite(engine, rooms, cases, measured, all.peaks(times), peakWork, { source, stepMs }, launchMs);
    } catch (error) {
      all.destroy();
      throw error;
    }
  }

  /** Runs one case. Calls `onRows` with the rows of each of its ops when they are done. */
  async run(s: SelectedCase, onRows?: (rows: readonly BenchRow[]) => void): Promise<CaseResult> {
    const { room, c } = s;
    const { engine } = this;
    const graph = caseGraph(room, c);
    const planned = await plannedCalls(engine, graph.outputs, { retain: 'all' });
    const { flops, bytes } = totalCost(planned);
    const small = flops + bytes / 4 <= this.options.oracleLimit;
    const expected = small ? oracleResults(room, c, graph) : undefined;
    const rows: BenchRow[] = [];
    for (const op of opsOf(graph)) {
      const wanted = s.kernels.filter((k) => k.op === op.name).map((k) => k.variant);
      const calls = planned.filter((p) => p.op === op);
      if (!wanted.length || !calls.length) continue;
      const found = await this.#op(s, graph, op, calls, wanted, expected);
      rows.push(...found);
      onRows?.(found);
    }
    const { samples } = this.options;
    const composed = s.composed
      ? await composedComparison(engine, room, c, { samples, budgetMs: BUDGET_MS })
      : undefined;
    return { selected: s, rows, composed };
  }

  destroy(): void {
    this.peakWork.all.destroy();
  }

  /** Times the variants of one op of a case. Frees their plans at the end. */
  async #op(
    { room, c }: SelectedCase,
    graph: CaseGraph,
    op: Op,
    calls: readonly LaunchedCall[],
    wanted: readonly string[],
    expected: Readonly<Record<string, Float64Array>> | undefined,
  ): Promise<BenchRow[]> {
    const { engine } = this;
    const cost = totalCost(calls);
    const rows = new Map<string, BenchRow>();
    const running: Candidate[] = [];
    const plans: { destroy(): void }[] = [];
    try {
      for (const v of [...variantsOf(op, engine)].reverse()) {
        const variant = v.name;
        if (!wanted.includes(variant) || calls.every((p) => refusalOf(v, p.kernel.call) !== undefined)) continue;
        const chosen = calls.some((p) => p.kernel.variant.name === variant);
        const row = { room: room.name, case: c.name, op: op.name, variant, chosen, ...cost };
        rows.set(variant, row);
        const untimed = chosen ? undefined : this.#tooLong(op.name, variant, cost);
        if (untimed) {
          rows.set(variant, { ...row, untimed, error: await this.#errorOnCases(room, op, variant) });
          continue;
        }
        try {
          const found = await candidatesOf(engine, graph, (o, v) => o === op.name && v === variant);
          plans.push(found);
          const [candidate] = found.list;
          if (!candidate)
            throw new UsageError(`${op.name}/${variant} fits a call of the case, but its plan does not use it`);
          running.push(candidate);
        } catch (error) {
          if (!(error instanceof PoseGanError) || error instanceof DeviceLostError) throw error;
          rows.set(variant, { ...row, untimed: `failed: ${error.message}` });
        }
      }
      if (!running.length) return [...rows.values()].reverse();
      const work = [...running.map((r) => r.work), ...this.peakWork.fastest.work];
      const times = await measure(engine, work, { samples: this.options.samples, budgetMs: BUDGET_MS });
      const peaks = this.peakWork.fastest.peaks(times.slice(running.length));
      // The plainest variant is the first here. If the oracle is too slow, the other variants are compared with it.
      let plainest: Results | undefined;
      for (const [i, candidate] of running.entries()) {
        const { variant, flops, bytes, first } = candidate;
        // The results to check come from a run after those that were timed.
        await runAgain(candidate);
        let error = expected && (await this.#errorHere(candidate, op, expected));
        if (!error) {
          error = await this.#errorOnCases(room, op, variant);
          const results = await resultsOf(candidate.plan, op);
          if (plainest) error = error && { ...error, beside: beside(results, plainest) };
          else plainest = { variant, results };
          error ??= await this.#errorHere(candidate, op, oracleResults(room, c, graph));
        }
        const speed = speedOf(times[i] as Times, flops, bytes, peaks);
        const rate = (flops || bytes) / speed.times.median;
        const key = `${op.name}/${variant}`;
        this.#best.set(key, Math.max(this.#best.get(key) ?? 0, rate));
        const launch = (candidate.steps.length * this.launchMs) / speed.times.median;
        rows.set(variant, { ...(rows.get(variant) as BenchRow), flops, bytes, speed, first, launch, error });
      }
    } finally {
      for (const p of plans) p.destroy();
    }
    return [...rows.values()].reverse();
  }

  /** The reason not to time a variant that is not chosen, if it is too slow. */
  #tooLong(op: string, variant: string, { flops, bytes }: { flops: number; bytes: number }): string | undefined {
    const rate = this.#best.get(`${op}/${variant}`);
    const ms = rate ? (flops || bytes) / rate : 0;
    if (ms <= this.options.longestRun) return undefined;
    return `a run would take ${(ms / 1000).toPrecision(2)} s at its best speed so far`;
  }

  async #errorHere(
    { plan }: Candidate,
    op: Op,
    expected: Readonly<Record<string, Float64Array>>,
  ): Promise<RowError | undefined> {
    const found = await deviationOf(plan, op, expected);
    return found && { ...found, oracle: 'this case' };
  }

  #prepare({ room, c }: OpUse): Prepared {
    const found = this.#prepared.get(c) ?? prepare(room, c);
    this.#prepared.set(c, found);
    return found;
  }

  /** The error of a variant on the small cases of this room or, if it can run none of them, on those of all rooms. */
  #errorOnCases(room: Room, op: Op, variant: string): Promise<RowError | undefined> {
    const key = `${room.name}: ${op.name}/${variant}`;
    let found = this.#errorsOnCases.get(key);
    if (!found) {
      const uses = knownOps(this.rooms).get(op.name)?.uses ?? [];
      const on = (of: typeof uses) => deviationOnCases(this.engine, of, op, variant, (u) => this.#prepare(u));
      found = on(uses.filter((u) => u.room === room))
        .then((own) => own ?? on(uses))
        .then((all) => all && { ...all, oracle: 'cases' });
      this.#errorsOnCases.set(key, found);
    }
    return found;
  }
}

interface Results {
  readonly variant: string;
  readonly results: Readonly<Record<string, TensorData>>;
}

function beside(got: Results['results'], { variant, results }: Results): RowError['beside'] {
  const all = Object.entries(results).map(([name, want]) => deviation(got[name] ?? [], want));
  return { variant, nmse: worst(all).nmse };
}

/** Rates of a run and their shares of the peaks; `share.roof` is the larger share, which limits the speed. */
export function speedOf(times: Times, flops: number, bytes: number, peaks: Peaks): Speed {
  const gflops = flops / times.median / 1e6;
  const gbs = bytes / times.median / 1e6;
  const share = { flops: gflops / peaks.gflops, bytes: gbs / peaks.gbs };
  const roof = Math.max(share.flops, share.bytes);
  return { times, gflops, gbs, peaks, share: { ...share, roof }, ...(roof > SUSPECT && { suspect: true }) };
}
