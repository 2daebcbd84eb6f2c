import { escapeHtml } from '../data/html.js';
import type { BenchRow } from './document.js';
import type { Peaks } from './peaks.js';
import { threeDigits } from './text.js';

/**
 * The highest speed in 10⁹ operations a second that the peaks allow at an intensity in operations a byte:
 * min(peak, intensity · bandwidth).
 */
export const roofAt = (peaks: Peaks, intensity: number) => Math.min(peaks.gflops, intensity * peaks.gbs);

/** A logarithmic axis from 10^`low` to 10^`high`; `at` is the pixel of a value. */
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

/** A row of the benchmark as a dot of the plot. */
export interface Dot {
  readonly row: BenchRow;
  /** Operations a byte. */
  readonly intensity: number;
  readonly gflops: number;
}

/** The dots of all rows that were timed and count both operations and bytes. */
export function dotsOf(rows: readonly BenchRow[]): Dot[] {
  return rows.flatMap((row) =>
    row.speed && row.flops > 0 && row.bytes > 0
      ? [{ row, intensity: row.flops / row.bytes, gflops: row.speed.gflops }]
      : [],
  );
}

/** Size of the plot in pixels. */
export interface PlotSize {
  readonly width: number;
  readonly height: number;
  /** Space above the frame, where the text of a mark appears. */
  readonly top: number;
}

const DEFAULT_SIZE: PlotSize = { width: 860, height: 460, top: 46 };
const MARGIN = { left: 64, right: 16, bottom: 44 };

/** Axes that show these dots and the ridge of the roof, the point where its two lines meet. */
export function axesOf(
  dots: readonly Dot[],
  peaks: Peaks,
  { width, height, top } = DEFAULT_SIZE,
): { x: Axis; y: Axis } {
  const { left, right, bottom } = MARGIN;
  const ridge = peaks.gflops / peaks.gbs;
  return {
    x: axis([...dots.map((d) => d.intensity), ridge / 2, ridge * 2], left, width - right),
    y: axis([...dots.map((d) => d.gflops), peaks.gflops * 1.2, peaks.gflops / 10], height - bottom, top),
  };
}

