import type { Place } from '../../../src/data/synth/backdrop.js';
import type { Ablation, Preset, Size } from '../../../src/model/config.js';
import { type Child, field, freshId, h, replace } from '../dom.js';
import { type TrainState, training } from './client.js';
import { chosenFiles } from './folder.js';
import type { DataChoice, DroppedFile, Intervals, Settings } from './protocol.js';

export interface FormEvents {
  start(): void;
  chosen(files: readonly DroppedFile[]): void;
  load(files: readonly File[]): void;
  /** The next start begins a new run. */
  fresh(): void;
}

/** The label for the option --resize of the command line. */
export const FIT = 'Fit images of another size';

const SIZES: Readonly<Record<Size, string>> = {
  small: '64 × 32',
  market: '128 × 64',
  fashion: '256 × 256, for a strong GPU',
};
const PLACE_NAMES: Readonly<Record<Place, string>> = {
  studio: 'studio (easier to learn)',
  anywhere: 'anywhere (like real pictures)',
};
const PRESETS: Readonly<Record<Preset, string>> = { paper: 'as in the paper', authors: 'as in the authors’ code' };
const LOSSES: Readonly<Record<Ablation, string>> = {
  dsc: 'L1',
  full: 'nearest neighbour (full model)',
  perc: 'perceptual',
  mean: 'nearest neighbour, mean of warps',
  dropout: 'nearest neighbour, more dropout',
  baseline: 'L1, plain skips (baseline)',
};
const WIDTHS: readonly (readonly [number, string])[] = [
  [1 / 16, '1/16'],
  [1 / 8, '1/8'],
  [1 / 4, '1/4'],
  [1 / 2, '1/2'],
  [1, 'full'],
];

function select<T extends string>(options: Readonly<Record<T, string>>): HTMLSelectElement {
  return h('select', {}, ...Object.entries<string>(options).map(([value, text]) => h('option', { value }, text)));
}

const number = (min: number, max: number, step: number | 'any' = 1) =>
  h('input', { type: 'number', inputmode: step === 1 ? 'numeric' : 'decimal', min, max, step, required: true });

function radio(name: string, value: string, text: string): { label: HTMLElement; input: HTMLInputElement } {
  const input = h('input', { type: 'radio', name, value });
  return { input, label: h('label', {}, input, text) };
}

const check = (text: string) => {
  const input = h('input', { type: 'checkbox' });
  return { input, label: h('label', { class: 'check' }, input, text) };
};

/** Makes a field span both columns. */
function wide(element: HTMLElement): HTMLElement {
  element.classList.add('wide');
  return element;
}

