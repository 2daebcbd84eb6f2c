import type { AblationResult, Contrast, VariantFigure } from './ablation.js';
import type { Metric } from './metric.js';
import { figure, titleOf } from './tables.js';

/** The facts under which all variants were trained, in words, for the head of the tables. */
export interface AblationFacts {
  readonly title: string;
  readonly lines: readonly string[];
}

const text = (value: number, digits: number) => value.toFixed(digits).replace(/^-(0(?:\.0*)?)$/, '$1');

const seedsText = (values: readonly (number | null)[], digits: number) =>
  values.map((v) => (v === null ? 'n/a' : text(v, digits))).join(' · ');

/** The metrics that have a figure in some row. */
function shownMetrics({ metrics, rows }: AblationResult): Metric[] {
  return metrics.filter((m) => rows.some((row) => row.figures[m.key]?.estimate));
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) => [
  `| ${head.join(' | ')} |`,
  `|${head.map(() => ' --- ').join('|')}|`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
];

/** The tables of an ablation as Markdown, which also reads well on a terminal. */
export function ablationText(result: AblationResult, { title: heading, lines }: AblationFacts): string[] {
  const shown = shownMetrics(result);
  const missing = result.metrics.filter((m) => !shown.includes(m)).map((m) => m.title);
  const several = result.seeds.length > 1;
  const figures = (cell: (figure: VariantFigure | undefined, m: Metric) => string) =>
    result.rows.map((row) => [row.name, ...shown.map((m) => cell(row.figures[m.key], m))]);
  const head = ['', ...shown.map(titleOf)];
  return [
    `# ${heading}`,
    '',
    ...lines.map((line) => `* ${line}`),
    `* ${result.pairs.toLocaleString('en')} pairs of ${result.identities.toLocaleString('en')} identities; ${several ? `seeds ${result.seeds.join(', ')}` : `seed ${result.seeds[0]}`}.`,
    '',
    'Brackets are 95 % percentile bootstrap intervals over identities. They do not contain the variation between seeds.',
    '',
    ...table(
      head,
      figures((f, m) => figure(f?.estimate, m)),
    ),
    ...(several
      ? [
          '',
          `The figures of the seeds, in order:`,
          '',
          ...table(
            head,
            figures((f, m) => seedsText(f?.seeds ?? [], m.digits)),
          ),
        ]
      : []),
    ...(result.contrasts.length ? ['', ...contrastText(result, shown)] : []),
    ...(missing.length ? ['', `Not computed, since no figure exists for them here: ${missing.join(', ')}.`] : []),
    '',
    'Conventions:',
    '',
    ...shown.map((m) => `* ${m.title}: ${m.convention}.`),
  ];
}

function contrastText({ contrasts, seeds }: AblationResult, shown: readonly Metric[]): string[] {
  const rows = contrasts.flatMap((c): string[][] => {
    const metric = shown.find((m) => m.key === c.key);
    if (!metric) return [];
    const digits = metric.digits + 1;
    const cells = [`${c.first} − ${c.second}`, titleOf(metric), figure(c.difference, { digits })];
    return [[...cells, ...(seeds.length > 1 ? [seedsText(c.seeds, digits)] : []), verdictText(c)]];
  });
  const head = ['difference', 'metric', 'mean over pairs', ...(seeds.length > 1 ? ['seeds'] : []), ''];
  return [
    'Paired differences, in which each pair is its own control. A verdict needs an interval without 0 and the same sign for every seed:',
    '',
    ...table(head, rows),
  ];
}

const verdictText = ({ verdict, first }: Contrast) => (verdict === 'undecided' ? verdict : `${first} is ${verdict}`);
