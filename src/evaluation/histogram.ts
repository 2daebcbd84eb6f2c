import { escapeHtml as html } from '../data/html.js';
import type { ScoredPair } from './document.js';
import type { Metric } from './metric.js';
import { valuesOf } from './summary.js';

const BINS = 24;
const SIZE = { width: 352, height: 150, left: 34, right: 8, top: 10, bottom: 24 };

/** The number of values in each of `BINS` equal intervals from `low` to `high`. */
function binned(values: readonly number[], low: number, high: number): number[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const v of values) {
    const bin = Math.min(BINS - 1, Math.floor((BINS * (v - low)) / (high - low)));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

/**
 * The distribution of a metric over the pairs as an SVG in a figure: bars for the generated images, and the outline of those of the
 * copies. It is empty without values.
 */
export function histogram(metric: Metric, scores: readonly ScoredPair[]): string {
  const known = (system: 'generated' | 'copy') => valuesOf(scores, system, metric.key).filter((v) => v !== null);
  const [generated, copy] = [known('generated'), known('copy')];
  const all = [...generated, ...copy];
  if (!generated.length) return '';
  const low = all.reduce((a, b) => Math.min(a, b));
  const greatest = all.reduce((a, b) => Math.max(a, b));
  const high = greatest > low ? greatest : low + 1;
  const [bars, outline] = [binned(generated, low, high), binned(copy, low, high)];
  const most = Math.max(...bars, ...outline);
  const { width, height, left, right, top, bottom } = SIZE;
  const x = (bin: number) => left + ((width - left - right) * bin) / BINS;
  const y = (count: number) => top + (height - top - bottom) * (1 - count / most);
  const n = (v: number) => v.toFixed(1);
  const filled = bars.map(
    (count, b) =>
      `<rect class="generated" x="${n(x(b) + 0.5)}" y="${n(y(count))}" width="${n(x(1) - x(0) - 1)}" height="${n(y(0) - y(count))}"/>`,
  );
  const steps = outline
    .map((count, b) => `${b ? 'V' : `M${n(x(0))} ${n(y(0))}V`}${n(y(count))}H${n(x(b + 1))}`)
    .join('');
  const shape = copy.length ? `<path class="copy" d="${steps}V${n(y(0))}"/>` : '';
  const label = html(
    `${metric.title}, ${generated.length} pairs, from ${low.toFixed(metric.digits)} to ${high.toFixed(metric.digits)}`,
  );
  return `<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${filled.join('')}${shape}
<path class="axis" d="M${left} ${top}V${height - bottom}H${width - right}"/>
<text x="${left - 4}" y="${top + 9}" text-anchor="end">${most}</text>
<text x="${left}" y="${height - 8}">${low.toFixed(metric.digits)}</text>
<text x="${width - right}" y="${height - 8}" text-anchor="end">${high.toFixed(metric.digits)}</text>
</svg><figcaption>${html(metric.title)}</figcaption></figure>`;
}
