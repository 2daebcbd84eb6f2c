import type { EvaluationComparison } from './compare.js';
import type { EvaluationDocument } from './document.js';
import { publishedFor } from './published.js';
import {
  comparisonTable,
  costText,
  headline,
  metricTable,
  missing,
  paperTable,
  publishedRows,
  type Table,
} from './tables.js';

/** A table with aligned columns. The first and the last `left` columns are aligned to the left, the others to the right. */
function aligned({ head, rows }: Table, left = 0): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, c) => Math.max(...all.map((row) => [...(row[c] ?? '')].length)));
  const pad = (text: string, c: number) => {
    const blanks = ' '.repeat((widths[c] as number) - [...text].length);
    return c === 0 || c >= head.length - left ? text + blanks : blanks + text;
  };
  return all.map((row) => row.map(pad).join('  ').trimEnd());
}

/** An evaluation as lines for a terminal, with the published figures below it and a legend of conventions. */
export function evaluationText(doc: EvaluationDocument, comparison?: EvaluationComparison): string[] {
  const published = publishedFor(doc.size);
  const cost = costText(doc);
  const lines = [...headline(doc), '', ...aligned(paperTable(doc)), '', ...aligned(metricTable(doc))];
  if (published)
    lines.push(
      '',
      `Published for ${published.dataset}; copied, not computed here, and comparable only if these pairs are from it and the protocol is the same:`,
      ...aligned(publishedRows(published), 2),
    );
  if (comparison)
    lines.push(
      '',
      `Compared with ${comparison.other.title} (${comparison.other.file}, ${comparison.other.date}), on the same pairs:`,
      ...aligned(comparisonTable(comparison), 1),
    );
  lines.push('', 'Conventions:', ...doc.metrics.map((m) => `  ${m.title}: ${m.convention}.`), `  ${doc.intervals}`);
  if (cost) lines.push('', cost);
  const remarks = [...missing(doc.metrics), ...doc.notes];
  if (remarks.length) lines.push('', ...remarks);
  return lines;
}

const field = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** The scores of every pair as a CSV file. Columns are named SYSTEM.METRIC; a missing value is an empty field. */
export function evaluationCsv({ metrics, scores }: EvaluationDocument): string {
  const columns = (['generated', 'copy', 'real'] as const).flatMap((system) =>
    metrics
      .filter(({ level, key }) => level === 'pair' && scores.some((s) => typeof s[system]?.[key] === 'number'))
      .map(({ key }) => ({ system, key })),
  );
  const head = ['source', 'target', 'identity', ...columns.map(({ system, key }) => `${system}.${key}`)];
  const rows = scores.map((s) => [
    ...[s.source, s.target, s.identity].map(field),
    ...columns.map(({ system, key }) => s[system]?.[key] ?? ''),
  ]);
  return [head, ...rows].map((row) => `${row.join(',')}\n`).join('');
}
