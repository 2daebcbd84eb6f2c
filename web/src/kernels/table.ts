import type { BenchRow } from '../../../src/bench/document.js';
import { errorText, suspicious } from '../../../src/bench/text.js';
import { h } from '../dom.js';
import { caseOf, SPEED, speedCell } from './columns.js';

interface Column {
  readonly name: string;
  readonly title: string;
  readonly number: boolean;
  readonly value: (row: BenchRow) => string | number;
}

/** Old time / new time of the rows that an older benchmark has too. */
export type Ratios = ReadonlyMap<BenchRow, number>;

function columnsOf(ratios: Ratios | undefined): Column[] {
  const text = (name: string, title: string, value: Column['value']) => ({ name, title, number: false, value });
  return [
    text('op', 'the operation', (r) => r.op),
    text('case', 'the shapes, which are those of a layer of the model', caseOf),
    text('variant', 'the kernel; ★ marks what the engine chooses by default', (r) => r.variant),
    ...SPEED.map(({ name, title, value }) => ({
      ...{ name, title, number: true },
      value: (r: BenchRow) => (r.speed ? value(r.speed, r.flops) : Number.NaN),
    })),
    {
      ...{ name: 'error', title: 'Σ(a − b)² / Σb² against a float64 reference', number: true },
      value: (r) => r.error?.nmse ?? Number.NaN,
    },
    ...(ratios
      ? [
          {
            ...{
              name: 'before / now',
              title: 'old time / new time; above 1 means that this run is faster',
              number: true,
            },
            value: (r: BenchRow) => ratios.get(r) ?? Number.NaN,
          },
        ]
      : []),
  ];
}

/** Sorts by a column. Rows without a value in it come last in both directions. */
function sorted(rows: readonly BenchRow[], value: Column['value'], descending: boolean): BenchRow[] {
  const sign = descending ? -1 : 1;
  const missing = (v: string | number) => typeof v === 'number' && !Number.isFinite(v);
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
    return x < y ? -sign : x > y ? sign : 0;
  });
}

/** The benchmark's rows as a table that can be sorted by any column. At first they are in the order of measurement. */
export class ResultsTable {
  readonly element: HTMLElement;
  readonly #head = h('tr');
  readonly #body = h('tbody');
  #rows: readonly BenchRow[] = [];
  #ratios: Ratios | undefined;
  #sort: { name: string; descending: boolean } | undefined;
  readonly #lines = new Map<BenchRow, HTMLTableRowElement>();

  constructor() {
    const table = h('table', { class: 'results' }, h('thead', {}, this.#head), this.#body);
    this.element = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'results' }, table);
    this.#draw();
  }

  show(rows: readonly BenchRow[], ratios?: Ratios): void {
    this.#rows = rows;
    this.#ratios = ratios;
    this.#draw();
  }

  /** Brings a row into view and marks it. */
  reveal(row: BenchRow): void {
    const line = this.#lines.get(row);
    for (const other of this.#lines.values()) other.classList.toggle('marked', other === line);
    line?.scrollIntoView({ block: 'center', behavior: 'auto' });
  }

  #draw(): void {
    const columns = columnsOf(this.#ratios);
    const by = columns.find((c) => c.name === this.#sort?.name);
    const descending = this.#sort?.descending ?? false;
    const focused = document.activeElement?.closest('th')?.getAttribute('data-column');
    this.#head.replaceChildren(
      ...columns.map((c) => {
        const order = c === by ? (descending ? 'descending' : 'ascending') : undefined;
        const button = h('button', { type: 'button', title: c.title, onclick: () => this.#sortBy(c) }, c.name);
        const kind = c.number ? 'num' : '';
        return h('th', { scope: 'col', class: kind, 'aria-sort': order, 'data-column': c.name }, button);
      }),
    );
    const rows = by ? sorted(this.#rows, by.value, descending) : this.#rows;
    this.#lines.clear();
    const wrong = new Set(suspicious(rows));
    this.#body.replaceChildren(
      ...rows.map((r) => {
        const line = this.#line(r, wrong.has(r));
        this.#lines.set(r, line);
        return line;
      }),
    );
    if (focused) this.#head.querySelector<HTMLElement>(`[data-column="${focused}"] button`)?.focus();
  }

  #line(r: BenchRow, wrong: boolean): HTMLTableRowElement {
    const variant = h('td', {}, r.variant);
    if (r.chosen) variant.append(h('span', { class: 'star', title: 'what the engine chooses' }, ' ★'));
    const { speed } = r;
    const numbers = speed
      ? SPEED.map((c) => speedCell(c, speed, r.flops))
      : [h('td', { colspan: SPEED.length, class: 'why' }, r.untimed ?? 'not timed')];
    const ratio = this.#ratios?.get(r);
    return h(
      'tr',
      { class: r.chosen ? 'chosen' : '' },
      ...[h('td', {}, r.op), h('td', { class: 'case' }, caseOf(r)), variant, ...numbers],
      h('td', { class: `num${wrong ? ' bad' : ''}` }, errorText(r)),
      this.#ratios && h('td', { class: 'num' }, ratio === undefined ? '' : `${ratio.toFixed(2)}×`),
    );
  }

  /** Sorts numbers from the largest and words from A; a second click reverses that, and a third restores the first order. */
  #sortBy({ name, number }: Column): void {
    const first = number;
    if (this.#sort?.name !== name) this.#sort = { name, descending: first };
    else this.#sort = this.#sort.descending === first ? { name, descending: !first } : undefined;
    this.#draw();
  }
}
