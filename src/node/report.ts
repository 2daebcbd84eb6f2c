import { escapeHtml as html } from '../data/html.js';
import type { LogRow } from '../model/iterate.js';

/** The content of a report. */
export interface Report {
  readonly title: string;
  /** One sentence under the title. */
  readonly summary: string;
  readonly log: readonly LogRow[];
  /** Tables with headings. The first row of each is its header. */
  readonly tables: readonly { readonly heading: string; readonly rows: readonly (readonly string[])[] }[];
  /** PNG pictures with captions. */
  readonly pictures: readonly { readonly caption: string; readonly png: Uint8Array; readonly width: number }[];
  /** Commands to try next, and what they do. */
  readonly next: readonly { readonly command: string; readonly what: string }[];
}

/** Reduces a curve to at most `count` points, each the mean of consecutive values, so that it is readable. */
function smooth(values: readonly number[], count: number): number[] {
  const size = Math.max(1, Math.ceil(values.length / count));
  const points: number[] = [];
  for (let at = 0; at < values.length; at += size) {
    const part = values.slice(at, at + size);
    points.push(part.reduce((a, b) => a + b, 0) / part.length);
  }
  return points;
}

const SIZE = { width: 320, height: 150, left: 46, bottom: 22, top: 8 };

/** The curve of one loss over the iterations as SVG. */
function curve(name: string, steps: readonly number[], values: readonly number[]): string {
  const points = smooth(values, 120);
  const [low, high] = [Math.min(...points, 0), Math.max(...points, 1e-9)];
  const { width, height, left, bottom, top } = SIZE;
  const x = (i: number) => left + ((width - left - 4) * i) / Math.max(1, points.length - 1);
  const y = (v: number) => top + (height - top - bottom) * (1 - (v - low) / (high - low || 1));
  const path = points.map((v, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join('');
  const label = (v: number) => (Math.abs(v) >= 100 ? v.toFixed(0) : v.toPrecision(3));
  return `<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${html(name)}">
<path class="axis" d="M${left} ${top}V${height - bottom}H${width}"/>
<text x="${left - 4}" y="${y(high) + 8}" text-anchor="end">${label(high)}</text>
<text x="${left - 4}" y="${y(low)}" text-anchor="end">${label(low)}</text>
<text x="${left}" y="${height - 6}">${steps[0] ?? 0}</text>
<text x="${width - 4}" y="${height - 6}" text-anchor="end">${steps[steps.length - 1] ?? 0}</text>
<path class="line" d="${path}"/></svg><figcaption>${html(name)}</figcaption></figure>`;
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1d2330;background:#fff}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse}td,th{padding:.25rem .9rem .25rem 0;text-align:left;border-bottom:1px solid #d8dce4;font-variant-numeric:tabular-nums}
figure{display:inline-block;margin:0 1rem 1rem 0;vertical-align:top}figcaption{font-size:.85rem;color:#5b6475}
svg{width:320px;height:150px}svg text{font-size:11px;fill:#5b6475}.axis{fill:none;stroke:#b7bdc9}.line{fill:none;stroke:#2b6cb0;stroke-width:1.6}
img{image-rendering:pixelated;max-width:100%;border:1px solid #d8dce4}code{background:#f0f2f6;padding:.1rem .35rem;border-radius:3px}
@media(prefers-color-scheme:dark){body{color:#dfe3ec;background:#14171e}td,th{border-color:#333a48}code{background:#232936}img{border-color:#333a48}.line{stroke:#63a4e8}}`;

/** A report as one self-contained HTML file. */
export function renderReport(report: Report): string {
  const { log } = report;
  const steps = log.map((r) => r.step);
  const curves = (['reconstruction', 'adversarial', 'discriminator'] as const).map((k) =>
    curve(
      `${k} loss`,
      steps,
      log.map((r) => r[k]),
    ),
  );
  const tables = report.tables.map(({ heading, rows: [head = [], ...rows] }) => {
    const line = (cells: readonly string[], tag: string) =>
      `<tr>${cells.map((c) => `<${tag}>${html(c)}</${tag}>`).join('')}</tr>`;
    return `<h2>${html(heading)}</h2><table>${line(head, 'th')}${rows.map((r) => line(r, 'td')).join('')}</table>`;
  });
  const pictures = report.pictures.map(
    ({ caption, png, width }) =>
      `<figure><img width="${width}" alt="${html(caption)}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}"><figcaption>${html(caption)}</figcaption></figure>`,
  );
  const next = report.next.map(({ command, what }) => `<li><code>${html(command)}</code><br>${html(what)}</li>`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${html(report.title)}</title><style>${STYLE}</style></head><body>
<h1>${html(report.title)}</h1><p>${html(report.summary)}</p>
<h2>Pictures</h2>${pictures.join('')}
${tables.join('\n')}
<h2>Losses</h2>${curves.join('')}
<h2>What to try next</h2><ul>${next.join('')}</ul>
</body></html>
`;
}
