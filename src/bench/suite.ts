import { refusalOf } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import type { TensorData } from '../autograd/tensor.js';
import { plannedCalls } from '../compiler/compile.js';
import type { LaunchedCall } from '../compiler/kernel-call.js';
import type { Where } from '../compiler/load.js';
import { nodesOf } from '../compiler/lower.js';
import { clockOf, type Timing } from '../gpu/clock.js';
import type { Engine } from '../gpu/engine.js';
import { DeviceLostError, PoseGanError, UsageError } from '../gpu/errors.js';
import { measure, type Times } from '../gpu/measure.js';
import type { Case, Room } from '../kernels/room.js';
import { deviation, deviationOf, deviationOnCases, oracleResults, resultsOf, worst } from './accuracy.js';
import { type CaseGraph, type Contender, caseGraph, contenders, runAgain, totalCost } from './cases.js';
import { type Prepared, prepare } from './check-case.js';
import { type ComposedComparison, composedComparison } from './composed.js';
import { type BenchRow, type RowError, type Speed, SUSPECT } from './document.js';
import { knownOps, loadRooms, type OpUse, variantsOf } from './ops.js';
import { type Peaks, PeakWork } from './peaks.js';

export interface SuiteOptions {
  /** Only what matches: see `selects`. */
  filter?: string;
  /** Only the cases of rooms of these names; of all when absent. */
  only?: readonly string[];
  /** Samples of each variant; fewer of those that take long. */
  samples?: number;
  /**
   * Longest run of a variant in milliseconds. One that at its best speed in the cases before would take longer is not
   * timed, unless the engine chooses it.
   */
  longestRun?: number;
  /**
   * Operations and elements of a case up to which it is held against the oracle itself; small cases stand in beyond.
   */
  oracleLimit?: number;
}

/** All samples of one variant together last about so long at most. */
const BUDGET_MS = 1500;

/** A case of the benchmark. */
export interface Selected {
  readonly room: Room;
  readonly c: Case;
  readonly kernels: readonly { readonly op: string; readonly variant: string }[];
  /** Whether the op is timed beside its composition of simpler ones, too. */
  readonly composed: boolean;
}

/**
 * Whether a row is meant by a filter: each of its words is part of the room, case, op or variant, in any case; x means
 * ×.
 */
export function selects(filter: string, room: string, name: string, op: string, variant: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/×/g, 'x');
  const text = plain(`${room} ${name} ${op}/${variant}`);
  return plain(filter)
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/**
 * The cases that a filter leaves of the rooms named in `only`, else of all. Throws `UsageError` that lists the rooms when
 * none is left.
 */
