import { table } from '../../compiler/plan-text.js';
import { escapeHtml as html } from '../../data/html.js';
import type { BenchRow } from '../document.js';
import { threeDigits } from '../text.js';

/** A row of a benchmark that a curve may contain. */
type Point = Pick<BenchRow, 'room' | 'case' | 'op' | 'variant' | 'at' | 'flops' | 'speed'>;

/** The rates of the variants of an op as a function of one number in its shapes. */
export interface Curve {
  readonly op: string;
  /** The name of the number, and the values of the other names. */
  readonly name: string;
  readonly fixed: string;
  readonly unit: 'GFLOP/s' | 'GB/s';
  readonly xs: readonly number[];
  /** For every variant, its rate at every x; `undefined` where it was not timed. */
  readonly series: readonly { readonly variant: string; readonly ys: readonly (number | undefined)[] }[];
}

/** The curves of rows of own cases: one for every op and every name with several values, and for all values of the others. */
export function curvesOf(rows: readonly Point[]): Curve[] {
  const found: Curve[] = [];
  const timed = rows.filter((r) => r.speed && r.at);
  const names = [...new Set(timed.flatMap((r) => Object.keys(r.at ?? {})))];
  for (const name of names) {
    const groups = new Map<string, Point[]>();
    for (const r of timed) {
      if (r.at?.[name] === undefined) continue;
      const others = Object.entries(r.at).filter(([n]) => n !== name);
      const fixed = others.map(([n, v]) => `${n}=${v}`).join(', ');
      const key = JSON.stringify([r.op, fixed, r.flops > 0]);
      groups.set(key, [...(groups.get(key) ?? []), r]);
    }
    for (const [key, points] of groups) {
      const [op, fixed, counts] = JSON.parse(key) as [string, string, boolean];
      const xs = [...new Set(points.map((p) => p.at?.[name] as number))].sort((a, b) => a - b);
      if (xs.length < 2) continue;
      const variants = [...new Set(points.map((p) => p.variant))];
      const rate = (p: Point | undefined) => (counts ? p?.speed?.gflops : p?.speed?.gbs);
      const series = variants.map((variant) => ({
        variant,
        ys: xs.map((x) => rate(points.find((p) => p.variant === variant && p.at?.[name] === x))),
      }));
      found.push({ op, name, fixed, unit: counts ? 'GFLOP/s' : 'GB/s', xs, series });
    }
  }
  return found;
}

const titleOf = ({ op, name, fixed, unit }: Curve) => `${op}: ${unit} by ${name}${fixed && ` (${fixed})`}`;

/** A curve as a table with a bar for the fastest variant. */
export function curveText(curve: Curve): string {
  const { name, xs, series } = curve;
  const best = xs.map((_, i) => Math.max(...series.map((s) => s.ys[i] ?? 0)));
  const top = Math.max(...best);
  const rows = xs.map((x, i) => [
    String(x),
    ...series.map(({ ys }) => (ys[i] === undefined ? '' : `${threeDigits(ys[i])}${ys[i] === best[i] ? ' ‹' : ''}`)),
    '█'.repeat(Math.round((30 * (best[i] as number)) / top)),
  ]);
  return `${titleOf(curve)}; ‹ marks the fastest\n${table([[name, ...series.map((s) => s.variant), ''], ...rows])}`;
}

const SIZE = { width: 720, height: 320, left: 60, right: 170, top: 16, bottom: 44 };

/** A curve as SVG for the style sheet of the report: x logarithmic, y linear from 0. */
export function curvePlot(curve: Curve): string {
  const { name, unit, xs, series } = curve;
  const { width, height, left, right, top, bottom } = SIZE;
  const [low, high] = [Math.log(xs[0] as number), Math.log(xs.at(-1) as number)];
  const most = niceAbove(Math.max(...series.flatMap((s) => s.ys.map((y) => y ?? 0))));
  const x = (v: number) => left + ((Math.log(v) - low) / (high - low)) * (width - left - right);
  const y = (v: number) => height - bottom - (v / most) * (height - top - bottom);
  const point = (v: number, r: number) => `${x(v).toFixed(1)} ${y(r).toFixed(1)}`;
  const across = [0, 0.25, 0.5, 0.75, 1].map((s) => {
    const at = y(s * most).toFixed(1);
    return `<path class="grid" d="M${left} ${at}H${width - right}"/>
<text x="${left - 6}" y="${at}" dy="4" text-anchor="end">${threeDigits(s * most)}</text>`;
  });
  const step = Math.ceil(xs.length / 10);
  const down = xs.map((v, i) =>
    i % step ? '' : `<text x="${x(v).toFixed(1)}" y="${height - bottom + 16}" text-anchor="middle">${v}</text>`,
  );
  const lines = series.map(({ variant, ys }, i) => {
    const found = xs.flatMap((v, k) => (ys[k] === undefined ? [] : [{ v, r: ys[k] }]));
    const marks = found.map(
      ({ v, r }) =>
        `<circle cx="${x(v).toFixed(1)}" cy="${y(r).toFixed(1)}" r="3"><title>${html(`${variant}, ${name}=${v}: ${threeDigits(r)} ${unit}`)}</title></circle>`,
    );
    const key = `<path d="M${width - right + 14} ${top + 6 + 18 * i}h18"/><text class="key" x="${width - right + 38}" y="${top + 10 + 18 * i}">${html(variant)}</text>`;
    return `<g class="line c${i % 10}"><path d="M${found.map(({ v, r }) => point(v, r)).join('L')}"/>${marks.join('')}${key}</g>`;
  });
  const tall = Math.max(height, top + 18 * series.length + 10);
  return `<figure class="roofline"><figcaption>${html(titleOf(curve))}</figcaption><div class="wide">
<svg class="plot" viewBox="0 0 ${width} ${tall}" role="img" aria-label="${html(titleOf(curve))}">
${[...across, ...down, ...lines].join('\n')}
<text x="${(left + width - right) / 2}" y="${height - bottom + 36}" text-anchor="middle">${html(name)}</text>
</svg></div></figure>`;
}

/** The smallest of 1, 2, 5 · 10ⁿ that is not below a value. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return ([1, 2, 5].find((m) => m * power >= value) ?? 10) * power;
}

/** Style sheet of `curvePlot`, besides that of the roofline plot. */
export const CURVE_STYLE = `.line{stroke:currentColor;fill:none;stroke-width:1.5}.line circle{fill:currentColor;stroke:none}
.roofline .line .key{stroke:none}`;
