import type { AppContext } from '../app.js';
import { h } from '../dom.js';
import { WorkerFailure } from '../rpc.js';
import { Stopped } from './session.js';

/** Milliseconds without an answer from the GPU after which the page says so. */
const SILENCE_MS = 15_000;

/** Advice about an endless kernel, which a browser cannot stop. The system stops it on a GPU, but not on a software adapter. */
const ADVICE =
  'If the page stops answering or the next check does not begin, close this tab. If that is not enough, close the whole ' +
  'browser. What you typed is saved.';

/** Shows progress in the status line and in a bar, and errors. */
export class Status {
  readonly element: HTMLElement;
  readonly #bar = h('progress', { max: 1, 'aria-label': 'progress', hidden: true });
  readonly #error = h('pre', { class: 'error', role: 'alert', hidden: true });
  readonly #advice = h('p', { hidden: true }, `The page no longer waits for the kernel. ${ADVICE}`);
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly app: Pick<AppContext, 'status'>) {
    this.element = h('div', { class: 'progress' }, this.#bar, this.#error, this.#advice);
  }

  /** Shows what begins. If nothing follows, says that the GPU does not answer. */
  begin(text: string): void {
    this.say(text, 0);
    this.#silence = setTimeout(() => {
      this.app.status(`${text} The GPU has not answered yet; an endless kernel may keep it busy. ${ADVICE}`);
    }, SILENCE_MS);
  }

  /** Shows a text, and a bar if `share`, the part of the work that is done, is given. */
  say(text: string, share?: number): void {
    clearTimeout(this.#silence);
    this.app.status(text);
    this.#bar.hidden = share === undefined;
    if (share !== undefined) this.#bar.value = share;
    this.#error.hidden = true;
    this.#advice.hidden = true;
  }

  /** Shows an error. A stop by the user is not one. */
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

/** The fields of this page for options of the command. */
const FIELDS: Readonly<Record<string, string>> = {
  workgroups: 'Workgroups',
  like: 'Launch',
  params: 'Params',
  constants: 'Constants',
  scratch: 'Scratch',
  require: 'Require',
  adapter: 'another browser or device',
};

/** Replaces options of the command in a message of the library by the fields of this page. */
export function inPage(message: string): string {
  return message
    .replace(/ \(--timeout allows more time\)/, '')
    .replace(/Choose another with --adapter; pose-gan doctor lists them\.?/, '')
    .replace(/pose-gan bench --contract \w+/g, 'the contract beside the editor')
    .replace(/--(\w+) "([^"]*)"/g, (all, option: string, value: string) =>
      FIELDS[option] ? `${value} in the field ${FIELDS[option]}` : all,
    )
    .replace(/--like (\w+)/g, 'choose $1 in the field Launch')
    .replace(/--(\w+)/g, (all, option: string) => FIELDS[option] ?? all);
}
