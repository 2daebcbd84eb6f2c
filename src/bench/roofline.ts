import type { BenchRow } from './document.js';
import type { Peaks } from './peaks.js';

/** Text as HTML. */
export const escapeHtml = (text: string) =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/**
 * Least time that the adapter's peaks allow, as operations a second over operations a byte: min(peak, intensity ·
 * bandwidth).
 */
export const roofAt = (peaks: Peaks, intensity: number) => Math.min(peaks.gflops, intensity * peaks.gbs);

/** Two logarithmic axes: decades from `low` to `high` over a length of pixels. */
export interface Axis {
  readonly low: number;
  readonly high: number;
  at(value: number): number;
}

function axis(values: readonly number[], from: number, to: number): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return { low, high, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

/** A row that has operations and bytes, and so a place in the plot. */
export interface Dot {
  readonly row: BenchRow;
  /** Operations a byte. */
  readonly intensity: number;
  readonly gflops: number;
}

export function dotsOf(rows: readonly BenchRow[]): Dot[] {
  return rows.flatMap((row) =>
    row.speed && row.flops > 0 && row.bytes > 0
      ? [{ row, intensity: row.flops / row.bytes, gflops: row.speed.gflops }]
      : [],
  );
}

const SIZE = { width: 860, height: 460, left: 64, right: 16, top: 46, bottom: 44 };

/** The axes that hold these dots and the ridge of the roof, where both peaks meet. */
export function axesOf(dots: readonly Dot[], peaks: Peaks): { x: Axis; y: Axis } {
  const { width, height, left, right, top, bottom } = SIZE;
  const ridge = peaks.gflops / peaks.gbs;
  return {
    x: axis([...dots.map((d) => d.intensity), ridge / 2, ridge * 2], left, width - right),
    y: axis([...dots.map((d) => d.gflops), peaks.gflops * 1.2, peaks.gflops / 10], height - bottom, top),
  };
}

/** Colour and shape of an op: ten colours, then the same in the next shape. */
export const styleOf = (index: number) => ({
  colour: index % 10,
  shape: SHAPES[Math.floor(index / 10) % 4] ?? 'circle',
});

const SHAPES = ['circle', 'square', 'triangle', 'diamond'] as const;

function mark(x: number, y: number, shape: (typeof SHAPES)[number]): string {
  const [a, b] = [x.toFixed(1), y.toFixed(1)];
  if (shape === 'circle') return `<circle cx="${a}" cy="${b}" r="5"/>`;
  const path = { square: 'm-4.5-4.5h9v9h-9z', triangle: 'm0-6l5.5 9.5h-11z', diamond: 'm0-6l6 6l-6 6l-6-6z' }[shape];
  return `<path d="M${a} ${b}${path}"/>`;
}

const power = (n: number) => (n >= 0 && n <= 4 ? String(10 ** n) : `10<tspan dy="-5" font-size="8">${n}</tspan>`);

function gridLines({ x, y }: { x: Axis; y: Axis }): string {
  const { width, height, left, right, top, bottom } = SIZE;
  const lines: string[] = [];
  for (let d = x.low; d <= x.high; d++) {
    const at = x.at(10 ** d).toFixed(1);
    lines.push(`<path class="grid" d="M${at} ${top}V${height - bottom}"/>`);
    lines.push(`<text x="${at}" y="${height - bottom + 16}" text-anchor="middle">${power(d)}</text>`);
  }
  for (let d = y.low; d <= y.high; d++) {
    const at = y.at(10 ** d);
    lines.push(`<path class="grid" d="M${left} ${at.toFixed(1)}H${width - right}"/>`);
    lines.push(`<text x="${left - 6}" y="${(at + 4).toFixed(1)}" text-anchor="end">${power(d)}</text>`);
  }
  return lines.join('\n');
}

/** The two roofs, drawn from the left edge to the ridge and from there to the right. */
function roofLines({ x, y }: { x: Axis; y: Axis }, peaks: Peaks): string {
  const ridge = peaks.gflops / peaks.gbs;
  const point = (i: number) => `${x.at(i).toFixed(1)} ${y.at(roofAt(peaks, i)).toFixed(1)}`;
  // The sloping roof enters the plot at the lower edge when that is right of the left edge.
  const start = Math.max(10 ** x.low, 10 ** y.low / peaks.gbs);
  return `<path class="roof" d="M${point(start)}L${point(ridge)}L${point(10 ** x.high)}"/>`;
}

/**
 * The roofline plot as SVG: operations a byte to the right, 10⁹ operations a second upwards, both logarithmic, a mark
 * for every row that has both, filled where the engine chooses it. Empty when no row has.
 */
export function rooflinePlot(rows: readonly BenchRow[], peaks: Peaks): string {
  const dots = dotsOf(rows);
  if (!dots.length) return '';
  const { width, height, left, right, bottom } = SIZE;
  const axes = axesOf(dots, peaks);
  const ops = [...new Set(dots.map((d) => d.row.op))];
  const marks = dots.map(({ row, intensity, gflops }) => {
    const { colour, shape } = styleOf(ops.indexOf(row.op));
    const share = ((row.speed?.share.roof ?? 0) * 100).toFixed(1);
    const [name, what] = [`${row.op}/${row.variant}${row.chosen ? ' (chosen)' : ''}`, `${row.room}: ${row.case}`];
    const numbers = `${gflops.toPrecision(3)} GFLOP/s at ${intensity.toPrecision(3)} FLOP/byte, ${share} % of the roof`;
    const lines = [`${name}: ${numbers}`, what].map(
      (text, i) => `<text x="${left}" y="${14 + 16 * i}">${escapeHtml(text)}</text>`,
    );
    const label = escapeHtml(`${name}, ${what}, ${numbers}`);
    const at = mark(axes.x.at(intensity), axes.y.at(gflops), shape);
    return `<g class="dot c${colour}${row.chosen ? ' chosen' : ''}" tabindex="0" role="img" aria-label="${label}">
${at}<g class="tip">${lines.join('')}</g></g>`;
  });
  const legend = ops.map((op, i) => {
    const { colour, shape } = styleOf(i);
    const key = `<g class="dot chosen c${colour}">${mark(8, 8, shape)}</g>`;
    return `<li><svg class="key" viewBox="0 0 16 16" aria-hidden="true">${key}</svg> ${escapeHtml(op)}</li>`;
  });
  return `<figure><div class="wide">
<svg class="plot" viewBox="0 0 ${width} ${height}" role="group" aria-label="roofline">
${gridLines(axes)}
${roofLines(axes, peaks)}
<text x="${(left + width - right) / 2}" y="${height - bottom + 36}" text-anchor="middle">operations a byte</text>
<text transform="translate(14 ${(height - bottom) / 2 + 20}) rotate(-90)" text-anchor="middle">GFLOP/s</text>
${marks.join('\n')}
</svg></div><ul class="legend">${legend.join('')}</ul></figure>`;
}
