import type { BenchRow } from '../../../src/bench/document.js';
import type { Peaks } from '../../../src/bench/peaks.js';
import { dotsOf, dotText, PLOT_STYLE, rooflinePlot } from '../../../src/bench/roofline.js';
import { h } from '../dom.js';

const HINT =
  'Point at a mark to see its kernel, or use the arrow keys in the plot. A click or Enter shows its row in the table.';

/** The report's roofline plot, fitted to the width of the page, with one tab stop and a text about the current mark. */
export class RooflineFigure {
  readonly element: HTMLElement;
  readonly #drawing = h('div', { class: 'drawing' });
  readonly #readout = h('p', { class: 'readout', 'aria-hidden': 'true' }, HINT);
  readonly #resized: ResizeObserver;
  #rows: readonly BenchRow[] = [];
  #peaks: Peaks | undefined;
  #width = 0;

  constructor(private readonly onChoose: (row: BenchRow) => void) {
    const about =
      'Each mark is a kernel on a layer. Marks further right have more operations a byte, and higher ones are faster. ' +
      'The line is the limit that the measured peaks set. Filled marks are what the engine chooses.';
    const style = h('style', {}, PLOT_STYLE);
    const beside = h('div', { class: 'stack' }, h('p', { class: 'hint' }, about), this.#readout);
    this.element = h('div', { class: 'figure', hidden: true }, style, this.#drawing, beside);
    this.#drawing.addEventListener('keydown', (e) => this.#key(e));
    for (const kind of ['focusin', 'pointerover'])
      this.#drawing.addEventListener(kind, (e) => this.#describe(rowOf(e.target, this.#rows)));
    this.#drawing.addEventListener('pointerleave', () => this.#describe(undefined));
    this.#drawing.addEventListener('click', (e) => this.#choose(e.target));
    this.#resized = new ResizeObserver(() => {
      if (Math.abs(this.#drawing.clientWidth - this.#width) > 8) this.#draw();
    });
    this.#resized.observe(this.#drawing);
  }

  show(rows: readonly BenchRow[], peaks: Peaks): void {
    this.#rows = rows;
    this.#peaks = peaks;
    this.#draw();
  }

  destroy(): void {
    this.#resized.disconnect();
  }

  #draw(): void {
    if (!this.#peaks) return;
    const focused = document.activeElement?.closest('.dot')?.getAttribute('data-row');
    this.element.hidden = !dotsOf(this.#rows).length;
    this.#width = this.#drawing.clientWidth;
    const width = Math.min(860, Math.max(340, this.#width || 860));
    const size = { width, height: Math.round(Math.min(420, 180 + 0.3 * width)), top: 12 };
    // This is safe, because the plot escapes the names in it.
    this.#drawing.innerHTML = rooflinePlot(this.#rows, this.#peaks, size);
    const dots = this.#dots();
    const same = dots.find((d) => d.dataset.row === focused);
    for (const [i, d] of dots.entries())
      d.setAttribute('tabindex', d === (same ?? dots[0]) || (!same && !i) ? '0' : '-1');
    same?.focus();
  }

  /** The marks from left to right. */
  #dots(): SVGGElement[] {
    const all = [...this.#drawing.querySelectorAll<SVGGElement>('.dot[data-row]')];
    const order = dotsOf(this.#rows);
    const at = (d: SVGGElement) => order.find((o) => o.row === rowOf(d, this.#rows));
    return all
      .map((d) => ({ d, dot: at(d) }))
      .sort((a, b) => (a.dot?.intensity ?? 0) - (b.dot?.intensity ?? 0) || (b.dot?.gflops ?? 0) - (a.dot?.gflops ?? 0))
      .map(({ d }) => d);
  }

  #key(e: KeyboardEvent): void {
    if (e.key === 'Enter') this.#choose(e.target);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
    const dots = this.#dots();
    const from = dots.indexOf(document.activeElement as SVGGElement);
    if (step === undefined || from < 0) return;
    e.preventDefault();
    const to = dots[(from + step + dots.length) % dots.length];
    dots[from]?.setAttribute('tabindex', '-1');
    to?.setAttribute('tabindex', '0');
    to?.focus();
  }

  #choose(target: EventTarget | null): void {
    const row = rowOf(target, this.#rows);
    if (row) this.onChoose(row);
  }

  #describe(row: BenchRow | undefined): void {
    const [dot] = row ? dotsOf([row]) : [];
    if (!dot) {
      this.#readout.textContent = HINT;
      return;
    }
    const { name, what, numbers } = dotText(dot);
    this.#readout.replaceChildren(h('strong', {}, name), ` ${what}`, h('br'), numbers);
  }
}

function rowOf(target: EventTarget | null, rows: readonly BenchRow[]): BenchRow | undefined {
  const index = target instanceof Element ? target.closest('.dot')?.getAttribute('data-row') : undefined;
  return index === null || index === undefined ? undefined : rows[Number(index)];
}