/** The form with the settings of a run. During a run, only the intervals can be changed. */
export function settingsForm(events: FormEvents): { root: HTMLElement; update(): void } {
  const { state } = training;
  const size = select(SIZES);
  const preset = select(PRESETS);
  const ablation = select(LOSSES);
  const width = h('select', {}, ...WIDTHS.map(([value, text]) => h('option', { value }, text)));
  const batch = number(1, 64);
  const rate = number(1e-6, 1, 'any');
  const seed = number(0, 2 ** 31);
  const people = number(2, 8000);
  const drawing = number(0, 2 ** 31);
  const place = select(PLACE_NAMES);
  const sampleEvery = number(1, 1e6);
  const snapshotEvery = number(1, 1e6);
  const synthetic = radio('data', 'synthetic', 'Drawn people');
  const own = radio('data', 'folder', 'Your folder');
  const name = h('select', { id: 'dataset' });
  const resize = check(FIT);
  const skipBad = check('Skip images that cannot be used');
  const directory = h('input', { type: 'file', webkitdirectory: true, id: 'folder' });
  const files = h('input', { type: 'file', accept: '.safetensors', multiple: true, id: 'checkpoint' });
  const folderName = h('p', {});
  const about = h('p', {});

  const syntheticFields = h(
    'div',
    { class: 'pair' },
    field('People', people),
    field('Drawing seed', drawing),
    wide(field('Place', place)),
    h('p', { class: 'hint' }, 'The page draws eight pictures of each person, the same that pose-gan synth writes.'),
  );
  const datasetField = field('Dataset', name);
  const folderFields = h(
    'div',
    { class: 'stack' },
    h('div', { class: 'drop stack' }, folderName, h('label', { class: 'button file' }, 'Choose a folder…', directory)),
    datasetField,
    h('div', {}, resize.label, skipBad.label),
  );
  const dataSet = h(
    'fieldset',
    { class: 'stack' },
    h('legend', { class: 'sr-only' }, 'What to train on'),
    h('div', { class: 'segmented', role: 'radiogroup', 'aria-label': 'Data' }, synthetic.label, own.label),
    syntheticFields,
    folderFields,
  );
  const shapeSet = h(
    'fieldset',
    { class: 'pair' },
    h('legend', { class: 'sr-only' }, 'Model'),
    field('Image size', size),
    field('Channels', width),
    field('Preset', preset),
    field('Reconstruction loss', ablation),
  );
  const runSet = h(
    'fieldset',
    { class: 'triple' },
    h('legend', { class: 'sr-only' }, 'Training'),
    field('Batch', batch),
    field('Learning rate', rate),
    field('Seed', seed),
  );
  const intervalSet = h(
    'fieldset',
    { class: 'pair' },
    h('legend', { class: 'sr-only' }, 'Intervals'),
    field('Sample every', sampleEvery),
    field('Snapshot every', snapshotEvery),
    h(
      'p',
      { class: 'hint' },
      'Both are numbers of iterations. A run continues from its last snapshot if the device is lost or the page is closed.',
    ),
  );
  const fresh = h('button', { type: 'button', class: 'quiet', id: 'fresh' }, 'Begin a new run instead');
  const loadSet = h(
    'fieldset',
    { class: 'stack' },
    h('legend', { class: 'sr-only' }, 'Checkpoint'),
    about,
    h('div', { class: 'row' }, h('label', { class: 'button file' }, 'Load a checkpoint…', files), fresh),
  );
  const root = h(
    'form',
    { class: 'settings', id: 'settings', 'aria-label': 'Settings of the run' },
    section('Data', dataSet),
    section('Model', shapeSet, runSet),
    section('During training', intervalSet),
    section('Continue a run', loadSet),
  );

  const read = () => {
    const settings: Settings = {
      preset: preset.value as Preset,
      size: size.value as Size,
      ablation: ablation.value as Ablation,
      width: Number(width.value),
      batch: batch.valueAsNumber,
      learningRate: rate.valueAsNumber,
      seed: seed.valueAsNumber,
    };
    const data: DataChoice = synthetic.input.checked
      ? { kind: 'synthetic', people: people.valueAsNumber, seed: drawing.valueAsNumber, place: place.value as Place }
      : { kind: 'folder', name: name.value, resize: resize.input.checked, skipBad: skipBad.input.checked };
    training.set({ settings, data });
  };
  const readIntervals = () => {
    if (!sampleEvery.checkValidity() || !snapshotEvery.checkValidity()) return;
    const intervals: Intervals = { sampleEvery: sampleEvery.valueAsNumber, snapshotEvery: snapshotEvery.valueAsNumber };
    training.set({ intervals });
    training.send({ type: 'intervals', intervals });
  };
  root.addEventListener('change', (e) => {
    if (e.target === directory) {
      if (directory.files?.length) events.chosen(chosenFiles(directory.files));
      directory.value = '';
    } else if (e.target === files) {
      if (files.files?.length) events.load([...files.files]);
      files.value = '';
    } else if (intervalSet.contains(e.target as Node)) readIntervals();
    else {
      read();
      update();
    }
  });
  root.addEventListener('submit', (e) => {
    e.preventDefault();
    read();
    events.start();
  });
  fresh.addEventListener('click', () => {
    training.set({ base: undefined });
    update();
    events.fresh();
  });

  /** Shows the state, except in the focused control, in which the user may be typing. */
  const update = () => {
    const { base, folder, data, intervals, phase } = state;
    const busy = phase === 'preparing' || phase === 'running' || phase === 'paused';
    const shown = settingsOf(state);
    put(size, shown.size);
    put(preset, shown.preset);
    put(ablation, shown.ablation);
    if (![...width.options].some((o) => Number(o.value) === shown.width))
      width.append(h('option', { value: shown.width }, String(shown.width)));
    put(width, String(shown.width));
    put(batch, String(shown.batch));
    put(rate, String(shown.learningRate));
    put(seed, String(shown.seed));
    put(sampleEvery, String(intervals.sampleEvery));
    put(snapshotEvery, String(intervals.snapshotEvery));
    synthetic.input.checked = data.kind === 'synthetic';
    own.input.checked = data.kind === 'folder';
    syntheticFields.hidden = data.kind !== 'synthetic';
    folderFields.hidden = data.kind !== 'folder';
    if (data.kind === 'synthetic') {
      put(people, String(data.people));
      put(drawing, String(data.seed));
      put(place, data.place);
    } else {
      resize.input.checked = data.resize;
      skipBad.input.checked = data.skipBad;
    }
    for (const input of [people, drawing, place]) input.disabled = data.kind !== 'synthetic';
    const names = folder?.names ?? [];
    replace(
      name,
      ...names.map((value) => h('option', { value, selected: data.kind === 'folder' && data.name === value }, value)),
    );
    datasetField.hidden = !names.length;
    replace(
      folderName,
      ...(folder
        ? [h('strong', {}, folder.name), ` holds ${names.length === 1 ? 'one dataset' : `${names.length} datasets`}.`]
        : [
            'Drop a folder here that contains ',
            h('code', {}, 'D-dataset'),
            ' and ',
            h('code', {}, 'D-annotation-train.csv'),
            '.',
          ]),
    );
    for (const set of [dataSet, loadSet]) set.disabled = busy;
    shapeSet.disabled = busy || base !== undefined;
    runSet.disabled = busy || base?.exact === true;
    fresh.hidden = !base;
    replace(about, ...aboutBase());
  };
  update();
  return { root, update };
}

/** The settings of the current run, or of the run that would start next. */
export function settingsOf({ base, settings }: Pick<TrainState, 'base' | 'settings'>): Settings {
  return base ? { ...settings, ...fixedBy(base) } : settings;
}

/** The settings that are fixed because a run is continued. */
function fixedBy({ exact, settings }: { exact: boolean; settings: Settings }): Partial<Settings> {
  if (exact) return settings;
  const { preset, size, ablation, width } = settings;
  return { preset, size, ablation, width };
}

function aboutBase(): Child[] {
  const { base } = training.state;
  if (!base)
    return [
      'Drop a checkpoint with its ',
      h('code', {}, '.state.safetensors'),
      ' to continue the run exactly, or alone to begin a new run with its weights.',
    ];
  const { exact, name, step } = base;
  return exact
    ? [h('strong', {}, name), ` continues exactly after iteration ${step}.`]
    : [h('strong', {}, name), ` (iteration ${step}) gives the weights that a new run begins with.`];
}

function put(control: HTMLInputElement | HTMLSelectElement, value: string): void {
  if (document.activeElement !== control || control.disabled) control.value = value;
}

function section(title: string, ...children: Child[]): HTMLElement {
  const id = freshId('title');
  return h('section', { class: 'card', 'aria-labelledby': id }, h('h2', { id }, title), ...children);
}
