import { field, h } from '../dom.js';
import { recall, remember } from '../remember.js';
import { counted } from '../words.js';
import type { BenchRequest, Catalogue } from './protocol.js';

export type Choice = BenchRequest;

/** The rooms selected on the first visit; a software adapter gets a quick one. */
const DEFAULT_ROOMS = { software: ['relu'], gpu: ['conv2d'] };

/** The form that selects rooms, a filter and the number of samples. */
export class BenchControls {
  readonly element: HTMLFormElement;
  readonly #rooms: ReadonlyMap<string, HTMLInputElement>;
  readonly #filter: HTMLInputElement;
  readonly #samples: HTMLInputElement;
  readonly #count = h('p', { class: 'hint count', 'aria-live': 'polite' });
  readonly #run = h('button', { type: 'submit', class: 'primary' }, 'Run');
  readonly #stop: HTMLButtonElement;
  readonly #fields: HTMLFieldSetElement;

  constructor(
    private readonly catalogue: Catalogue,
    { run, stop }: { run(choice: Choice): void; stop(): void },
  ) {
    const { rooms, adapter } = catalogue;
    const first = recall<Partial<Choice>>('kernels bench', {
      only: adapter.software ? DEFAULT_ROOMS.software : DEFAULT_ROOMS.gpu,
    });
    const changed = () => this.#changed();
    this.#rooms = new Map(
      rooms.map(({ name }) => [
        name,
        h('input', { type: 'checkbox', name, checked: first.only?.includes(name) ?? false, onchange: changed }),
      ]),
    );
    const chips = [...this.#rooms].map(([name, input]) => h('label', { class: 'check' }, input, name));
    const all = (on: boolean) => () => {
      for (const input of this.#rooms.values()) input.checked = on;
      changed();
    };
    this.#filter = h('input', {
      ...{ type: 'text', spellcheck: 'false', autocomplete: 'off', placeholder: 'all cases and kernels' },
      ...{ value: first.filter ?? '', oninput: changed },
    });
    this.#samples = h('input', { type: 'number', min: 1, max: 99, value: first.samples ?? 7, oninput: changed });
    this.#stop = h('button', { type: 'button', hidden: true, onclick: stop }, 'Stop');
    this.#fields = h(
      'fieldset',
      {},
      h('legend', {}, 'Ops'),
      h('div', { class: 'checks' }, ...chips),
      h(
        'div',
        { class: 'row' },
        h('button', { type: 'button', onclick: all(true) }, 'All'),
        h('button', { type: 'button', onclick: all(false) }, 'None'),
        this.#count,
      ),
    );
    this.element = h(
      'form',
      { class: 'stack', onsubmit: (e: Event) => this.#submit(e, run) },
      this.#fields,
      h(
        'div',
        { class: 'fields' },
        field('Filter', this.#filter, 'words of a case, op or kernel, such as 4x16x8 naive'),
        field('Samples', this.#samples, 'for each kernel'),
      ),
      h('div', { class: 'row' }, this.#run, this.#stop),
    );
    this.#changed();
  }

  busy(on: boolean): void {
    this.#fields.disabled = on;
    this.#filter.disabled = on;
    this.#samples.disabled = on;
    this.#run.hidden = on;
    this.#stop.hidden = !on;
    (on ? this.#stop : this.#run).focus({ preventScroll: true });
  }

  #choice(): Choice {
    const only = [...this.#rooms].flatMap(([name, input]) => (input.checked ? [name] : []));
    return { only, filter: this.#filter.value.trim(), samples: this.#samples.valueAsNumber };
  }

  #changed(): void {
    const choice = this.#choice();
    remember('kernels bench', choice);
    const chosen = this.catalogue.rooms.filter((r) => choice.only.includes(r.name));
    const sum = (of: 'cases' | 'kernels') => chosen.reduce((n, r) => n + r[of], 0);
    const what = `${counted(sum('cases'), 'case')}, up to ${counted(sum('kernels'), 'kernel')}`;
    const text = choice.filter ? `${what} before the filter` : what;
    this.#count.textContent = chosen.length ? text : 'Choose at least one op.';
    this.#run.disabled = !chosen.length;
  }

  #submit(e: Event, run: (choice: Choice) => void): void {
    e.preventDefault();
    run(this.#choice());
  }
}
