import type { ComposedComparison } from '../../../src/bench/composed.js';
import {
  type BenchDocument,
  type BenchRow,
  benchDocument,
  compareBench,
  parseBench,
} from '../../../src/bench/document.js';
import type { Peaks } from '../../../src/bench/peaks.js';
import { selects } from '../../../src/bench/suite.js';
import { threeDigits } from '../../../src/bench/text.js';
import { decodeText } from '../../../src/data/text.js';
import type { AppContext } from '../app.js';
import { download, dropTarget, h } from '../dom.js';
import { counted } from '../words.js';
import { BenchControls, type Choice } from './bench-controls.js';
import { comparisonNotes, composedTable } from './bench-parts.js';
import { hostOf } from './host.js';
import { RooflineFigure } from './plot.js';
import type { BenchEvent, Catalogue } from './protocol.js';
import type { Session } from './session.js';
import { Status } from './status.js';
import { ResultsTable } from './table.js';

/** The benchmark on this adapter: its form, the roofline plot, the table of results, and the comparison with an older run. */
export class BenchView {
  readonly element: HTMLElement;
  readonly #controls: BenchControls;
  readonly #status: Status;
  readonly #table = new ResultsTable();
  readonly #plot = new RooflineFigure((row) => this.#table.reveal(row));
  readonly #peaksLine = h('p', { class: 'peaks', hidden: true });
  readonly #notes = h('div', { class: 'comparison' });
  readonly #composedBox = h('div');
  readonly #results = h('section', { class: 'card', 'aria-label': 'Results', hidden: true });
  readonly #chosenOnly = h('input', { type: 'checkbox', onchange: () => this.#show() });
  readonly #file = h('input', { type: 'file', accept: '.json,application/json' });
  readonly #undrop: () => void;
  #rows: BenchRow[] = [];
  #composed: ComposedComparison[] = [];
  #peaks: Peaks | undefined;
  #choice: Choice = { only: [], filter: '', samples: 7 };
  #date = '';
  #complete = false;
  #before: { readonly doc: BenchDocument; readonly name: string } | undefined;

  constructor(
    private readonly session: Session,
    private readonly catalogue: Catalogue,
    app: AppContext,
  ) {
    this.#status = new Status(app);
    this.#controls = new BenchControls(catalogue, {
      run: (choice) => void this.#run(choice),
      stop: () => session.stop(),
    });
    this.#file.addEventListener('change', () => {
      const [file] = this.#file.files ?? [];
      if (file) void this.#compareWith(file);
      this.#file.value = '';
    });
    const save = h('button', { type: 'button', onclick: () => this.#save() }, 'Download JSON');
    const compare = h('label', { class: 'button file' }, 'Compare with an older run…', this.#file);
    const chosen = h('label', { class: 'check' }, this.#chosenOnly, 'show only what the engine chooses (★)');
    this.#results.append(
      ...[this.#peaksLine, this.#plot.element],
      h('div', { class: 'row spread' }, chosen, save),
      ...[this.#table.element, this.#composedBox],
    );
    const hint = 'You can also drop its JSON file on this page. Files of pose-gan bench --out work too.';
    this.element = h(
      'div',
      { class: 'bench' },
      h(
        'section',
        { class: 'card', 'aria-label': 'Settings of the benchmark' },
        this.#controls.element,
        this.#status.element,
      ),
      h('div', { class: 'row' }, compare, h('span', { class: 'hint' }, hint)),
      this.#notes,
      this.#results,
    );
    this.#undrop = dropTarget(this.element, ([file]) => file && void this.#compareWith(file));
  }

  destroy(): void {
    this.#undrop();
    this.#plot.destroy();
  }

  async #run(choice: Choice): Promise<void> {
    this.#choice = choice;
    this.#rows = [];
    this.#composed = [];
    this.#peaks = undefined;
    this.#complete = false;
    this.#date = new Date().toISOString();
    this.#results.hidden = true;
    this.#controls.busy(true);
    this.#status.say('Measuring the peaks of this adapter…', 0);
    const begin = performance.now();
    try {
      await this.session.call('bench', choice, (e) => this.#event(e));
      this.#complete = true;
      const seconds = threeDigits((performance.now() - begin) / 1000);
      this.#status.say(`Done: ${counted(this.#rows.length, 'row')} in ${seconds} s.`);
    } catch (error) {
      this.#status.fail(error);
    } finally {
      this.#controls.busy(false);
      this.#show();
    }
  }

  #total = 1;
  #event(e: BenchEvent): void {
    if (e.kind === 'peaks') {
      this.#peaks = e.peaks;
      this.#total = e.cases;
    } else if (e.kind === 'case') {
      this.#status.say(`Case ${e.done + 1} of ${this.#total}: ${e.name}`, e.done / this.#total);
      return;
    } else if (e.kind === 'rows') this.#rows.push(...e.rows);
    else this.#composed.push(e.composed);
    this.#show();
  }

  #document(): BenchDocument | undefined {
    if (!this.#peaks) return undefined;
    const { adapter, timing } = this.catalogue;
    const { samples } = this.#choice;
    const measured = { samples, timing, peaks: this.#peaks, complete: this.#complete, date: this.#date };
    return benchDocument(adapter, { host: hostOf(), ...measured, rows: this.#rows, composed: this.#composed });
  }

  #show(): void {
    const doc = this.#document();
    this.#results.hidden = !doc;
    this.#notes.replaceChildren();
    const { only, filter } = this.#choice;
    const isSelected = (r: BenchRow) => only.includes(r.room) && selects(filter, r.room, r.case, r.op, r.variant);
    const comparison = doc && this.#before && compareBench(this.#before.doc, doc, isSelected);
    if (this.#before) {
      const remove = () => {
        this.#before = undefined;
        this.#show();
      };
      this.#notes.append(...comparisonNotes(this.#before.name, comparison, remove));
    }
    if (!doc) return;
    const { gflops, gbs } = doc.peaks;
    this.#peaksLine.hidden = false;
    const [compute, copy] = [`${threeDigits(gflops)} GFLOP/s (multiply-add)`, `${threeDigits(gbs)} GB/s (copy)`];
    this.#peaksLine.textContent = `Measured peaks: ${compute}, ${copy}`;
    const rows = doc.rows.filter((r) => !this.#chosenOnly.checked || r.chosen);
    const ratios = comparison?.rows.length ? new Map(comparison.rows.map((r) => [r.now, r.ratio])) : undefined;
    this.#plot.show(rows, doc.peaks);
    this.#table.show(rows, ratios);
    this.#composedBox.replaceChildren(...composedTable(doc.composed));
  }

  async #compareWith(file: File): Promise<void> {
    try {
      this.#before = {
        doc: parseBench(decodeText(new Uint8Array(await file.arrayBuffer()), file.name, 'benchmark'), file.name),
        name: file.name,
      };
      this.#show();
    } catch (error) {
      this.#status.fail(error);
    }
  }

  #save(): void {
    const doc = this.#document();
    if (doc) download('bench.json', `${JSON.stringify(doc, null, 2)}\n`, 'application/json');
  }
}
