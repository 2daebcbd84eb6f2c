import { parseJson } from '../data/json.js';
import type { Timing } from '../gpu/clock.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { geometricMean, type Times } from '../gpu/measure.js';
import { VERSION } from '../version.js';
import type { Deviation } from './accuracy.js';
import type { FirstUse } from './cases.js';
import type { ComposedComparison } from './composed.js';
import type { Peaks } from './peaks.js';

/** One op of one case computed by one variant. */
export interface BenchRow {
  readonly room: string;
  readonly case: string;
  readonly op: string;
  readonly variant: string;
  /** Whether the engine chooses this variant by default. */
  readonly chosen: boolean;
  /** Operations of the op and bytes it moves, the minimum for any implementation. */
  readonly flops: number;
  readonly bytes: number;
  /** Why the variant was not timed; then `speed` and `first` are absent. */
  readonly untimed?: string;
  readonly speed?: Speed;
  readonly first?: FirstUse;
  /** The time of as many empty dispatches as a share of the median. */
  readonly launch?: number;
  /** In a case of the user's own (`--case`), the values of the names in its shapes. */
  readonly at?: Readonly<Record<string, number>>;
  /** Distance from the float64 oracle; absent only if the variant failed. */
  readonly error?: RowError;
}

export interface Speed {
  /** Milliseconds of one run. */
  readonly times: Times;
  /** 10⁹ operations a second. */
  readonly gflops: number;
  /** 10⁹ bytes a second. */
  readonly gbs: number;
  /** Peaks of the adapter, measured in turn with this row. */
  readonly peaks: Peaks;
  readonly share: { readonly flops: number; readonly bytes: number; readonly roof: number };
  /** Set if the share of the roof is above `SUSPECT`: more than the adapter's measured peaks allow. */
  readonly suspect?: true;
}

/** The scatter of measurements cannot explain a share of the roof above this. */
export const SUSPECT = 1.05;

export interface RowError extends Deviation {
  /**
   * What was compared with the oracle: the results of this case, or those of small ones if the oracle would be too slow.
   */
  readonly oracle: 'this case' | 'cases';
  /** Number of small cases. */
  readonly cases?: number;
  /**
   * With `cases`: Σ(a − b)² / Σb² of the results of this case, where b are those of the plainest variant that was timed;
   * absent for that variant itself.
   */
  readonly beside?: { readonly variant: string; readonly nmse: number | null };
}

/** What `pose-gan bench --json` prints. */
export interface BenchDocument {
  readonly format: typeof FORMAT;
  readonly version: typeof FORMAT_VERSION;
  /** Version of this library. */
  readonly library: string;
  /** ISO 8601. */
  readonly date: string;
  readonly adapter: BenchAdapter;
  /** Facts about the machine: platform, cpus, node or browser. */
  readonly host: Readonly<Record<string, string | number>>;
  readonly samples: number;
  /** How times were taken; absent in older documents, which used fine GPU timestamps. */
  readonly timing?: Timing;
  /** Peaks of the adapter before the first case. */
  readonly peaks: Peaks;
  /** Whether all cases were run. */
  readonly complete: boolean;
  readonly rows: readonly BenchRow[];
  /** Comparisons of fused ops with their compositions of simpler ops. */
  readonly composed: readonly ComposedComparison[];
}

