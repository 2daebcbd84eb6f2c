import { escapeHtml as html } from '../data/html.js';
import type { EvaluationComparison } from './compare.js';
import type { EvaluationDocument } from './document.js';
import { histogram } from './histogram.js';
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

const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:1.5rem auto;padding:0 1rem;
color:light-dark(#1d2330,#dfe3ec);background:light-dark(#fff,#14171e)}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .4rem}p{margin:.3rem 0}
.quiet,figcaption,dd,th{color:light-dark(#5b6475,#9aa3b5)}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
td,th{padding:.25rem 1rem .25rem 0;text-align:left;vertical-align:top;border-bottom:1px solid light-dark(#dfe3ea,#2c3341)}
dt{font-weight:600}dd{margin:0 0 .4rem 1rem}
figure{display:inline-block;margin:0 1.2rem 1.2rem 0;vertical-align:top;max-width:100%}
figcaption{font-size:.85rem;overflow-wrap:anywhere;max-width:24rem}
img{display:block;max-width:100%;border:1px solid light-dark(#dfe3ea,#2c3341)}
svg{display:block;width:22rem;max-width:100%}svg text{font-size:11px;fill:light-dark(#5b6475,#9aa3b5)}
.generated{fill:light-dark(#2b6cb0,#63a4e8)}.copy{fill:none;stroke:light-dark(#b7791f,#e0b15a);stroke-width:1.6}
.axis{fill:none;stroke:light-dark(#b7bdc9,#454c5c)}`;

/** A picture of one pair: source, target and generated side by side, as the `src` of an image. */
export interface PairPicture {
  readonly names: readonly [source: string, target: string];
  readonly value: number;
  readonly src: string;
  readonly width: number;
  readonly height: number;
}

/** The best and the worst pairs by one metric. */
export interface Extremes {
  readonly title: string;
  readonly digits: number;
  readonly best: readonly PairPicture[];
  readonly worst: readonly PairPicture[];
}

const row = (cells: readonly string[], tag: string) =>
  `<tr>${cells.map((c) => `<${tag}>${html(c)}</${tag}>`).join('')}</tr>`;

const table = ({ head, rows }: Table) =>
  `<div class="wide"><table><thead>${row(head, 'th')}</thead><tbody>${rows.map((r) => row(r, 'td')).join('')}</tbody></table></div>`;

const paragraphs = (lines: readonly string[]) => lines.map((line) => `<p>${html(line)}</p>`).join('\n');

function gallery(heading: string, { title, digits }: Extremes, pictures: readonly PairPicture[]): string {
  if (!pictures.length) return '';
  const figures = pictures.map(({ names, value, src, width, height }) => {
    const caption = `${title} ${value.toFixed(digits)}: ${names.join(' → ')}`;
    return `<figure><img src="${html(src)}" width="${width}" height="${height}" alt="${html(`source, target and generated image; ${caption}`)}"><figcaption>${html(caption)}</figcaption></figure>`;
  });
  return `<h2>${html(heading)}</h2>\n<p class="quiet">Source, target and generated image, side by side.</p>\n${figures.join('\n')}`;
}

/** An evaluation as one self-contained HTML file. */
export function evaluationPage(
  doc: EvaluationDocument,
  extremes?: Extremes,
  comparison?: EvaluationComparison,
): string {
  const published = publishedFor(doc.size);
  const cost = costText(doc);
  const [title = '', ...facts] = headline(doc);
  const histograms = doc.metrics.filter((m) => m.level === 'pair').map((m) => histogram(m, doc.scores));
  const facetted = Object.entries(doc.source).map(([name, value]) => [name, String(value)]);
  const remarks = [...missing(doc.metrics), ...doc.notes];
  const sections = [
    `<h2>The paper’s columns</h2>${table(paperTable(doc))}`,
    `<h2>Every metric</h2><p class="quiet">↑ means that higher is better, ↓ that lower is. Brackets hold 95 % intervals.</p>${table(metricTable(doc))}`,
    cost ? `<h2>Speed and size</h2>${paragraphs([cost])}` : '',
    comparison
      ? `<h2>Compared with ${html(comparison.other.title)}</h2><p class="quiet">${html(`${comparison.other.file}, ${comparison.other.date}; paired differences on the same pairs`)}</p>${table(comparisonTable(comparison))}`
      : '',
    published
      ? `<h2>Published for ${html(published.dataset)}</h2><p class="quiet">These figures are copied and were not computed here. They are comparable only if the evaluated pairs are from this dataset and the protocol is the same.</p>${table(publishedRows(published))}`
      : '',
    histograms.length
      ? `<h2>Distributions</h2><p class="quiet">Filled: generated images. Outlined: copies of the source.</p>${histograms.join('\n')}`
      : '',
    extremes ? gallery(`Best pairs by ${extremes.title}`, extremes, extremes.best) : '',
    extremes ? gallery(`Worst pairs by ${extremes.title}`, extremes, extremes.worst) : '',
    `<h2>Conventions</h2><dl>${doc.metrics.map((m) => `<dt>${html(m.title)}</dt><dd>${html(`${m.convention}.`)}</dd>`).join('')}<dt>Intervals</dt><dd>${html(doc.intervals)}</dd></dl>`,
    remarks.length ? `<h2>Remarks</h2>${paragraphs(remarks)}` : '',
    `<h2>What was evaluated</h2>${table({ head: ['', ''], rows: facetted })}`,
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Evaluation: ${html(title)}</title><style>${STYLE}</style></head><body>
<h1>Evaluation of ${html(title)}</h1>
<p class="quiet">${html([...facts, doc.date, `webgpu-pose-gan ${doc.library}`].join(' · '))}</p>
${sections.filter(Boolean).join('\n')}
</body></html>
`;
}
