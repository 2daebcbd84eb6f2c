import { MAX_NMSE } from '../../../src/bench/user-check.js';
import type { AppContext } from '../app.js';
import { field, h, replace } from '../dom.js';
import { recall, remember } from '../remember.js';
import { WorkerFailure } from '../rpc.js';
import { counted } from '../words.js';
import { contractView } from './contract-view.js';
import { DraftForm } from './draft-form.js';
import { draftOf, kernelOf, partName, recallDraft, rememberDraft } from './drafts.js';
import { checkView, meanView, timedView } from './kernel-results.js';
import type { Catalogue, KernelEvent, OpEntry } from './protocol.js';
import type { Session } from './session.js';
import { Status } from './status.js';

/** Number of samples of each kernel. */
const SAMPLES = 7;

/** The user's kernel for an op: its contract, the editor, the check, and the times of it and of our kernels. */
export class KernelView {
  readonly element: HTMLElement;
  readonly #status: Status;
  readonly #form: DraftForm;
  readonly #op: HTMLSelectElement;
  readonly #from = h('select');
  readonly #layer = h('select');
  readonly #contract = h('div', { 'aria-busy': 'true' });
  readonly #found = h('section', { class: 'card found', 'aria-label': 'Results' });
  readonly #check = h('button', { type: 'button', onclick: () => void this.#run(true) }, 'Check');
  readonly #time = h(
    'button',
    { type: 'button', class: 'primary', onclick: () => void this.#run(false) },
    'Check and time',
  );
  readonly #stop: HTMLButtonElement;
  readonly #ops: ReadonlyMap<string, OpEntry>;

  constructor(
    private readonly session: Session,
    catalogue: Catalogue,
    private readonly app: AppContext,
  ) {
    this.#status = new Status(app);
    this.#ops = new Map(catalogue.ops.map((o) => [o.name, o]));
    this.#form = new DraftForm((draft) => rememberDraft(this.#entry().name, draft));
    this.#op = h('select', { onchange: () => void this.#choose(this.#op.value) }, ...groups(catalogue.ops));
    this.#stop = h('button', { type: 'button', hidden: true, onclick: () => session.stop() }, 'Stop');
    const load = h('button', { type: 'button', onclick: () => void this.#load(this.#from.value) }, 'Load');
    this.element = h(
      'div',
      { class: 'own' },
      h(
        'section',
        { class: 'card', 'aria-label': 'Your kernel' },
        h(
          'div',
          { class: 'launch' },
          field('Op', this.#op),
          field('Start from', h('div', { class: 'row nowrap' }, this.#from, load)),
        ),
        this.#form.element,
        h('div', { class: 'row go' }, ...[this.#check, this.#time, this.#stop], field('Time on', this.#layer)),
        this.#status.element,
      ),
      h('section', { class: 'card about', 'aria-label': 'Contract' }, this.#contract),
      this.#found,
    );
    const first = recall('kernels op', 'leakyRelu');
    this.#op.value = this.#ops.has(first) ? first : 'leakyRelu';
    void this.#choose(this.#op.value);
  }

  #entry(): OpEntry {
    return this.#ops.get(this.#op.value) as OpEntry;
  }

  /** Shows another op with its contract and the user's last kernel for it, or our reference if there is none. */
  async #choose(name: string): Promise<void> {
    remember('kernels op', name);
    const op = this.#entry();
    replace(this.#found);
    replace(
      this.#from,
      [...op.variants]
        .reverse()
        .map((v) => h('option', { value: v }, v === op.reference ? `our ${v} (reference)` : `our ${v}`)),
    );
    const all = op.layers.length > 1 && h('option', { value: '' }, `all ${op.layers.length} layers`);
    replace(
      this.#layer,
      all,
      op.layers.map((l) => h('option', { value: l }, l)),
    );
    const draft = recallDraft(name);
    if (draft) this.#form.show(op, draft);
    else await this.#load(op.reference, false);
    try {
      const contract = await this.session.call('contract', { op: name });
      if (this.#op.value === name) replace(this.#contract, contractView(contract));
    } catch (error) {
      this.#status.fail(error);
    }
  }

  /** Loads one of our kernels into the editor. */
  async #load(variant: string, typed = true): Promise<void> {
    const op = this.#entry();
    try {
      const sources = await this.session.call('sources', { op: op.name, variant });
      if (this.#entry() !== op) return;
      this.#form.show(op, draftOf(sources, variant), typed);
      rememberDraft(op.name, this.#form.draft);
      if (typed) this.app.status(`The editor now shows our ${variant}. Undo restores the text before.`);
    } catch (error) {
      this.#status.fail(error);
    }
  }

  #busy(on: boolean): void {
    const focused = document.activeElement;
    for (const b of [this.#check, this.#time, this.#op]) b.disabled = on;
    this.#stop.hidden = !on;
    if (on && (focused === this.#check || focused === this.#time)) this.#stop.focus();
    else if (!on && focused === this.#stop) this.#check.focus();
  }

  async #run(checkOnly: boolean): Promise<void> {
    const { draft } = this.#form;
    this.#form.mark(undefined);
    replace(this.#found);
    this.#busy(true);
    this.#status.begin('Checking…');
    try {
      const kernel = kernelOf(this.#entry().name, draft);
      const params = { kernel, layer: this.#layer.value, samples: SAMPLES, checkOnly };
      const result = await this.session.call('kernel', params, (e) => this.#event(e));
      this.#found.append(...meanView(result));
      const { check, time } = result;
      const right = check.passed
        ? `right on ${counted(check.cases.length, 'case')}`
        : `wrong on ${counted(check.failures.length, 'case')}`;
      this.#status.say(`Your kernel is ${right}${time ? ', and timed' : ''}.`);
    } catch (error) {
      this.#status.fail(error);
      this.#locate(error, draft.parts.length);
    } finally {
      this.#busy(false);
    }
  }

  #event(e: KernelEvent): void {
    if (e.kind === 'progress') {
      const what = e.what === 'check' ? 'Checking' : 'Timing';
      this.#status.say(`${what} ${e.done + 1} of ${e.total}: ${e.name}`, e.done / e.total);
    } else if (e.kind === 'checked') this.#found.append(checkView(e.check, MAX_NMSE));
    else this.#found.append(timedView(e.timed));
    if (e.kind !== 'progress') this.#found.scrollIntoView({ block: 'nearest' });
  }

  /** Marks the line that does not compile. The error names it, as in `part 2[SIZE=64]: line 3:14: …`. */
  #locate(error: unknown, parts: number): void {
    if (!(error instanceof WorkerFailure) || error.name !== 'ShaderError') return;
    const [, source = '', line, column] = /^(.*?): line (\d+):(\d+): /.exec(error.message) ?? [];
    if (line === undefined) return;
    const names = Array.from({ length: parts }, (_, i) => partName(i, parts));
    const part = names.findIndex((name) => source.startsWith(name));
    this.#form.mark(Math.max(0, part), Number(line), Number(column));
  }
}

/** The options of all ops, grouped by room. */
function groups(ops: readonly OpEntry[]): HTMLElement[] {
  const rooms = [...new Set(ops.map((o) => o.room))].sort();
  return rooms.map((room) => {
    const own = ops.filter((o) => o.room === room).sort((a, b) => Number(b.name === room) - Number(a.name === room));
    return h('optgroup', { label: room }, ...own.map((o) => h('option', { value: o.name }, o.name)));
  });
}
