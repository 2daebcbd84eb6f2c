import type { BenchRow, Speed } from '../../../src/bench/document.js';
import { percent, roofText, threeDigits } from '../../../src/bench/text.js';
import { h } from '../dom.js';

/** Columns that tell how fast something is, of the benchmark's table and of the one beside your own kernel. */
export interface SpeedColumn {
  readonly name: string;
  /** What the column says, for whoever points at it. */
  readonly title: string;
  readonly value: (speed: Speed, flops: number) => number;
  readonly text: (speed: Speed, flops: number) => string;
  /** Share of a bar to draw beside the text. */
  readonly bar?: (speed: Speed) => number;
}

const share = ({ share }: Speed, flops: number) => (flops ? share.flops : share.bytes);

export const SPEED: readonly SpeedColumn[] = [
  {
    ...{ name: 'ms', title: 'median time of one run' },
    value: (s) => s.times.median,
    text: (s) => threeDigits(s.times.median),
  },
  {
    ...{ name: 'spread', title: 'the range in ms that the middle half of the samples lies in; slow kernels run once' },
    value: (s) => (s.times.q3 - s.times.q1) / s.times.median,
    text: (s) => (s.times.samples > 1 ? `${threeDigits(s.times.q1)}–${threeDigits(s.times.q3)}` : 'one run'),
  },
  {
    ...{ name: 'GFLOP/s', title: '10⁹ operations that the op needs a second; a multiply-add counts two' },
    value: (s, flops) => (flops ? s.gflops : Number.NaN),
    text: (s, flops) => (flops ? threeDigits(s.gflops) : ''),
  },
  {
    ...{ name: 'GB/s', title: 'bytes of all arguments and results, each moved once' },
    value: (s) => s.gbs,
    text: (s) => threeDigits(s.gbs),
  },
  {
    ...{ name: 'of peak', title: 'share of the measured multiply-add peak; of bandwidth for an op without operations' },
    value: share,
    text: (s, flops) => percent(share(s, flops)),
  },
  {
    ...{ name: 'of roof', title: 'share of what this adapter can do with this mix of operations and bytes' },
    value: (s) => s.share.roof,
    text: (s) => roofText(s.share),
    bar: (s) => s.share.roof,
  },
];

/** A number's cell, with a bar where the column has one. */
export function speedCell(column: SpeedColumn, speed: Speed, flops: number): HTMLTableCellElement {
  const cell = h('td', { class: 'num' }, column.text(speed, flops));
  if (column.bar) {
    const fill = h('i');
    fill.style.width = `${(100 * Math.min(1, Math.max(0, column.bar(speed)))).toFixed(1)}%`;
    cell.append(h('span', { class: 'share', 'aria-hidden': 'true' }, fill));
  }
  return cell;
}

/** The case of a row; the room's name first where that of the op does not tell. */
export const caseOf = (r: BenchRow) => (r.op.startsWith(r.room) ? r.case : `${r.room}: ${r.case}`);
