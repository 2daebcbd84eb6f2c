import { plannedCalls } from '../../compiler/compile.js';
import { refusalOf } from '../../compiler/kernel-call.js';
import type { Engine } from '../../gpu/engine.js';
import { DeviceLostError, KernelTimeoutError, PoseGanError, UsageError } from '../../gpu/errors.js';
import { measure, type Times } from '../../gpu/measure.js';
import type { Room } from '../../kernels/room.js';
import { resultsOf } from '../accuracy.js';
import { type Candidate, candidateOf, totalCost } from '../cases.js';
import { launchCost } from '../launch-cost.js';
import { checkedOn } from '../own-shapes/affordable.js';
import type { OwnCase } from '../own-shapes/cases.js';
import { PeakWork } from '../peaks.js';
import { recheck } from '../recheck.js';
import { speedOf } from '../suite.js';
import { checkKernel } from '../user-check.js';
import { type KernelOptions, type UserKernel, userKernel } from '../user-kernel.js';
import { caseName, explain, withTimeout } from '../user-run.js';
import { type BenchUse, graphOf } from '../user-time.js';
import type { SweepDocument, SweptCase, SweptConfiguration, SweptRow } from './document.js';
import { configurationsOf, configurationText, excludedBy, type Values } from './parameters.js';

/** What is measured, and what an older, unfinished sweep has found out about it. */
export interface SweepOptions {
  readonly samples: number;
  readonly oracleLimit: number;
  readonly timeoutMs: number;
  readonly allowNondeterminism: boolean;
  readonly own?: readonly OwnCase[];
  readonly uses: readonly BenchUse[];
  /** Called with the document after every configuration that was checked and every group that was timed. */
  save(doc: SweepDocument): void;
  onProgress(what: 'check' | 'time', done: number, total: number, note: string): void;
}

/** Approximate limit for the time of all samples of one configuration together. */
const BUDGET_MS = 1500;

/** Memory of the configurations that are timed in turn, and the largest number of them. */
const GROUP_BYTES = 2 ** 30;
const MAX_GROUP = 24;

/**
 * Checks every configuration once and times those that are right, in turn, on every case. `doc` is an empty document or that of an
 * unfinished sweep, whose results are kept.
 */
export async function sweepKernel(
  engine: Engine,
  rooms: readonly Room[],
  doc: SweepDocument,
  options: SweepOptions,
): Promise<SweepDocument> {
  const sweep = new Sweep(engine, rooms, doc, options);
  const right = await sweep.check();
  if (!right.length) return sweep.finish();
  const peakWork = await PeakWork.create(engine);
  try {
    const fastest = peakWork.fastest(await measure(engine, peakWork.work, { samples: Math.min(options.samples, 7) }));
    const launchMs = await launchCost(engine);
    for (const [i, use] of options.uses.entries()) {
      options.onProgress('time', i, options.uses.length, caseName(use));
      await sweep.time(use, right, fastest, launchMs);
    }
  } finally {
    peakWork.destroy();
  }
  return sweep.finish();
}

/** A kernel with the constants of one configuration, whose name they are. */
async function configured(
  engine: Engine,
  rooms: readonly Room[],
  options: KernelOptions,
  values: Values,
  overrides: readonly (readonly string[])[],
): Promise<UserKernel> {
  const sources = options.sources.map((source, i) => {
    const own = Object.entries(values).filter(([name]) => overrides[i]?.includes(name));
    const constants = [...(source.constants?.trim() ? [source.constants] : []), ...own.map(([n, v]) => `${n}=${v}`)];
    return { ...source, constants: constants.join(', ') };
  });
  const kernel = await userKernel(engine, rooms, { ...options, sources });
  const name = `${kernel.name} with ${configurationText(values)}`;
  return { ...kernel, name, variant: { ...kernel.variant, name } };
}

/**
 * The first line of an error, which is enough to say why a configuration is left out, without the label of the pipeline: it
 * repeats the constants, and equal reasons are shown once.
 */
export function firstLine({ message }: Error): string {
  const line = message.split('\n').find((l) => l.trim()) ?? message;
  return line.replace(/^\S+\[[\w=,.+-]*\]: /, '');
}