export interface BenchAdapter {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** The adapter's own description, which in Dawn names the driver and its version. */
  readonly description: string;
  readonly software: boolean;
  readonly subgroupSize: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

const FORMAT = 'webgpu-pose-gan bench';
const FORMAT_VERSION = 1;

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** The description of the device in a document. */
export function describe(engine: Engine): BenchAdapter {
  const { device, adapter, adapterName, software, subgroupSize } = engine;
  return {
    ...{ name: adapterName, ...adapter, software, subgroupSize },
    features: [...device.features].sort(),
    limits: Object.fromEntries(LIMITS.map((n) => [n, device.limits[n]])),
  };
}

/** The document of what was measured so far. `date` defaults to now. */
export function benchDocument(
  adapter: BenchAdapter,
  parts: Pick<BenchDocument, 'host' | 'samples' | 'timing' | 'peaks' | 'complete' | 'rows' | 'composed'> & {
    date?: string;
  },
): BenchDocument {
  const { host, samples, timing, peaks, complete, rows, composed, date = new Date().toISOString() } = parts;
  const head = { format: FORMAT, version: FORMAT_VERSION, library: VERSION, date } as const;
  return { ...head, adapter, host, samples, timing, peaks, complete, rows, composed };
}

/** Reads a document; `name` is the name of its file. Throws `UsageError` if the text is not such a document. */
export function parseBench(text: string, name: string): BenchDocument {
  const found = parseJson(text, name) as Partial<BenchDocument> | null;
  if (found?.format !== FORMAT)
    throw new UsageError(`${name} is not a benchmark; give a file that pose-gan bench --out wrote`);
  if (found.version !== FORMAT_VERSION)
    throw new UsageError(
      `${name} is a benchmark of format ${found.version}, but this version reads format ${FORMAT_VERSION}; measure again`,
    );
  const rows: unknown = found.rows;
  const isComplete = (r: Partial<BenchRow> | null) =>
    r &&
    [r.room, r.case, r.op, r.variant].every((t) => typeof t === 'string') &&
    (!r.speed || typeof r.speed.times?.median === 'number');
  if (!Array.isArray(rows) || !rows.every(isComplete) || typeof found.adapter?.name !== 'string')
    throw new UsageError(`${name} is a benchmark without an adapter or with incomplete rows; measure again`);
  return found as BenchDocument;
}

export interface Comparison {
  /** Rows of both benchmarks; `ratio` is old time / new time, above 1 if the new one is faster. */
  readonly rows: readonly { readonly now: BenchRow; readonly before: BenchRow; readonly ratio: number }[];
  /** Geometric mean of all ratios; `chosenMean` compares the variant that the engine chose then with that it chooses now. */
  readonly mean: number | null;
  readonly chosenMean: number | null;
  /** Rows that only one of the benchmarks has timed. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
  /** Differences of adapter, driver and machine. */
  readonly differences: readonly string[];
}

const nameOf = (r: BenchRow) => `${r.room}: ${r.case}: ${r.op}/${r.variant}`;
const median = (r: BenchRow) => r.speed?.times.median ?? Number.NaN;
const meanOf = (ratios: readonly number[]) => (ratios.length ? geometricMean(ratios) : null);

/** Compares two benchmarks row by row. Skips rows for which `within` is false. */
export function compareBench(
  before: BenchDocument,
  now: BenchDocument,
  within: (row: BenchRow) => boolean = () => true,
): Comparison {
  const timed = (d: BenchDocument) => d.rows.filter((r) => r.speed && within(r));
  const old = new Map(timed(before).map((r) => [nameOf(r), r]));
  const current = timed(now);
  const rows = current.flatMap((r) => {
    const b = old.get(nameOf(r));
    return b ? [{ now: r, before: b, ratio: median(b) / median(r) }] : [];
  });
  const names = new Set(current.map(nameOf));
  const chosenOf = (r: BenchRow) => `${r.room}: ${r.case}: ${r.op}`;
  const chosen = new Map(timed(before).flatMap((r) => (r.chosen ? [[chosenOf(r), median(r)]] : [])));
  const chosenRatios = current.flatMap((r) => {
    const then = chosen.get(chosenOf(r));
    return r.chosen && then !== undefined ? [then / median(r)] : [];
  });
  return {
    rows,
    mean: meanOf(rows.map((r) => r.ratio)),
    chosenMean: meanOf(chosenRatios),
    onlyBefore: [...old.keys()].filter((n) => !names.has(n)),
    onlyNow: [...names].filter((n) => !old.has(n)),
    differences: differences(before, now),
  };
}

function differences(before: BenchDocument, now: BenchDocument): string[] {
  const facts = (d: BenchDocument): Record<string, string> => ({
    adapter: [d.adapter.vendor, d.adapter.architecture, d.adapter.device].join(' ').trim() || d.adapter.name,
    driver: d.adapter.description ?? '',
    timing: d.timing?.source ?? 'timestamps',
    ...Object.fromEntries(Object.entries(d.host ?? {}).map(([k, v]) => [k, String(v)])),
  });
  const [a, b] = [facts(before), facts(now)];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((k) => (a[k] === b[k] ? [] : [`${k}: ${a[k] ?? 'unknown'} then, ${b[k] ?? 'unknown'} now`]));
}
