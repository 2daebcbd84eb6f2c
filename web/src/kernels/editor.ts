import { freshId, h } from '../dom.js';

const INDENT = '  ';

/**
 * A text area for code with line numbers and a mark at a wrong line, in which Tab indents. After Esc, Tab leaves it, so that
 * keyboard users are not trapped.
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
      h(
        'p',
        { class: 'hint', id: `${id}-keys` },
        'Tab indents and Shift+Tab unindents. To leave the editor, press Esc and then Tab.',
      ),
    );
    this.#number();
  }

  get value(): string {
    return this.#area.value;
  }

  /** Shows another text, which discards the old one and its undo history. */
  set value(text: string) {
    this.#area.value = text;
    this.#wrong = undefined;
    this.#number();
  }

  /** Replaces the text as if the user had typed it, so that the browser's undo restores the old one. */
  replace(text: string): void {
    this.#area.focus();
    this.#area.select();
    this.#insert(text);
    this.#area.setSelectionRange(0, 0);
    this.#area.scrollTop = 0;
  }

  /** Marks a line, counted from 1; `undefined` removes the mark. */
  mark(line: number | undefined): void {
    this.#wrong = line;
    this.#number();
  }

  /** Moves the cursor to a line and column, both counted from 1. */
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

  /** Indents the lines of the selection, or inserts an indent at the cursor if nothing is selected. */
  #indent(back: boolean): void {
    const { selectionStart: from, selectionEnd: to, value } = this.#area;
    if (from === to && !back) {
      this.#insert(INDENT);
      return;
    }
    const begin = value.lastIndexOf('\n', from - 1) + 1;
    // A selection that ends at the beginning of a line does not include that line.
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
    // This deprecated command is the only change of a text area that the browser can undo. Without it, set the text directly.
    if (document.execCommand('insertText', false, text)) return;
    const { selectionStart: from, selectionEnd: to } = this.#area;
    this.#area.setRangeText(text, from, to, 'end');
    this.#area.dispatchEvent(new Event('input'));
  }
}