export function selected(rooms: readonly Room[], filter = '', only?: readonly string[], where?: Where): Selected[] {
  const meant = rooms.filter((room) => !only || only.includes(room.name));
  const found = meant.flatMap((room) =>
    (room.bench ?? []).map((c): Selected => {
      const ops = opsOf(caseGraph(room, c));
      const kernels = ops.flatMap((op) => variantsOf(op, where).map((v) => ({ op: op.name, variant: v.name })));
      return {
        ...{ room, c },
        kernels: kernels.filter((k) => selects(filter, room.name, c.name, k.op, k.variant)),
        composed: room.composed !== undefined && selects(filter, room.name, c.name, room.name, 'composed'),
      };
    }),
  );
  const left = found.filter((s) => s.kernels.length || s.composed);
  if (!left.length)
    throw new UsageError(
      `nothing is called "${filter}"; give words of an op, case or variant. Rooms with cases are ` +
        meant
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

/** What the suite finds of one case. */
export interface CaseResult {
  readonly selected: Selected;
  readonly rows: readonly BenchRow[];
  readonly composed?: ComposedComparison;
}

/**
 * Every variant of every op on the bench cases of rooms, timed in turn with the adapter's peaks and held against the
 * oracle.
 */
export class Suite {
  /** Operations, or bytes where there are none, per millisecond: the best that a variant has reached so far. */
  readonly #best = new Map<string, number>();
  readonly #prepared = new Map<Case, Prepared>();
  readonly #onCases = new Map<string, Promise<RowError | undefined>>();

  private constructor(
    readonly engine: Engine,
    private readonly rooms: readonly Room[],
    readonly cases: readonly Selected[],
    private readonly options: Required<Omit<SuiteOptions, 'filter' | 'only'>>,
    /** The adapter at its best, before the first case. */
    readonly peaks: Peaks,
    private readonly peakWork: { all: PeakWork; leaders: PeakWork },
    /** How times are taken here. */
    readonly timing: Timing,
  ) {}

  /** Measures the peaks. Throws `UsageError` for a filter that leaves nothing. */
  static async open(engine: Engine, rooms: readonly Room[], options: SuiteOptions = {}): Promise<Suite> {
    const { filter, only, samples = 7, longestRun = 500, oracleLimit = 3e7 } = options;
    if (!Number.isInteger(samples) || samples < 1)
      throw new UsageError(`the number of samples must be an integer of at least 1, got ${samples}`);
    await loadRooms(rooms);
    const cases = selected(rooms, filter, only, engine);
    const all = await PeakWork.create(engine);
    try {
      const times = await measure(engine, all.work, { samples });
      const peakWork = { all, leaders: all.leaders(times) };
      const { source, stepMs } = await clockOf(engine);
      const measured = { samples, longestRun, oracleLimit };
      return new Suite(engine, rooms, cases, measured, all.peaks(times), peakWork, { source, stepMs });
    } catch (error) {
      all.destroy();
      throw error;
    }
  }

  /** One case; `onRows` hears of the rows of each of its ops as they are done. */
  async run(s: Selected, onRows?: (rows: readonly BenchRow[]) => void): Promise<CaseResult> {
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

  /** The variants of one op of a case; only their plans are alive at once. */
  async #op(
    { room, c }: Selected,
    graph: CaseGraph,
    op: Op,
    calls: readonly LaunchedCall[],
    wanted: readonly string[],
    expected: Readonly<Record<string, Float64Array>> | undefined,
  ): Promise<BenchRow[]> {
    const { engine } = this;
    const cost = totalCost(calls);
    const rows = new Map<string, BenchRow>();
    const running: Contender[] = [];
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
          const found = await contenders(engine, graph, (o, v) => o === op.name && v === variant);
          plans.push(found);
          const [contender] = found.list;
          if (!contender) throw new UsageError(`${op.name}/${variant} was planned, but runs nowhere`);
          running.push(contender);
        } catch (error) {
          if (!(error instanceof PoseGanError) || error instanceof DeviceLostError) throw error;
          rows.set(variant, { ...row, untimed: `failed: ${error.message}` });
        }
      }
      if (!running.length) return [...rows.values()].reverse();
      const work = [...running.map((r) => r.work), ...this.peakWork.leaders.work];
      const times = await measure(engine, work, { samples: this.options.samples, budgetMs: BUDGET_MS });
      const peaks = this.peakWork.leaders.peaks(times.slice(running.length));
      // The plainest variants are the first here: where the oracle is too slow, the others are held against the very first.
      let plainest: Results | undefined;
      for (const [i, contender] of running.entries()) {
        const { variant, flops, bytes, first } = contender;
        // What is judged is what comes of a run after those that were timed.
        await runAgain(contender);
        let error = expected && (await this.#errorHere(contender, op, expected));
        if (!error) {
          error = await this.#errorOnCases(room, op, variant);
          const results = await resultsOf(contender.plan, op);
          if (plainest) error = error && { ...error, beside: beside(results, plainest) };
          else plainest = { variant, results };
          error ??= await this.#errorHere(contender, op, oracleResults(room, c, graph));
        }
        const speed = speedOf(times[i] as Times, flops, bytes, peaks);
        const rate = (flops || bytes) / speed.times.median;
        const key = `${op.name}/${variant}`;
        this.#best.set(key, Math.max(this.#best.get(key) ?? 0, rate));
        rows.set(variant, { ...(rows.get(variant) as BenchRow), flops, bytes, speed, first, error });
      }
    } finally {
      for (const p of plans) p.destroy();
    }
    return [...rows.values()].reverse();
  }

  /** Why a variant that is not chosen is not worth the wait. */
  #tooLong(op: string, variant: string, { flops, bytes }: { flops: number; bytes: number }): string | undefined {
    const rate = this.#best.get(`${op}/${variant}`);
    const ms = rate ? (flops || bytes) / rate : 0;
    if (ms <= this.options.longestRun) return undefined;
    return `a run would take ${(ms / 1000).toPrecision(2)} s at its best speed so far`;
  }

  async #errorHere(
    { plan }: Contender,
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

  /** On the cases of this room, or, when the variant fits none, on those of all. */
  #errorOnCases(room: Room, op: Op, variant: string): Promise<RowError | undefined> {
    const key = `${room.name}: ${op.name}/${variant}`;
    let found = this.#onCases.get(key);
    if (!found) {
      const uses = knownOps(this.rooms).get(op.name)?.uses ?? [];
      const on = (of: typeof uses) => deviationOnCases(this.engine, of, op, variant, (u) => this.#prepare(u));
      found = on(uses.filter((u) => u.room === room))
        .then((own) => own ?? on(uses))
        .then((all) => all && { ...all, oracle: 'cases' });
      this.#onCases.set(key, found);
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

/** Rates of a run and their shares of the peaks; the roof is the least time that either peak allows. */
export function speedOf(times: Times, flops: number, bytes: number, peaks: Peaks): Speed {
  const gflops = flops / times.median / 1e6;
  const gbs = bytes / times.median / 1e6;
  const share = { flops: gflops / peaks.gflops, bytes: gbs / peaks.gbs };
  const roof = Math.max(share.flops, share.bytes);
  return { times, gflops, gbs, peaks, share: { ...share, roof }, ...(roof > SUSPECT && { suspect: true }) };
}
