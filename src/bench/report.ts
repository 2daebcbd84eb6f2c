import type { ComposedComparison } from './composed.js';
import type { BenchDocument, BenchRow, Comparison } from './document.js';
import { escapeHtml as html, rooflinePlot } from './roofline.js';
import { errorText, percent, threeDigits } from './text.js';

const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ['#1f6fb4', '#6db3f2'],
  ['#d1600a', '#ff9d4d'],
  ['#2c8a3d', '#6fce80'],
  ['#c0272d', '#ff7b7f'],
  ['#7b52ab', '#b998e6'],
  ['#7d5a4f', '#c39c90'],
  ['#c2449b', '#f28fd0'],
  ['#5f6670', '#a9b1bd'],
  ['#8a8a10', '#d3d35a'],
  ['#0f8f9c', '#5fd4e0'],
];

const colours = (dark: 0 | 1) => COLOURS.map((c, i) => `.c${i}{color:${c[dark]}}`).join('');

const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:1.5rem auto;padding:0 1rem;color:#1d2330;background:#fff}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin:2rem 0 .3rem}
h3{font-size:.95rem;margin:1.1rem 0 .2rem}
p{margin:.3rem 0}.quiet{color:#5b6475;font-size:.9rem}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
td,th{padding:.15rem .8rem .15rem 0;text-align:right;border-bottom:1px solid #dfe3ea;white-space:nowrap}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}tr.chosen td{font-weight:600}
.bar{display:inline-block;width:7rem;height:.7rem;background:#e8ebf1;vertical-align:middle;margin-left:.4rem}
.bar i{display:block;height:100%;background:#2b6cb0}
figure{margin:1rem 0}.plot{width:100%;min-width:40rem;height:auto;max-height:34rem}svg text{font-size:12px;fill:#5b6475}
.grid{stroke:#e4e8ef;fill:none}.roof{stroke:#1d2330;fill:none;stroke-width:1.5}
.dot{stroke:currentColor;stroke-width:1.5;fill:transparent;cursor:default}.dot.chosen{fill:currentColor}
.dot .tip{display:none;stroke:none}.dot .tip text{fill:#1d2330;font-size:13px}
.dot:hover .tip,.dot:focus .tip{display:block}.dot:focus{outline:none;stroke-width:3.5}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1rem;padding:0;margin:.3rem 0;font-size:.85rem}
.key{width:16px;height:16px;vertical-align:-3px}${colours(0)}
@media(prefers-color-scheme:dark){
body{color:#dfe3ec;background:#14171e}td,th{border-color:#2c3341}
.quiet,svg text{color:#9aa3b5;fill:#9aa3b5}
.bar{background:#2a303d}.bar i{background:#63a4e8}.grid{stroke:#262c38}.roof{stroke:#dfe3ec}
.dot .tip text{fill:#dfe3ec}${colours(1)}}`;

const HEAD = ['op', 'variant', 'ms', 'quartiles', 'GFLOP/s', 'GB/s', 'of peak', 'of the roof', 'error', 'first use'];

const row = (cells: readonly string[], tag = 'td', kind = '') =>
  `<tr${kind && ` class="${kind}"`}>${cells.map((c) => `<${tag}>${c}</${tag}>`).join('')}</tr>`;

const table = (head: readonly string[], rows: readonly string[]) =>
  `<div class="wide"><table><thead>${row(head.map(html), 'th')}</thead><tbody>
${rows.join('\n')}\n</tbody></table></div>`;

function bar(share: number): string {
  const width = (100 * Math.min(1, Math.max(0, share))).toFixed(1);
  return `${percent(share)}<span class="bar"><i style="width:${width}%"></i></span>`;
}

function benchRow(r: BenchRow): string {
  const { speed, first } = r;
  const names = [html(r.op), `${html(r.variant)}${r.chosen ? ' ★' : ''}`];
  if (!speed) {
    const why = `<td colspan="6">${html(r.untimed ?? 'not timed')}</td>`;
    return `<tr><td>${names[0]}</td><td>${names[1]}</td>${why}<td>${html(errorText(r))}</td><td></td></tr>`;
  }
  const { times, share } = speed;
  const cells = [
    threeDigits(times.median),
    `${threeDigits(times.q1)} to ${threeDigits(times.q3)}`,
    r.flops ? threeDigits(speed.gflops) : '',
    threeDigits(speed.gbs),
    percent(r.flops ? share.flops : share.bytes),
  ];
  const use = first && `${threeDigits(first.compileMs + first.runMs)} ms`;
  return row(
    [...names, ...cells.map(html), bar(share.roof), html(errorText(r)), use ?? ''],
    'td',
    r.chosen ? 'chosen' : '',
  );
}

function roomSection(name: string, rows: readonly BenchRow[]): string {
  const cases = [...new Set(rows.map((r) => r.case))].map(
    (c) => `<h3>${html(c)}</h3>${table(HEAD, rows.filter((r) => r.case === c).map(benchRow))}`,
  );
  return `<section><h2>${html(name)}</h2>${cases.join('\n')}</section>`;
}

function composedSection(list: readonly ComposedComparison[]): string {
  if (!list.length) return '';
  const rows = list.flatMap((c) =>
    (['forward', 'training'] as const).flatMap((pass) => {
      const contest = c[pass];
      if (!contest) return [];
      const { fused, composed, timeRatio, memoryRatio } = contest;
      const ms = [fused, composed].map((x) => threeDigits(x.times.median));
      const mib = [fused, composed].map((x) => threeDigits(x.activations / 2 ** 20));
      const ratios = [timeRatio, memoryRatio].map((x) => `${threeDigits(x)}×`);
      return row([c.room, `${c.case}, ${pass}`, ...ms, ratios[0] ?? '', ...mib, ratios[1] ?? ''].map(html));
    }),
  );
  const head = ['op', 'case', 'fused ms', 'composed ms', 'ratio', 'fused MiB', 'composed MiB', 'ratio'];
  return `<section><h2>Fused against composed of simpler ops</h2>${table(head, rows)}</section>`;
}

function comparisonSection(comparison: Comparison | undefined): string {
  if (!comparison) return '';
  const { rows, mean, chosenMean, differences, onlyBefore, onlyNow } = comparison;
  const cells = rows.map(({ now, before, ratio }) =>
    row(
      [
        `${now.op}/${now.variant}${now.chosen ? ' ★' : ''}`,
        `${now.room}: ${now.case}`,
        threeDigits(before.speed?.times.median ?? Number.NaN),
        threeDigits(now.speed?.times.median ?? Number.NaN),
        `${ratio.toFixed(2)}×`,
      ].map(html),
    ),
  );
  const [all, chosen] = [mean, chosenMean].map((m) => `${m?.toFixed(2) ?? '–'}×`);
  const means = `Geometric mean ${all}; of what the engine chooses ${chosen}.`;
  const notes = [
    ...differences,
    ...onlyBefore.map((n) => `only before: ${n}`),
    ...onlyNow.map((n) => `only now: ${n}`),
  ];
  const list = notes.length ? `<ul class="quiet">${notes.map((n) => `<li>${html(n)}</li>`).join('')}</ul>` : '';
  const head = ['kernel', 'case', 'ms before', 'ms now', 'before / now'];
  return `<section><h2>Compared</h2><p>${html(means)}</p>${list}${table(head, cells)}</section>`;
}

/** A benchmark as one HTML file that needs nothing else: a roofline plot and a table of each room. */
export function benchReport(doc: BenchDocument, comparison?: Comparison): string {
  const { adapter, peaks, rows } = doc;
  const rooms = [...new Set(rows.map((r) => r.room))];
  const sections = rooms.map((name) =>
    roomSection(
      name,
      rows.filter((r) => r.room === name),
    ),
  );
  const host = Object.entries(doc.host).map(([k, v]) => `${k} ${v}`);
  const facts = [adapter.vendor, adapter.architecture, adapter.device, adapter.software ? 'software' : 'GPU', ...host];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Benchmark: ${html(adapter.name)}</title><style>${STYLE}</style></head><body>
<h1>Benchmark of ${html(adapter.name)}</h1>
<p class="quiet">${html(facts.filter(Boolean).join(', '))}<br>
<time datetime="${html(doc.date)}">${html(doc.date)}</time>,
webgpu-pose-gan ${html(doc.library)}${doc.complete ? '' : ', stopped before the end'}</p>
<p>Measured peaks: ${threeDigits(peaks.gflops)} GFLOP/s (f32 multiply-add), ${threeDigits(peaks.gbs)} GB/s (copy).</p>
${rooflinePlot(rows, peaks)}
<p class="quiet">★ and filled: what the engine chooses by itself. Times are medians of up to ${doc.samples} samples,
taken in turn with the peaks; shares are of the peaks measured at that moment.
Error: Σ(a − b)² / Σb² against float64.</p>
${comparisonSection(comparison)}
${sections.join('\n')}
${composedSection(doc.composed)}
</body></html>
`;
}
