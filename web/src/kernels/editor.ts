import { freshId, h } from '../dom.js';

const INDENT = '  ';

/**
 * A text area for code: line numbers, a mark beside a wrong line, Tab that indents. Esc lets the next Tab leave it, so
 * that it is not a trap for the keyboard.
 */
export class Editor {
  readonly element: HTMLElement;
  readonly #area: HTMLTextAreaElement;
  readonly #numbers = h('pre', { class: 'numbers', 'aria-hidden': 'true' });
  #lines = 0;
  #wrong: number | undefined;
  #leaving = false;

  constructor(label: string, onInput: () => void) {
    const id = freshId('editor');
    this.#area = h('textarea', {
      ...{ id, rows: 26, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', wrap: 'off' },
      ...{ 'aria-describedby': `${id}-keys`, onkeydown: (e: KeyboardEvent) => this.#key(e) },
      onscroll: () => this.#follow(),
      onblur: () => {
        this.#leaving = false;
      },
      oninput: () => {
        this.#wrong = undefined;
        this.#number();
        onInput();
      },
    });
    this.element = h(
      'div',
      { class: 'code' },
      h('label', { for: id }, label),
      h('div', { class: 'editor' }, this.#numbers, this.#area),
      h('p', { class: 'hint', id: `${id}-keys` }, 'Tab indents, Shift Tab the other way; Esc and then Tab leaves.'),
    );
    this.#number();
  }

  get value(): string {
    return this.#area.value;
  }

  /** Shows another text; what was there is gone. */
  set value(text: string) {
    this.#area.value = text;
    this.#wrong = undefined;
    this.#number();
  }

  /** Puts a text in the place of all, as if it was typed: the browser's undo brings the old one back. */
  replace(text: string): void {
    this.#area.focus();
    this.#area.select();
    this.#insert(text);
    this.#area.setSelectionRange(0, 0);
    this.#area.scrollTop = 0;
  }

  /** Marks a line, from 1; nothing without one. */
  mark(line: number | undefined): void {
    this.#wrong = line;
    this.#number();
  }

  /** Puts the cursor there; line and column from 1. */
  goTo(line: number, column: number): void {
    const lines = this.#area.value.split('\n');
    const at = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0) + column - 1;
    this.#area.focus();
    this.#area.setSelectionRange(at, at);
    const height = this.#area.scrollHeight / lines.length;
    this.#area.scrollTop = Math.max(0, (line - 6) * height);
  }

  #number(): void {
    const lines = this.#area.value.split('\n').length;
    if (lines === this.#lines && this.#wrong === undefined && !this.#numbers.querySelector('.wrong')) return;
    this.#lines = lines;
    const numbers = Array.from({ length: lines }, (_, i) =>
      i + 1 === this.#wrong ? h('span', { class: 'wrong' }, `${i + 1}`) : `${i + 1}`,
    );
    this.#numbers.replaceChildren(...numbers.flatMap((n) => [n, '\n']));
    this.#follow();
  }

  #follow(): void {
    this.#numbers.scrollTop = this.#area.scrollTop;
  }

  #key(e: KeyboardEvent): void {
    if (e.key === 'Escape') this.#leaving = true;
    else if (e.key !== 'Tab') this.#leaving = this.#leaving && e.key === 'Shift';
    else if (!this.#leaving && !e.ctrlKey && !e.altKey && !e.metaKey) {
      e.preventDefault();
      this.#indent(e.shiftKey);
    }
  }

  /** The lines of the selection, or, without one, the place of the cursor. */
  #indent(back: boolean): void {
    const { selectionStart: from, selectionEnd: to, value } = this.#area;
    if (from === to && !back) {
      this.#insert(INDENT);
      return;
    }
    const begin = value.lastIndexOf('\n', from - 1) + 1;
    // A selection that ends at the begin of a line does not mean that line.
    const last = to > from && value[to - 1] === '\n' ? to - 1 : to;
    const end = value.indexOf('\n', last) < 0 ? value.length : value.indexOf('\n', last);
    const lines = value.slice(begin, end).split('\n');
    const changed = lines.map((l) => (back ? l.replace(/^ {1,2}|^\t/, '') : l && INDENT + l)).join('\n');
    if (changed === value.slice(begin, end)) return;
    this.#area.setSelectionRange(begin, end);
    this.#insert(changed);
    this.#area.setSelectionRange(begin, begin + changed.length);
  }

  #insert(text: string): void {
    // The only way to change a text area that its undo knows of; where it is gone, the text still changes.
    if (document.execCommand('insertText', false, text)) return;
    const { selectionStart: from, selectionEnd: to } = this.#area;
    this.#area.setRangeText(text, from, to, 'end');
    this.#area.dispatchEvent(new Event('input'));
  }
}
