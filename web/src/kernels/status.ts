import type { AppContext } from '../app.js';
import { h } from '../dom.js';
import { WorkerFailure } from '../rpc.js';
import { Stopped } from './session.js';

/** How long the GPU may leave a page without an answer until the page says so, in milliseconds. */
const SILENCE = 15_000;

/** What a visitor can do about a kernel that no browser can end: systems end it on a GPU, nothing does where the CPU is one. */
const ADVICE =
  'If the page stops answering or the next check does not begin, close this tab, or the whole browser where that is not ' +
  'enough; what you typed is kept.';

/** What is going on: text in the line at the foot of the page, a bar while it is known how far it is, and errors. */
export class Status {
  readonly element: HTMLElement;
  readonly #bar = h('progress', { max: 1, 'aria-label': 'progress', hidden: true });
  readonly #error = h('pre', { class: 'error', role: 'alert', hidden: true });
  readonly #advice = h('p', { hidden: true }, `The page has let go of it. ${ADVICE}`);
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly app: Pick<AppContext, 'status'>) {
    this.element = h('div', { class: 'progress' }, this.#bar, this.#error, this.#advice);
  }

  /** Says what begins, and that the GPU does not answer when nothing follows. */
  begin(text: string): void {
    this.say(text, 0);
    this.#silence = setTimeout(() => {
      this.app.status(`${text} The GPU has not answered yet; a kernel without end may keep it busy. ${ADVICE}`);
    }, SILENCE);
  }

  /** `share` of the work done; no bar without it. */
  say(text: string, share?: number): void {
    clearTimeout(this.#silence);
    this.app.status(text);
    this.#bar.hidden = share === undefined;
    if (share !== undefined) this.#bar.value = share;
    this.#error.hidden = true;
    this.#advice.hidden = true;
  }

  /** What went wrong; a stop is not an error. */
  fail(error: unknown): void {
    if (error instanceof Stopped) {
      this.say('Stopped.');
      return;
    }
    this.say('');
    this.#error.hidden = false;
    this.#error.textContent = inPage(error instanceof Error ? error.message : String(error));
    this.#advice.hidden = !(error instanceof WorkerFailure && error.name === 'KernelTimeoutError');
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