/** Colour and shape of an op: ten colours in the first shape, then the same colours in the next. */
const styleOf = (index: number) => ({
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

function gridLines({ x, y }: { x: Axis; y: Axis }, { width, height, top }: PlotSize): string {
  const { left, right, bottom } = MARGIN;
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

/** The two lines of the roof with their labels: from the left edge to the ridge, and from there to the right edge. */
function roofLines({ x, y }: { x: Axis; y: Axis }, peaks: Peaks): string {
  const ridge = peaks.gflops / peaks.gbs;
  const at = (i: number) => ({ x: x.at(i), y: y.at(roofAt(peaks, i)) });
  const text = ({ x, y }: { x: number; y: number }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  // A steep line enters the plot through the lower edge instead of the left one.
  const [start, top, end] = [at(Math.max(10 ** x.low, 10 ** y.low / peaks.gbs)), at(ridge), at(10 ** x.high)];
  const angle = (Math.atan2(top.y - start.y, top.x - start.x) * 180) / Math.PI;
  const along = { x: (start.x + top.x) / 2, y: (start.y + top.y) / 2 };
  return `<path class="roof" d="M${text(start)}L${text(top)}L${text(end)}"/>
<text transform="translate(${text(along)}) rotate(${angle.toFixed(1)})" y="-7" text-anchor="middle">\
${threeDigits(peaks.gbs)} GB/s</text>
<text x="${(end.x - 6).toFixed(1)}" y="${(end.y - 7).toFixed(1)}" text-anchor="end">${threeDigits(peaks.gflops)} GFLOP/s</text>`;
}

/** Text of a mark: the kernel, its case, and its numbers. */
export function dotText({ row, intensity, gflops }: Dot): { name: string; what: string; numbers: string } {
  const share = ((row.speed?.share.roof ?? 0) * 100).toFixed(1);
  return {
    name: `${row.op}/${row.variant}${row.chosen ? ' (chosen)' : ''}`,
    what: `${row.room}: ${row.case}`,
    numbers: `${threeDigits(gflops)} GFLOP/s at ${threeDigits(intensity)} operations a byte, ${share}\u00a0% of the roof`,
  };
}

/**
 * The roofline plot as SVG for the style sheet `PLOT_STYLE`. Both axes are logarithmic: operations a byte to the right and
 * 10⁹ operations a second upwards. Every row that has both gets a mark with its index as `data-row`; the mark is filled if
 * the engine chooses the variant by default. Returns '' if no row has both.
 */
export function rooflinePlot(rows: readonly BenchRow[], peaks: Peaks, size: PlotSize = DEFAULT_SIZE): string {
  const dots = dotsOf(rows);
  if (!dots.length) return '';
  const { width, height } = size;
  const { left, right, bottom } = MARGIN;
  const axes = axesOf(dots, peaks, size);
  const ops = [...new Set(dots.map((d) => d.row.op))];
  const marks = dots.map((dot) => {
    const { row, intensity, gflops } = dot;
    const { colour, shape } = styleOf(ops.indexOf(row.op));
    const { name, what, numbers } = dotText(dot);
    const lines = [`${name}: ${numbers}`, what].map(
      (text, i) => `<text x="${left}" y="${14 + 16 * i}">${escapeHtml(text)}</text>`,
    );
    const label = escapeHtml(`${name}, ${what}, ${numbers}`);
    const kind = `dot c${colour}${row.chosen ? ' chosen' : ''}`;
    const at = mark(axes.x.at(intensity), axes.y.at(gflops), shape);
    return `<g class="${kind}" tabindex="0" role="img" aria-label="${label}" data-row="${rows.indexOf(row)}">
${at}<g class="tip">${lines.join('')}</g></g>`;
  });
  const legend = ops.map((op, i) => {
    const { colour, shape } = styleOf(i);
    const key = `<g class="dot chosen c${colour}">${mark(8, 8, shape)}</g>`;
    return `<li><svg class="key" viewBox="0 0 16 16" aria-hidden="true">${key}</svg> ${escapeHtml(op)}</li>`;
  });
  return `<figure class="roofline"><div class="wide">
<svg class="plot" viewBox="0 0 ${width} ${height}" role="group" aria-label="roofline">
${gridLines(axes, size)}
${roofLines(axes, peaks)}
<text x="${(left + width - right) / 2}" y="${height - bottom + 36}" text-anchor="middle">operations a byte</text>
<text transform="translate(14 ${(height - bottom) / 2 + 20}) rotate(-90)" text-anchor="middle">GFLOP/s</text>
${marks.join('\n')}
</svg></div><ul class="legend">${legend.join('')}</ul></figure>`;
}

/** Colours of ops on a light and on a dark background. */
const COLOURS: readonly (readonly [light: string, dark: string])[] = [
  ['#1f6fb4', '#6db3f2'],
  ['#c4570a', '#ff9d4d'],
  ['#2c8a3d', '#6fce80'],
  ['#c0272d', '#ff7b7f'],
  ['#7b52ab', '#b998e6'],
  ['#7d5a4f', '#c39c90'],
  ['#c2449b', '#f28fd0'],
  ['#5f6670', '#a9b1bd'],
  ['#7c7c10', '#d3d35a'],
  ['#0c7c88', '#5fd4e0'],
];

/** Style sheet of `rooflinePlot`; its colours follow `color-scheme`. */
export const PLOT_STYLE = `.roofline{margin:1rem 0}.roofline .wide{overflow-x:auto}
.plot{display:block;width:100%;max-width:56rem;height:auto}
.roofline text{font-size:12px;fill:light-dark(#5b6475,#9aa3b5)}
.roofline .grid{stroke:light-dark(#e4e8ef,#2a303c);fill:none}
.roofline .roof{stroke:light-dark(#1d2330,#dfe3ec);fill:none;stroke-width:1.5}
.dot{stroke:currentColor;stroke-width:1.5;fill:transparent;cursor:default}.dot.chosen{fill:currentColor}
.dot .tip{display:none;stroke:none}.roofline .tip text{fill:light-dark(#1d2330,#dfe3ec);font-size:13px}
.dot:hover .tip,.dot:focus .tip{display:block}.dot:focus{outline:none;stroke-width:4}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1rem;padding:0;margin:.3rem 0;font-size:.85rem}
.key{display:inline-block;width:16px;height:16px;vertical-align:-3px}
${COLOURS.map(([light, dark], i) => `.c${i}{color:light-dark(${light},${dark})}`).join('')}`;
