import { escapeHtml as html } from '../../data/html.js';
import { threeDigits } from '../text.js';
import type { SweepDocument, SweptCase } from './document.js';
import { configurationText, type Parameters } from './parameters.js';
import { checkedText, ranked, sweepSummary } from './text.js';

const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:1.5rem auto;padding:0 1rem;
color:light-dark(#1d2330,#dfe3ec);background:light-dark(#fff,#14171e)}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:2rem 0 .3rem}pre{white-space:pre-wrap}
.wide{overflow-x:auto}svg{display:block;width:100%;max-width:52rem;height:auto}
text{font-size:12px;fill:light-dark(#1d2330,#dfe3ec)}.none{fill:light-dark(#eceff4,#262c38)}
.cell text{fill:#101318}.cell.dark text{fill:#fff}.best rect{stroke:light-dark(#000,#fff);stroke-width:2.5}
.bar rect{fill:light-dark(#2b6cb0,#63a4e8)}.bar.best rect{fill:light-dark(#2c8a3d,#6fce80)}`;

/** Time of a configuration as a share of the best: 1 for the best, towards 0 for slow ones. */
const shareOf = (best: number, ms: number) => best / ms;

/** From dark blue (slow) to yellow (the best), even in lightness. */
function colour(share: number): { fill: string; dark: boolean } {
  const lightness = 30 + 52 * share;
  return { fill: `hsl(${Math.round(240 - 185 * share)} 65% ${Math.round(lightness)}%)`, dark: lightness < 58 };
}

/** Why a configuration has no time on a case. */
function whyNot(doc: SweepDocument, found: SweptCase, text: string): string {
  const row = found.rows.find((r) => configurationText(r.values) === text);
  const swept = doc.configurations.find((c) => configurationText(c.values) === text);
  return row?.reason ?? swept?.reason ?? 'not measured';
}

/** A heat map of two constants: every cell has its time and is the brighter the faster it is. */
export function heatMap(doc: SweepDocument, found: SweptCase): string {
  const [[down, rows], [across, columns]] = Object.entries(doc.parameters) as [[string, number[]], [string, number[]]];
  const order = ranked(found);
  const best = order[0]?.speed.times.median ?? Number.NaN;
  const [left, top, w, h] = [70, 40, 84, 40];
  const cells = rows.flatMap((a, i) =>
    columns.map((b, k) => {
      const text = configurationText({ [down]: a, [across]: b });
      const row = order.find((r) => configurationText(r.values) === text);
      const [x, y] = [left + k * w, top + i * h];
      const box = `x="${x + 1}" y="${y + 1}" width="${w - 2}" height="${h - 2}"`;
      if (!row)
        return `<g><rect class="none" ${box}/><text x="${x + w / 2}" y="${y + h / 2 + 4}" text-anchor="middle">–</text><title>${html(`${text}: ${whyNot(doc, found, text)}`)}</title></g>`;
      const ms = row.speed.times.median;
      const { fill, dark } = colour(shareOf(best, ms));
      const kind = `cell${dark ? ' dark' : ''}${row === order[0] ? ' best' : ''}`;
      return `<g class="${kind}"><rect ${box} fill="${fill}"/><text x="${x + w / 2}" y="${y + h / 2 + 4}" text-anchor="middle">${threeDigits(ms)}${row === order[0] ? ' ★' : ''}</text><title>${html(`${text}: ${threeDigits(ms)} ms`)}</title></g>`;
    }),
  );
  const names = [
    ...columns.map(
      (b, k) =>
        `<text x="${left + (k + 0.5) * w}" y="${top - 8}" text-anchor="middle">${html(`${across}=${b}`)}</text>`,
    ),
    ...rows.map(
      (a, i) => `<text x="${left - 8}" y="${top + (i + 0.5) * h + 4}" text-anchor="end">${html(`${down}=${a}`)}</text>`,
    ),
  ];
  const [width, height] = [left + columns.length * w + 10, top + rows.length * h + 10];
  return `<div class="wide"><svg style="max-width:${width}px" viewBox="0 0 ${width} ${height}" role="img" aria-label="${html(`ms by ${down} and ${across}`)}">${[...names, ...cells].join('\n')}</svg></div>`;
}

/** A bar for every configuration, as long as its speed; those of one constant are in its order, others by speed. */
export function barChart(found: SweptCase, parameters: Parameters): string {
  const order = ranked(found);
  const best = order[0];
  if (!best) return '';
  const [only, ...more] = Object.keys(parameters);
  const bars = more.length || !only ? order : [...order].sort((a, b) => (a.values[only] ?? 0) - (b.values[only] ?? 0));
  const left = Math.min(320, 24 + 7 * Math.max(...bars.map((r) => configurationText(r.values).length)));
  const lines = bars.map((r, i) => {
    const length = 360 * shareOf(best.speed.times.median, r.speed.times.median);
    const y = 6 + 24 * i;
    return `<g class="bar${r === best ? ' best' : ''}"><text x="${left - 8}" y="${y + 13}" text-anchor="end">${html(configurationText(r.values))}</text>
<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="18"/><text x="${(left + length + 6).toFixed(1)}" y="${y + 13}">${threeDigits(r.speed.times.median)} ms${r === best ? ' ★' : ''}</text></g>`;
  });
  const [width, height] = [left + 460, 12 + 24 * bars.length];
  return `<div class="wide"><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="speed by configuration">${lines.join('\n')}</svg></div>`;
}

/** A sweep as one self-contained HTML file: a heat map (two constants) or bars for every case. */
export function sweepReport(doc: SweepDocument): string {
  const names = Object.keys(doc.parameters);
  const kernel = doc.kernel.sources.map((s) => s.name).join(', ');
  const sections = doc.timed.map(
    (t) => `<section><h2>${html(t.case)}</h2>
${names.length === 2 ? heatMap(doc, t) : barChart(t, doc.parameters)}</section>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Sweep of ${html(kernel)}</title><style>${STYLE}</style></head><body>
<h1>Sweep of ${html(kernel)} as ${html(doc.kernel.op)}</h1>
<p>${html(doc.adapter.name)} · <time datetime="${html(doc.date)}">${html(doc.date.slice(0, 10))}</time> · webgpu-pose-gan ${html(doc.library)}${doc.complete ? '' : ', stopped before the end'}</p>
<p>Times are medians in milliseconds. ★ marks the fastest configuration of a case. Configurations that were skipped or wrong have no time; point at
a cell to see why.</p>
<pre>${html(sweepSummary(doc))}</pre>
${sections.join('\n')}
<h2>Checks</h2><pre>${html(checkedText(doc))}</pre>
</body></html>
`;
}
