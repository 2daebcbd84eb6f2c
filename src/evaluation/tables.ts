import type { EvaluationComparison } from './compare.js';
import type { EvaluationDocument } from './document.js';
import type { Estimate, Metric, MetricResult, System } from './metric.js';
import { PUBLISHED_COLUMNS, type PublishedTable } from './published.js';

/** A table as texts, for a terminal or a page. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The text of a figure that does not exist. */
const NOT_AVAILABLE = 'n/a';

const LABELS: Readonly<Record<System, string>> = {
  generated: 'generated',
  copy: 'copy of the source',
  real: 'real images',
};

/** A figure with its interval, or with ± its error, as `0.290 [0.281, 0.299]`. */
export function figure(estimate: Estimate | null | undefined, { digits }: Pick<Metric, 'digits'>): string {
  if (!estimate) return NOT_AVAILABLE;
  const { value, interval, error } = estimate;
  const text = (v: number) => v.toFixed(digits).replace(/^-(0(?:\.0*)?)$/, '$1');
  if (interval) return `${text(value)} [${interval.map(text).join(', ')}]`;
  return error === undefined ? text(value) : `${text(value)} ± ${text(error)}`;
}

/** The columns of the paper's tables, by the keys of the metrics. */
const PAPER_COLUMNS = [
  ['SSIM', 'ssim'],
  ['IS', 'is'],
  ['mask-SSIM', 'maskSsim'],
  ['mask-IS', 'maskIs'],
  ['DS', 'ds'],
] as const;

/** The name of a metric with an arrow in the direction of better values. */
export const titleOf = ({ title, better }: Pick<Metric, 'title' | 'better'>) =>
  `${title} ${better === 'higher' ? '↑' : '↓'}`;

/** The evaluation in the columns of the paper's tables. A column of a metric that is not known here is `n/a`. */
export function paperTable({ metrics }: Pick<EvaluationDocument, 'metrics'>): Table {
  const found = PAPER_COLUMNS.map(([, key]) => metrics.find((m) => m.key === key));
  const row = (system: System) => [LABELS[system], ...found.map((m) => (m ? figure(m[system], m) : NOT_AVAILABLE))];
  return { head: ['', ...PAPER_COLUMNS.map(([title]) => title)], rows: [row('generated'), row('copy'), row('real')] };
}

/** Every metric with all its figures. */
export function metricTable({ metrics, better }: Pick<EvaluationDocument, 'metrics' | 'better'>): Table {
  const rows = metrics.map((m) => {
    const share = better[m.key];
    const wins = typeof share === 'number' ? `${(100 * share).toFixed(0)} % of the pairs` : '';
    return [titleOf(m), figure(m.generated, m), figure(m.copy, m), figure(m.real, m), wins];
  });
  return { head: ['metric', LABELS.generated, LABELS.copy, LABELS.real, 'better than the copy'], rows };
}

/** Published figures in the columns that any of them has. */
export function publishedRows({ rows }: PublishedTable): Table {
  const columns = PUBLISHED_COLUMNS.filter((column) => rows.some((r) => r.figures[column] !== undefined));
  return {
    head: ['copied figures', ...columns, 'protocol', 'read in'],
    rows: rows.map((r) => [`${r.system}, ${r.year}`, ...columns.map((c) => r.figures[c] ?? ''), r.protocol, r.source]),
  };
}

/** The differences between two evaluations. */
export function comparisonTable({ metrics }: EvaluationComparison): Table {
  const rows = metrics.map((m) => {
    const text = (value: number | null) => (value === null ? NOT_AVAILABLE : value.toFixed(m.digits));
    const verdict = m.reason ? `${m.verdict}: ${m.reason}` : m.verdict;
    return [m.title, text(m.now), text(m.before), figure(m.difference, { digits: m.digits + 1 }), verdict];
  });
  return { head: ['metric', 'now', 'before', 'mean difference', ''], rows };
}

/** What the metrics that cannot be computed need, each sentence once. */
export function missing(metrics: readonly MetricResult[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { title, missing: reason } of metrics)
    if (reason) reasons.set(reason, [...(reasons.get(reason) ?? []), title]);
  return [...reasons].map(([reason, titles]) => `${titles.join(', ')}: ${NOT_AVAILABLE}. ${reason}`);
}

/** The speed and the size of the model as a sentence. */
export function costText({ cost }: Pick<EvaluationDocument, 'cost'>): string | undefined {
  if (!cost) return undefined;
  const { msPerImage, batch, samples, adapter, parameters, megabytes } = cost;
  return (
    `${msPerImage.toPrecision(3)} ms an image on ${adapter} (batches of ${batch}, median of ${samples} after a warm-up, ` +
    `transfers included); ${parameters.toLocaleString('en')} parameters, ${megabytes.toFixed(1)} MB as 32-bit floats`
  );
}

/** The first lines of an evaluation. */
export function headline({ title, pairs, identities, size, protocol }: EvaluationDocument): string[] {
  const number = (n: number) => n.toLocaleString('en');
  return [
    title,
    `${number(pairs)} ${pairs === 1 ? 'pair' : 'pairs'} of ${number(identities)} ${identities === 1 ? 'identity' : 'identities'}, ${size.join('×')} (height×width), ${protocol}`,
  ];
}
