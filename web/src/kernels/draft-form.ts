import { field, h, replace } from '../dom.js';
import { type Draft, emptyPart, type Part } from './drafts.js';
import { Editor } from './editor.js';
import type { OpEntry } from './protocol.js';

type Typed = 'workgroups' | 'entry' | 'params' | 'constants';

/** The editor and the launch settings of a kernel, with one part for each of its dispatches. */
export class DraftForm {
  readonly element: HTMLElement;
  readonly #editor = new Editor('Kernel (WGSL)', () => this.#typed());
  readonly #tabs = h('div', { class: 'row parts', role: 'group', 'aria-label': 'Parts of the kernel' });
  readonly #like = h('select', { onchange: () => this.#typed() });
  readonly #inputs: Readonly<Record<Typed | 'scratch' | 'require', HTMLInputElement>>;
  #draft: Draft = { parts: [emptyPart()], like: '', scratch: '', require: '' };
  #at = 0;

  constructor(private readonly onChange: (draft: Draft) => void) {
    const input = (placeholder: string) =>
      h('input', {
        ...{ type: 'text', class: 'mono', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off' },
        ...{ placeholder, oninput: () => this.#typed() },
      });
    const inputs = {
      ...{ workgroups: input('grid(y.rows * y.channels, 64)'), entry: input('the first @compute function') },
      ...{ params: input('half = O / 2'), constants: input('SIZE = 32') },
      ...{ scratch: input('sums = y.channels'), require: input('C % 4 == 0') },
    };
    this.#inputs = inputs;
    this.element = h(
      'div',
      { class: 'stack' },
      this.#tabs,
      this.#editor.element,
      h(
        'div',
        { class: 'launch' },
        field('Launch', this.#like),
        field('Workgroups', inputs.workgroups, 'X, Y, Z or grid(INVOCATIONS, SIZE)'),
      ),
      h(
        'details',
        {},
        h('summary', {}, 'More: your own params, overrides and scratch buffers, conditions, several dispatches'),
        h(
          'div',
          { class: 'launch' },
          field('Params', inputs.params, 'values of fields of your own in struct Params'),
          field('Constants', inputs.constants, 'values of override constants'),
          field('Scratch', inputs.scratch, 'buffers of your own with their sizes in 4-byte elements'),
          field('Require', inputs.require, 'the kernel refuses calls for which this is false'),
          field('Entry point', inputs.entry),
          h(
            'div',
            { class: 'row' },
            h('button', { type: 'button', onclick: () => this.#add() }, 'Add a dispatch'),
            h('button', { type: 'button', onclick: () => this.#remove() }, 'Remove this dispatch'),
          ),
        ),
      ),
    );
  }

  get draft(): Draft {
    return this.#draft;
  }

  /** Shows a kernel of an op. With `undoable`, one single source replaces another in a way that the browser can undo. */
  show(op: OpEntry, draft: Draft, undoable = false): void {
    const canUndo = undoable && draft.parts.length === 1 && this.#draft.parts.length === 1;
    this.#draft = structuredClone(draft);
    this.#at = 0;
    const options = op.variants.map((v) => h('option', { value: v }, `like our ${v}`));
    replace(this.#like, h('option', { value: '' }, 'with its own workgroups'), options);
    this.#like.value = op.variants.includes(draft.like) ? draft.like : '';
    this.#fill(canUndo);
  }

  /** Marks a line of a part; without a part, removes the mark. */
  mark(part: number | undefined, line?: number, column = 1): void {
    if (part === undefined || line === undefined) {
      this.#editor.mark(undefined);
      return;
    }
    this.#open(part);
    this.#editor.mark(line);
    this.#editor.goTo(line, column);
  }

  #part(): Part {
    return this.#draft.parts[this.#at] ?? (this.#draft.parts[0] as Part);
  }

  #typed(): void {
    const part = this.#part();
    part.code = this.#editor.value;
    for (const name of ['workgroups', 'entry', 'params', 'constants'] as const) part[name] = this.#inputs[name].value;
    this.#draft.like = this.#like.value;
    this.#draft.scratch = this.#inputs.scratch.value;
    this.#draft.require = this.#inputs.require.value;
    this.#hint();
    this.onChange(this.#draft);
  }

  #fill(canUndo = false): void {
    const part = this.#part();
    for (const name of ['workgroups', 'entry', 'params', 'constants'] as const) this.#inputs[name].value = part[name];
    this.#inputs.scratch.value = this.#draft.scratch;
    this.#inputs.require.value = this.#draft.require;
    const { parts } = this.#draft;
    this.#tabs.hidden = parts.length < 2;
    replace(
      this.#tabs,
      parts.map((_, i) =>
        h(
          'button',
          { type: 'button', 'aria-pressed': String(i === this.#at), onclick: () => this.#open(i) },
          `Dispatch ${i + 1}`,
        ),
      ),
    );
    if (canUndo) this.#editor.replace(part.code);
    else this.#editor.value = part.code;
    this.#hint();
  }

  #hint(): void {
    this.#inputs.workgroups.placeholder = this.#like.value
      ? `the workgroups of our ${this.#like.value}`
      : 'grid(y.rows * y.channels, 64)';
  }

  #open(i: number): void {
    if (i === this.#at) return;
    this.#at = i;
    this.#fill();
  }

  #add(): void {
    this.#draft.parts.push(emptyPart());
    this.#at = this.#draft.parts.length - 1;
    this.#fill();
    this.onChange(this.#draft);
  }

  #remove(): void {
    if (this.#draft.parts.length < 2) return;
    this.#draft.parts.splice(this.#at, 1);
    this.#at = 0;
    this.#fill();
    this.onChange(this.#draft);
  }
}
