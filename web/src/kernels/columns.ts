import type { BenchRow, Speed } from '../../../src/bench/document.js';
import { percent, roofText, threeDigits } from '../../../src/bench/text.js';
import { h } from '../dom.js';

/** A column about speed, in the table of the benchmark and in that of the user's own kernel. */
export interface SpeedColumn {
  readonly name: string;
  /** Tooltip that explains the column. */
  readonly title: string;
  readonly value: (speed: Speed, flops: number) => number;
  readonly text: (speed: Speed, flops: number) => string;
  /** Length of a bar next to the text, from 0 to 1. */
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
    ...{ name: 'spread', title: 'range in ms of the middle half of the samples; slow kernels run once' },
    value: (s) => (s.times.q3 - s.times.q1) / s.times.median,
    text: (s) => (s.times.samples > 1 ? `${threeDigits(s.times.q1)}–${threeDigits(s.times.q3)}` : 'one run'),
  },
  {
    ...{
      name: 'GFLOP/s',
      title: '10⁹ operations a second, counted by what the op needs; a multiply-add counts as two',
    },
    value: (s, flops) => (flops ? s.gflops : Number.NaN),
    text: (s, flops) => (flops ? threeDigits(s.gflops) : ''),
  },
  {
    ...{ name: 'GB/s', title: '10⁹ bytes a second, counting every argument and result once' },
    value: (s) => s.gbs,
    text: (s) => threeDigits(s.gbs),
  },
  {
    ...{
      name: 'of peak',
      title: 'share of the measured multiply-add peak, or of the bandwidth if the op counts no operations',
    },
    value: share,
    text: (s, flops) => percent(share(s, flops)),
  },
  {
    ...{
      name: 'of roof',
      title: 'share of the speed that the measured peaks allow for this mix of operations and bytes',
    },
    value: (s) => s.share.roof,
    text: (s) => roofText(s.share),
    bar: (s) => s.share.roof,
  },
];

/** The cell of a number, with a bar if the column has one. */
export function speedCell(column: SpeedColumn, speed: Speed, flops: number): HTMLTableCellElement {
  const cell = h('td', { class: 'num' }, column.text(speed, flops));
  if (column.bar) {
    const fill = h('i');
    fill.style.width = `${(100 * Math.min(1, Math.max(0, column.bar(speed)))).toFixed(1)}%`;
    cell.append(h('span', { class: 'share', 'aria-hidden': 'true' }, fill));
  }
  return cell;
}

/** The case of a row, after the name of its room unless the op's name begins with it. */
export const caseOf = (r: BenchRow) => (r.op.startsWith(r.room) ? r.case : `${r.room}: ${r.case}`);
