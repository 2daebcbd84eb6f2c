import type { ComposedComparison } from '../../../src/bench/composed.js';
import type { Comparison } from '../../../src/bench/document.js';
import { threeDigits } from '../../../src/bench/text.js';
import { h } from '../dom.js';
import { counted } from '../words.js';

/** Names that are listed at most. */
const LISTED = 12;

const times = (ratio: number | null) => (ratio === null ? '–' : `${ratio.toFixed(2)}×`);

/** What an older run says beside this one, and a button to forget it. */
export function comparisonNotes(name: string, comparison: Comparison | undefined, forget: () => void): HTMLElement[] {
  const close = h('button', { type: 'button', class: 'small', onclick: forget }, 'Remove');
  if (!comparison?.rows.length) {
    const why = comparison
      ? 'has no row in common with this run yet'
      : 'is ready: run the benchmark to see what changed';
    return [h('p', {}, h('strong', {}, name), ` ${why}. `, close)];
  }
  const { rows, mean, chosenMean, differences, onlyBefore, onlyNow } = comparison;
  const notes = [
    ...differences.map((d) => `not alike: ${d}`),
    ...listed('only before', onlyBefore),
    ...listed('only now', onlyNow),
  ];
  return [
    h(
      'p',
      {},
      ...['Compared with ', h('strong', {}, name), `, ${counted(rows.length, 'row')}: `],
      `geometric mean ${times(mean)}, of what the engine chooses ${times(chosenMean)} (above 1: faster now). `,
      close,
    ),
    ...(notes.length ? [h('ul', { class: 'hint' }, ...notes.map((n) => h('li', {}, n)))] : []),
  ];
}

function listed(what: string, names: readonly string[]): string[] {
  const more = names.length - LISTED;
  return [...names.slice(0, LISTED).map((n) => `${what}: ${n}`), ...(more > 0 ? [`${what}: ${more} more`] : [])];
}

/** Ops beside the same written in simpler ones. */
export function composedTable(list: readonly ComposedComparison[]): HTMLElement[] {
  if (!list.length) return [];
  const head = ['op', 'case', 'pass', 'one op, ms', 'simpler ops, ms', 'time', 'memory'];
  const rows = list.flatMap((c) =>
    (['forward', 'training'] as const).flatMap((pass) => {
      const contest = c[pass];
      if (!contest) return [];
      const ms = [contest.fused, contest.composed].map((x) => threeDigits(x.times.median));
      const ratios = [contest.timeRatio, contest.memoryRatio].map((r) => `${threeDigits(r)}×`);
      return [h('tr', {}, ...[c.room, c.case, pass].map(cell), ...[...ms, ...ratios].map(number))];
    }),
  );
  return [
    h('h3', {}, 'Against the same of simpler ops'),
    h('p', { class: 'hint' }, 'Above 1: the composition takes longer, or more memory.'),
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

/** A wide table that scrolls by itself, by keyboard too. */
export const scrolling = (label: string, table: HTMLElement) =>
  h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, table);
