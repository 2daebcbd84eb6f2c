import { type Peaks, PeakWork } from '../../src/bench/peaks.js';
import { table } from '../../src/compiler/plan-text.js';
import type { Engine } from '../../src/gpu/engine.js';
import { geometricMean, measure, type Times } from '../../src/gpu/measure.js';
import type { Tfjs } from './backend.js';
import { difference, flopsOf, type Layer, ours, PASSES, type Pass, theirs } from './layers.js';
import { type RaceOptions, race } from './race.js';

/** Largest difference between results of the same computation, relative to the largest value. */
export const TOLERANCE = 1e-3;

/** One pass of one layer with wall-clock times in milliseconds. Rates and shares of the peak are computed from medians. */
export interface LayerRow {
  layer: string;
  pass: Pass;
  gflop: number;
  /** The variants that our engine chose, dispatch by dispatch. */
  variant: string;
  ours: Times;
  tfjs: Times;
  /** TensorFlow.js's median wall-clock time over ours. */
  ratio: number;
  /** Our time in milliseconds by GPU timestamps; absent if the device has none. */
  gpuMs?: number;
  /** 10⁹ operations a second of multiply-adds in registers, measured in turn with ours. */
  peak?: number;
  /** Share of that peak; ours by GPU timestamps if the device has them. */
  share?: number;
  tfjsShare?: number;
  /** Largest difference of the two results, relative to the largest value. */
  difference: number;
}

interface LayerSummary {
  pass: Pass;
  geometricMean: number;
  worst: { layer: string; ratio: number };
  /** Smallest share of the peak among the five largest layers and those as large as the fifth. */
  least?: { layer: string; share: number };
}

export interface LayerReport {
  adapter: string;
  tfjs: string;
  batch: 4;
  peaks?: Peaks;
  rows: LayerRow[];
  summary: LayerSummary[];
}

export interface LayerOptions extends RaceOptions {
  /** The passes to time. */
  chosen: readonly { layer: Layer; pass: Pass }[];
  /** Called after each row. */
  progress?(row: LayerRow): void;
}

/**
 * Computes one pass of a layer with both libraries and returns the largest relative difference. Throws `Error` if it
 * exceeds the tolerance.
 */
export async function agree(engine: Engine, tfjs: Tfjs, layer: Layer, pass: Pass): Promise<number> {
  const [a, b] = [await ours(engine, layer, pass), theirs(tfjs, layer, pass)];
  try {
    return check(await a.result(), await b.result(), `${layer.name}, ${pass}`);
  } finally {
    a.destroy();
    b.destroy();
  }
}

function check(got: Float32Array, want: Float32Array, what: string): number {
  const found = difference(got, want);
  if (found <= TOLERANCE) return found;
  throw new Error(
    `${what}: the results differ by ${found.toExponential(1)} of the largest value, more than ${TOLERANCE}; ` +
      'times of different computations are not comparable',
  );
}

/** Times the chosen passes in both libraries, after a check that both give the same numbers. */
export async function compareLayers(engine: Engine, tfjs: Tfjs, options: LayerOptions): Promise<LayerReport> {
  const timestamps = engine.device.features.has('timestamp-query');
  const work = timestamps ? await PeakWork.create(engine) : undefined;
  const times = work && (await measure(engine, work.work));
  const fastest = times && work.fastest(times);
  const rows: LayerRow[] = [];
  for (const { layer, pass } of options.chosen) {
    const row = await compareOne(engine, tfjs, layer, pass, options, fastest);
    rows.push(row);
    options.progress?.(row);
  }
  const peaks = times && work.peaks(times);
  work?.destroy();
  const { adapterName: adapter } = engine;
  return { adapter, tfjs: tfjs.version, batch: 4, peaks, rows, summary: summarise(rows) };
}

