import { escapeHtml as html } from '../data/html.js';
import { isFine, timingText } from '../gpu/clock.js';
import type { ComposedComparison } from './composed.js';
import { type BenchDocument, type BenchRow, type Comparison, SUSPECT } from './document.js';
import { CURVE_STYLE, curvePlot, curvesOf } from './own-shapes/curve.js';
import { PLOT_STYLE, rooflinePlot } from './roofline.js';
import { errorText, percent, threeDigits } from './text.js';

const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:1.5rem auto;padding:0 1rem;
color:light-dark(#1d2330,#dfe3ec);background:light-dark(#fff,#14171e)}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .3rem}
h3{font-size:.95rem;margin:1.1rem 0 .2rem}
p{margin:.3rem 0}.quiet{color:light-dark(#5b6475,#9aa3b5);font-size:.9rem}.wide{overflow-x:auto}
ul.quiet{padding-left:1.2rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
td,th{padding:.2rem .9rem .2rem 0;text-align:right;white-space:nowrap;
border-bottom:1px solid light-dark(#dfe3ea,#2c3341)}
th{font-weight:bold;color:light-dark(#5b6475,#9aa3b5)}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2),td.why{text-align:left}
td.why{color:light-dark(#5b6475,#9aa3b5)}
.rows td:first-child{min-width:11rem}.rows td:nth-child(2){min-width:8rem}.rows td:nth-child(n+3){min-width:3.2rem}
.rows td:nth-child(4){min-width:6.5rem}tr.chosen td:nth-child(-n+3){font-weight:bold}
.bar{display:inline-block;width:7rem;height:.6rem;border-radius:2px;overflow:hidden;vertical-align:middle;
margin-left:.5rem;background:light-dark(#e8ebf1,#2a303d)}
.bar i{display:block;height:100%;background:light-dark(#2b6cb0,#63a4e8)}
${PLOT_STYLE}
${CURVE_STYLE}
.plot{min-width:40rem}`;

const HEAD = ['op', 'variant', 'ms', 'quartiles', 'GFLOP/s', 'GB/s', 'of peak', 'of the roof', 'error', 'first use'];

const row = (cells: readonly string[], tag = 'td', kind = '') =>
  `<tr${kind && ` class="${kind}"`}>${cells.map((c) => `<${tag}>${c}</${tag}>`).join('')}</tr>`;

const table = (head: readonly string[], rows: readonly string[], kind = '') =>
  `<div class="wide"><table${kind && ` class="${kind}"`}><thead>${row(head.map(html), 'th')}</thead><tbody>
${rows.join('\n')}\n</tbody></table></div>`;

function bar(share: number): string {
  const width = (100 * Math.min(1, Math.max(0, share))).toFixed(1);
  return `${percent(share)}<span class="bar"><i style="width:${width}%"></i></span>`;
}

function benchRow(r: BenchRow): string {
  const { speed, first } = r;
  const names = [html(r.op), `${html(r.variant)}${r.chosen ? ' ★' : ''}`];
  if (!speed) {
    const why = `<td colspan="6" class="why">${html(r.untimed ?? 'not timed')}</td>`;
    return `<tr><td>${names[0]}</td><td>${names[1]}</td>${why}<td>${html(errorText(r))}</td><td></td></tr>`;
  }
  const { times, share } = speed;
  const cells = [
    threeDigits(times.median),
    times.samples > 1 ? `${threeDigits(times.q1)} to ${threeDigits(times.q3)}` : 'one sample',
    r.flops ? threeDigits(speed.gflops) : '',
    threeDigits(speed.gbs),
    percent(r.flops ? share.flops : share.bytes),
  ];
  const use = first && `${threeDigits(first.compileMs + first.runMs)} ms`;
  return row(
    [
      ...names,
      ...cells.map(html),
      `${bar(share.roof)}${share.roof > SUSPECT ? ' suspect' : ''}`,
      html(errorText(r)),
      use ?? '',
    ],
    'td',
    r.chosen ? 'chosen' : '',
  );
}

function roomSection(name: string, rows: readonly BenchRow[]): string {
  const cases = [...new Set(rows.map((r) => r.case))].map(
    (c) => `<h3>${html(c)}</h3>${table(HEAD, rows.filter((r) => r.case === c).map(benchRow), 'rows')}`,
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
  return `<section><h2>Fused ops and their compositions of simpler ops</h2>${table(head, rows)}</section>`;
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
  const means = `The geometric mean is ${all}, and ${chosen} for the variants that the engine chooses.`;
  const notes = [
    ...differences,
    ...onlyBefore.map((n) => `timed only before: ${n}`),
    ...onlyNow.map((n) => `timed only now: ${n}`),
  ];
  const list = notes.length ? `<ul class="quiet">${notes.map((n) => `<li>${html(n)}</li>`).join('')}</ul>` : '';
  const head = ['kernel', 'case', 'ms before', 'ms now', 'before / now'];
  return `<section><h2>Comparison with the older benchmark</h2><p>${html(means)}</p>${list}${table(head, cells)}</section>`;
}

/** A benchmark as one self-contained HTML file with a roofline plot and a table for each room. */
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
  const minute = doc.date.replace(/^(.{10})T(.{5}).*Z$/, '$1 $2 UTC');
  const clock = doc.timing && !isFine(doc.timing) ? `<p>${html(timingText(doc.timing))}</p>` : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Benchmark: ${html(adapter.name)}</title><style>${STYLE}</style></head><body>
<h1>Benchmark of ${html(adapter.name)}</h1>
<p class="quiet">${html(facts.filter(Boolean).join(' · '))}<br>
<time datetime="${html(doc.date)}">${html(minute)}</time> ·
webgpu-pose-gan ${html(doc.library)}${doc.complete ? '' : ', stopped before the end'}</p>
<p>Measured peaks: ${threeDigits(peaks.gflops)} GFLOP/s (f32 multiply-add), ${threeDigits(peaks.gbs)} GB/s (copy).</p>${clock}
${rooflinePlot(rows, peaks)}
${curvesOf(rows).map(curvePlot).join('\n')}
<p class="quiet">A star and a filled mark show what the engine chooses by default. Times are medians of up to ${doc.samples} samples.
The peaks are measured in turn with each row, and its shares refer to them.
The error is Σ(a − b)² / Σb² against a float64 reference.</p>
${comparisonSection(comparison)}
${sections.join('\n')}
${composedSection(doc.composed)}
</body></html>
`;
}
