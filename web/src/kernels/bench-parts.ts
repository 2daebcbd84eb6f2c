import type { ComposedComparison } from '../../../src/bench/composed.js';
import type { Comparison } from '../../../src/bench/document.js';
import { threeDigits } from '../../../src/bench/text.js';
import { h } from '../dom.js';
import { counted } from '../words.js';

/** Largest number of names that are listed. */
const MAX_LISTED = 12;

const times = (ratio: number | null) => (ratio === null ? '–' : `${ratio.toFixed(2)}×`);

/** The summary of a comparison with an older run, and a button to remove that run. */
export function comparisonNotes(name: string, comparison: Comparison | undefined, remove: () => void): HTMLElement[] {
  const close = h('button', { type: 'button', class: 'small', onclick: remove }, 'Remove');
  if (!comparison?.rows.length) {
    const why = comparison
      ? 'has no row in common with this run yet'
      : 'is loaded; run the benchmark to see what changed';
    return [h('p', {}, h('strong', {}, name), ` ${why}. `, close)];
  }
  const { rows, mean, chosenMean, differences, onlyBefore, onlyNow } = comparison;
  const notes = [
    ...differences.map((d) => `different ${d}`),
    ...listed('timed only before', onlyBefore),
    ...listed('timed only now', onlyNow),
  ];
  return [
    h(
      'p',
      {},
      ...['Compared with ', h('strong', {}, name), `, ${counted(rows.length, 'row')}: `],
      `the geometric mean is ${times(mean)}, and ${times(chosenMean)} for what the engine chooses. A ratio above 1 means that ` +
        'this run is faster. ',
      close,
    ),
    ...(notes.length ? [h('ul', { class: 'hint' }, ...notes.map((n) => h('li', {}, n)))] : []),
  ];
}

function listed(what: string, names: readonly string[]): string[] {
  const more = names.length - MAX_LISTED;
  return [...names.slice(0, MAX_LISTED).map((n) => `${what}: ${n}`), ...(more > 0 ? [`${what}: ${more} more`] : [])];
}

/** The table of fused ops and their compositions of simpler ops. */
export function composedTable(list: readonly ComposedComparison[]): HTMLElement[] {
  if (!list.length) return [];
  const head = ['op', 'case', 'pass', 'fused ms', 'composed ms', 'time ratio', 'memory ratio'];
  const rows = list.flatMap((c) =>
    (['forward', 'training'] as const).flatMap((pass) => {
      const comparison = c[pass];
      if (!comparison) return [];
      const ms = [comparison.fused, comparison.composed].map((x) => threeDigits(x.times.median));
      const ratios = [comparison.timeRatio, comparison.memoryRatio].map((r) => `${threeDigits(r)}×`);
      return [h('tr', {}, ...[c.room, c.case, pass].map(cell), ...[...ms, ...ratios].map(number))];
    }),
  );
  return [
    h('h3', {}, 'Fused ops and their compositions of simpler ops'),
    h('p', { class: 'hint' }, 'A ratio above 1 means that the composition takes more time or memory.'),
    scrolling(
      'composed',
      h(
        'table',
        { class: 'results' },
        h('thead', {}, h('tr', {}, ...head.map((n, i) => h('th', { scope: 'col', class: i > 2 ? 'num' : '' }, n)))),
        h('tbody', {}, ...rows),
      ),
    ),
  ];
}

const cell = (text: string) => h('td', {}, text);
const number = (text: string) => h('td', { class: 'num' }, text);

/** A box in which a wide table can be scrolled, with the keyboard too. */
export const scrolling = (label: string, table: HTMLElement) =>
  h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, table);