async function compareOne(
  engine: Engine,
  tfjs: Tfjs,
  layer: Layer,
  pass: Pass,
  options: RaceOptions,
  peaks: PeakWork | undefined,
): Promise<LayerRow> {
  const [a, b] = [await ours(engine, layer, pass), theirs(tfjs, layer, pass)];
  try {
    const differs = check(await a.result(), await b.result(), `${layer.name}, ${pass}`);
    const [mine, other] = (await race(engine, [a.run, b.run], options)) as [Times, Times];
    // Measure the peaks with every row, so that a temporary slowdown of the machine affects both numbers of a share.
    const [gpu, ...times] = peaks ? await measure(engine, [{ dispatches: a.plan.steps }, ...peaks.work]) : [];
    const gflop = flopsOf(layer) / 1e9;
    const peak = peaks?.peaks(times).gflops;
    const share = (ms: number) => peak && (1000 * gflop) / ms / peak;
    return {
      layer: layer.name,
      pass,
      gflop,
      variant: a.plan.steps.map((s) => s.call.kernel.label.replace(/\[.*/, '')).join(' + '),
      ours: mine,
      tfjs: other,
      ratio: other.median / mine.median,
      gpuMs: gpu?.median,
      peak,
      share: share(gpu?.median ?? mine.median),
      tfjsShare: share(other.median),
      difference: differs,
    };
  } finally {
    a.destroy();
    b.destroy();
  }
}

function summarise(rows: readonly LayerRow[]): LayerSummary[] {
  const least = (list: readonly LayerRow[], of: (r: LayerRow) => number) =>
    list.reduce((best, r) => (of(r) < of(best) ? r : best));
  return PASSES.flatMap((pass) => {
    const list = rows.filter((r) => r.pass === pass);
    if (!list.length) return [];
    const fifth = list.map((r) => r.gflop).sort((a, b) => b - a)[Math.min(4, list.length - 1)] as number;
    const worst = least(list, (r) => r.ratio);
    const slow = least(
      list.filter((r) => r.gflop >= fifth && r.share !== undefined),
      (r) => r.share as number,
    );
    return [
      {
        pass,
        geometricMean: geometricMean(list.map((r) => r.ratio)),
        worst: { layer: worst.layer, ratio: worst.ratio },
        least: slow && { layer: slow.layer, share: slow.share as number },
      },
    ];
  });
}

const HEAD = [
  'layer',
  'pass',
  'ours ms',
  'tfjs ms',
  'ratio',
  'GPU ms',
  'GFLOP/s',
  'of peak',
  'tfjs GFLOP/s',
  'differs',
];

/** The rows as a table, and a line per pass. */
export function layerText({ rows, summary, peaks }: LayerReport): string {
  const percent = (share: number | undefined) => (share === undefined ? '-' : `${(100 * share).toFixed(1)} %`);
  const spread = (t: Times) => `${t.median.toFixed(2)} (${t.min.toFixed(2)}–${t.max.toFixed(2)})`;
  const cells = rows.map((r) => [
    ...[r.layer, r.pass, spread(r.ours), spread(r.tfjs), r.ratio.toFixed(2), r.gpuMs?.toFixed(2) ?? '-'],
    ...[((1000 * r.gflop) / (r.gpuMs ?? r.ours.median)).toFixed(1), percent(r.share)],
    ...[((1000 * r.gflop) / r.tfjs.median).toFixed(1), r.difference.toExponential(0)],
  ]);
  const lines = summary.map(
    (s) =>
      `${s.pass}: geometric mean ${s.geometricMean.toFixed(2)}, worst ${s.worst.ratio.toFixed(2)} (${s.worst.layer})` +
      (s.least ? `; the largest layers reach at least ${percent(s.least.share)} of peak (${s.least.layer})` : ''),
  );
  const peak = peaks
    ? `\nmeasured peaks: ${peaks.gflops.toFixed(0)} GFLOP/s multiply-add, ${peaks.gbs.toFixed(1)} GB/s copy`
    : '';
  return `${table([HEAD, ...cells])}\n\n${lines.join('\n')}${peak}
Times are wall clock, as median (minimum–maximum); the ratio is tfjs ÷ ours.
GPU ms, GFLOP/s and the share of the peak are ours by GPU timestamps.`;
}