/** Whether an error belongs to one configuration, and the device can go on. */
const isOfConfiguration = (error: unknown): error is PoseGanError =>
  error instanceof PoseGanError && !(error instanceof DeviceLostError) && !(error instanceof KernelTimeoutError);

class Sweep {
  readonly #configurations: Map<string, SweptConfiguration>;
  readonly #cases: Map<string, SweptCase>;

  constructor(
    private readonly engine: Engine,
    private readonly rooms: readonly Room[],
    private readonly doc: SweepDocument,
    private readonly options: SweepOptions,
  ) {
    this.#configurations = new Map(doc.configurations.map((c) => [configurationText(c.values), c]));
    this.#cases = new Map(doc.timed.map((t) => [t.case, t]));
  }

  #document(complete: boolean): SweepDocument {
    const { doc } = this;
    return { ...doc, complete, configurations: [...this.#configurations.values()], timed: [...this.#cases.values()] };
  }

  finish(): SweepDocument {
    const found = this.#document(true);
    this.options.save(found);
    return found;
  }

  /** The kernels of the configurations that are right. */
  async check(): Promise<readonly { values: Values; kernel: UserKernel }[]> {
    const { engine, rooms, doc, options } = this;
    const all = configurationsOf(doc.parameters);
    const excluded = excludedBy(doc.where, all);
    const base = await userKernel(engine, rooms, doc.kernel);
    const overrides = base.shaders.map((s) => s.overrides.map((o) => o.name));
    const right: { values: Values; kernel: UserKernel }[] = [];
    for (const [i, values] of all.entries()) {
      const text = configurationText(values);
      options.onProgress('check', i, all.length, text);
      const before = this.#configurations.get(text);
      // Those that were skipped are tried again, because an earlier --where may have excluded them.
      const known = before?.status === 'skipped' ? undefined : before;
      if (excluded.has(values)) {
        if (!known) this.#configurations.set(text, { values, status: 'skipped', reason: `not ${doc.where}` });
        continue;
      }
      if (known && known.status !== 'right') continue;
      try {
        const kernel = await configured(engine, rooms, doc.kernel, values, overrides);
        const found = known ?? (await this.#checkOne(values, kernel));
        this.#configurations.set(text, found);
        if (found.status === 'right') right.push({ values, kernel });
      } catch (error) {
        if (error instanceof KernelTimeoutError) {
          this.#configurations.set(text, { values, status: 'hung', reason: firstLine(error) });
          options.save(this.#document(false));
          throw new KernelTimeoutError(`${error.message}. With --out, the same command goes on without it`);
        }
        if (!isOfConfiguration(error)) throw error;
        this.#configurations.set(text, { values, status: 'skipped', reason: firstLine(error) });
      }
      options.save(this.#document(false));
    }
    return right;
  }

  async #checkOne(values: Values, kernel: UserKernel): Promise<SweptConfiguration> {
    const { own = [], oracleLimit, timeoutMs, allowNondeterminism } = this.options;
    const { tolerance, cases } = this.doc.kernel;
    const wide = await checkedOn(this.engine, kernel, own, { oracleLimit, cases });
    const found = await checkKernel(this.engine, wide.kernel, { tolerance, timeoutMs, allowNondeterminism });
    if (found.passed) return { values, status: 'right', nmse: found.worst };
    const [first] = found.failures;
    const hint = found.looksLike[0] ? `; looks like: ${found.looksLike[0]}` : '';
    return {
      values,
      status: 'wrong',
      reason: `${first?.kind} ${first?.output} on ${first?.case} (${first?.layout})${hint}`,
    };
  }

  /** Times the configurations on one case, as far as an earlier sweep has not, in groups that fit into memory. */
  async time(
    use: BenchUse,
    right: readonly { values: Values; kernel: UserKernel }[],
    peakWork: PeakWork,
    launchMs: number,
  ): Promise<void> {
    const name = caseName(use);
    const { engine } = this;
    const done = new Set(this.#cases.get(name)?.rows.map((r) => configurationText(r.values)));
    const left = right.filter((r) => !done.has(configurationText(r.values)));
    const [first] = left;
    if (!first) return;
    const { op } = first.kernel.known;
    const graph = graphOf(use, op);
    const planned = (await plannedCalls(engine, graph.outputs, { retain: 'all' })).filter((p) => p.op === op);
    const cost = totalCost(planned);
    const add = (rows: readonly SweptRow[]) => {
      const before = this.#cases.get(name)?.rows ?? [];
      this.#cases.set(name, { case: name, ...(use.at && { at: use.at }), ...cost, rows: [...before, ...rows] });
      this.options.save(this.#document(false));
    };
    const [call] = planned;
    if (!call) {
      add(
        left.map(({ values }) => ({
          values,
          reason: `the plan of this case computes ${op.name} inside another kernel`,
        })),
      );
      return;
    }
    const size = Math.max(1, Math.min(MAX_GROUP, Math.floor(GROUP_BYTES / (3 * cost.bytes))));
    for (let i = 0; i < left.length; i += size) {
      const group = left.slice(i, i + size);
      const rows: SweptRow[] = [];
      const running: { values: Values; candidate: Candidate }[] = [];
      const ours = await candidateOf(engine, graph, op, call.kernel.variant);
      if (!ours) throw new UsageError(`${call.kernel.variant.name} cannot run ${name}`);
      try {
        for (const { values, kernel } of group) {
          const refused = planned.map((p) => refusalOf(kernel.variant, p.kernel.call));
          try {
            const candidate = refused.every((r) => r)
              ? undefined
              : await withTimeout(
                  4 * this.options.timeoutMs,
                  `${kernel.name} on ${name}`,
                  candidateOf(engine, graph, op, kernel.variant),
                );
            if (candidate) running.push({ values, candidate });
            else rows.push({ values, reason: refused[0] ?? 'the plan of this case does not use it' });
          } catch (error) {
            if (error instanceof KernelTimeoutError) add([...rows, { values, reason: firstLine(error) }]);
            if (!isOfConfiguration(error)) throw explain(error, kernel, name);
            rows.push({ values, reason: firstLine(error) });
          }
        }
        if (running.length)
          rows.push(...(await this.#timeGroup(running, ours, graph.otherFeeds(), peakWork, launchMs)));
      } finally {
        for (const plan of [ours.plan, ...running.map((r) => r.candidate.plan)]) plan.destroy();
      }
      add(rows);
    }
  }

  async #timeGroup(
    running: readonly { values: Values; candidate: Candidate }[],
    ours: Candidate,
    other: Parameters<typeof recheck>[3]['other'],
    peakWork: PeakWork,
    launchMs: number,
  ): Promise<SweptRow[]> {
    const { engine, doc, options } = this;
    const candidates = running.map((r) => r.candidate);
    const [mine] = candidates;
    if (!mine) return [];
    const op = mine.steps[0]?.call.op;
    if (!op) throw new Error('a candidate without steps');
    const first = await resultsOf(mine.plan, op);
    const work = [...candidates.map((c) => c.work), ours.work, ...peakWork.work];
    const times = await measure(engine, work, { samples: options.samples, budgetMs: BUDGET_MS });
    const peaks = peakWork.peaks(times.slice(candidates.length + 1));
    const { tolerance } = doc.kernel;
    const { allowNondeterminism } = options;
    const { errors } = await recheck(candidates, ours, op, { first, other }, { tolerance, allowNondeterminism });
    const ms = (times[candidates.length] as Times).median;
    return running.map(({ values, candidate }, i) => {
      const { median } = times[i] as Times;
      const error = errors[i] ?? null;
      const wrong = error === null || error > tolerance;
      return {
        ...{ values, speed: speedOf(times[i] as Times, candidate.flops, candidate.bytes, peaks), error },
        launch: (candidate.steps.length * launchMs) / median,
        ours: { variant: ours.variant, ms, ratio: ms / median },
        ...(wrong && {
          reason: `WRONG on this size: its results differ from those of ${ours.variant} by NMSE ${error}`,
        }),
      };
    });
  }
}
