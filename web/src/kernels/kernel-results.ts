import type { Peaks } from '../../../src/bench/peaks.js';
import { threeDigits } from '../../../src/bench/text.js';
import type { CheckResult, Failure } from '../../../src/bench/user-check.js';
import {
  differencesText,
  elementText,
  standingText,
  suspectText,
  whereText,
  wrongText,
} from '../../../src/bench/user-text.js';
import type { TimedCase, TimedRow } from '../../../src/bench/user-time.js';
import { h } from '../dom.js';
import { counted } from '../words.js';
import { scrolling } from './bench-parts.js';
import { SPEED, speedCell } from './columns.js';
import type { KernelResult } from './protocol.js';

/** Largest number of cases that a list names. */
const MAX_NAMED = 5;

function names(list: readonly string[]): HTMLElement {
  const more = list.length - MAX_NAMED;
  const shown = list.slice(0, MAX_NAMED).map((n) => h('li', {}, n));
  return h('ul', { class: 'hint' }, ...shown, more > 0 && h('li', {}, `and ${more} more`));
}

const verdict = (right: boolean, text: string) =>
  h('p', { class: `verdict ${right ? 'good' : 'bad'}` }, h('strong', {}, right ? '✓ Right' : '✗ Wrong'), ` ${text}`);

/** The result of a check: success, or the first error with its explanation. */
export function checkView(r: CheckResult, tolerance: number): HTMLElement {
  const [first, ...rest] = r.failures;
  const where = r.layouts.length > 1 ? ` (${r.layouts.map((x) => `${x.cases} ${x.name}`).join(', ')})` : '';
  const refusals = [...new Set(r.refused.map((c) => c.reason))].map((reason) => {
    const of = r.refused.filter((c) => c.reason === reason).map((c) => c.case);
    return h('details', {}, h('summary', {}, `Refused ${of.length}: ${reason}`), names(of));
  });
  return h(
    'section',
    { class: 'stack', 'aria-label': 'Check' },
    first
      ? verdict(false, `on ${r.failures.length} of ${counted(r.cases.length, 'case')}. The first:`)
      : verdict(
          true,
          `on ${counted(r.cases.length, 'case')}${where}; largest error ${r.worst.toExponential(1)} of ` +
            `${tolerance.toExponential()} against float64.`,
        ),
    first && failureView(first, r.looksLike),
    rest.length
      ? h('details', {}, h('summary', {}, `Also wrong: ${rest.length}`), names(rest.map((f) => f.case)))
      : null,
    r.deterministic ? null : h('p', {}, 'Runs gave different bits; our kernels always give the same.'),
    ...refusals,
  );
}

function failureView(f: Failure, looksLike: readonly string[]): HTMLElement {
  const { element, got, expected } = elementText(f);
  const fact = (name: string, value: string) => [h('dt', {}, name), h('dd', {}, value)];
  const outside = f.kind === 'wrote outside';
  return h(
    'dl',
    { class: 'facts failure' },
    fact('Case', `${f.case} (${whereText(f)})`),
    outside
      ? fact('Overwritten', `memory outside ${f.output}, at element ${f.index} of its buffer`)
      : [
          fact('First element', element),
          fact('Expected', expected),
          fact('Got', got),
          fact('Total', differencesText(f)),
        ],
    looksLike.map((hint) => fact('Looks like', hint)),
  );
}

const HEAD: readonly [name: string, title: string][] = [
  ['variant', '→ marks your kernel, and ★ what the engine chooses by default'],
  ...SPEED.map(({ name, title }): [string, string] => [name, title]),
  ['error', 'Σ(a − b)² / Σb² against our reference kernel on this size'],
  ['time / yours', 'above 1 means that your kernel is faster'],
];

function timedRow(r: TimedRow, flops: number): HTMLElement {
  const { error } = r;
  const off =
    error === undefined ? 'reference' : error === null ? 'not finite' : error === 0 ? '0' : error.toExponential(0);
  return h(
    'tr',
    { class: r.yours ? 'yours' : '' },
    h('td', {}, r.yours ? '→ ' : '', r.variant, r.chosen ? ' ★' : ''),
    ...SPEED.map((c) => speedCell(c, r.speed, flops)),
    h('td', { class: 'num' }, off),
    h('td', { class: 'num' }, r.yours ? '' : `${threeDigits(r.ratio)}×`),
  );
}

/** One timed case; the user's kernel comes first. */
export function timedView(c: TimedCase): HTMLElement {
  const head = HEAD.map(([name, title], i) => h('th', { scope: 'col', title, class: i ? 'num' : '' }, name));
  const rows = c.rows.map((r) => timedRow(r, c.flops));
  const { wrong } = c;
  return h(
    'section',
    { class: 'stack' },
    h('h3', {}, c.case),
    wrong && verdict(false, wrongText(wrong)),
    scrolling(c.case, h('table', { class: 'results' }, h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...rows))),
  );
}

const peaksText = ({ gflops, gbs }: Peaks) =>
  `Measured peaks: ${threeDigits(gflops)} GFLOP/s (multiply-add), ${threeDigits(gbs)} GB/s (copy).`;

/** The summary of all timed cases. */
export function meanView({ time }: KernelResult): HTMLElement[] {
  if (!time) return [];
  const text = standingText(time).join('; ');
  const suspect = suspectText(time);
  return [
    ...(suspect.length ? [h('p', {}, suspect.join(' '))] : []),
    ...(text ? [h('p', {}, `${text.replace(/^y/, 'Y')}.`)] : []),
    h('p', { class: 'hint' }, peaksText(time.peaks)),
    ...time.refused.map((r) => h('p', { class: 'hint' }, `Refused: ${r.case}: ${r.reason}`)),
  ];
}
