import type { AppContext } from '../app.js';
import { h } from '../dom.js';
import { WorkerFailure } from '../rpc.js';
import { Stopped } from './session.js';

/** What is going on: text in the line at the foot of the page, a bar while it is known how far it is, and errors. */
export class Status {
  readonly element: HTMLElement;
  readonly #bar = h('progress', { max: 1, 'aria-label': 'progress', hidden: true });
  readonly #error = h('pre', { class: 'error', role: 'alert', hidden: true });

  constructor(private readonly app: Pick<AppContext, 'status'>) {
    this.element = h('div', { class: 'progress' }, this.#bar, this.#error);
  }

  /** `share` of the work done; no bar without it. */
  say(text: string, share?: number): void {
    this.app.status(text);
    this.#bar.hidden = share === undefined;
    if (share !== undefined) this.#bar.value = share;
    this.#error.hidden = true;
  }

  /** What went wrong; a stop is no error. */
  fail(error: unknown): void {
    if (error instanceof Stopped) {
      this.say('Stopped.');
      return;
    }
    this.say('');
    this.#error.hidden = false;
    this.#error.textContent = inPage(error instanceof Error ? error.message : String(error));
    if (!(error instanceof WorkerFailure || isKnown(error))) console.error(error);
  }
}

const isKnown = (error: unknown) => error instanceof Error && error.name.endsWith('Error') && error.name !== 'Error';

/** What the command calls by an option has a field here. */
const FIELDS: Readonly<Record<string, string>> = {
  workgroups: 'Workgroups',
  like: 'Launch',
  params: 'Params',
  constants: 'Constants',
  scratch: 'Scratch',
  require: 'Require',
  adapter: 'another browser or device',
};

/** A message of the library in the words of this page. */
export function inPage(message: string): string {
  return message
    .replace(/ \(--timeout gives it longer\)/, '')
    .replace(/Choose another with --adapter; pose-gan doctor lists them\.?/, '')
    .replace(/pose-gan bench --contract \w+/g, 'the contract beside the editor')
    .replace(/--(\w+) "([^"]*)"/g, (all, option: string, value: string) =>
      FIELDS[option] ? `${value} in the field ${FIELDS[option]}` : all,
    )
    .replace(/--like (\w+)/g, 'choose $1 in the field Launch')
    .replace(/--(\w+)/g, (all, option: string) => FIELDS[option] ?? all);
}
