import './train.css';
import type { AppContext } from '../app.js';
import { download, dropTarget, h, replace } from '../dom.js';
import { type Change, training } from './client.js';
import { resumeCommands } from './command.js';
import { rateOf } from './curves.js';
import { dataFolder, droppedEntries, filesIn } from './folder.js';
import { FIT, settingsForm, settingsOf } from './form.js';
import { lossPlots } from './plots.js';
import type { DroppedFile, Phase } from './protocol.js';
import { sampleView } from './samples.js';

/** Milliseconds between two updates of the numbers. */
const UPDATE_MS = 250;

const PHASES: Readonly<Record<Phase, string>> = {
  idle: '',
  preparing: 'Preparing',
  running: 'Training',
  paused: 'Paused',
  stopped: 'Stopped',
  failed: 'Failed',
};

/** The Train page: a run in a worker, with its losses and samples. */
export function mount(root: HTMLElement, app: AppContext): () => void {
  const { state, send } = training;
  const form = settingsForm({
    start,
    chosen: takeFolder,
    load: (files) => send({ type: 'load', files }),
    fresh: () => controls.update(),
  });
  const plots = lossPlots(app);
  const samples = sampleView();
  const controls = controlBar();
  const offer = h('div', { class: 'card row spread', id: 'saved-run' });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dismiss = () => {};

  function start() {
    const { base, data, settings, intervals } = state;
    if (data.kind === 'folder' && !data.name) {
      app.notify('No dataset is chosen. Drop the folder that contains it, or choose the folder under “Your folder”.');
      return;
    }
    const exact = base?.exact ? { ...base.settings } : settings;
    send({ type: 'start', from: base ? 'base' : 'scratch', settings: exact, data, intervals });
  }

  function takeFolder(files: readonly DroppedFile[]) {
    const { name, files: below } = dataFolder(files);
    send({ type: 'folder', folder: name, files: below });
  }

  const undrop = dropTarget(root, (files, transfer) => {
    const entries = droppedEntries(transfer);
    if (['preparing', 'running', 'paused'].includes(state.phase)) {
      app.notify('A run is in progress. Stop it before you load another run or another folder.', 'note');
      return;
    }
    if (files.length && files.every((f) => f.name.endsWith('.safetensors'))) send({ type: 'load', files });
    else
      filesIn(entries).then(takeFolder, (error: unknown) =>
        app.notify(`The dropped folder cannot be read: ${error instanceof Error ? error.message : String(error)}`),
      );
  });

  /** Shows a change at once, but updates the numbers only every `UPDATE_MS`. */
  function show(what: Change) {
    if (what === 'datasets') chooseDataset();
    if (what === 'base' && state.base?.data) training.set({ data: usable(state.base.data) });
    if (what === 'row') {
      plots.update();
      timer ??= setTimeout(tick, UPDATE_MS);
      return;
    }
    if (what === 'rewind') plots.update();
    if (what === 'sample' || what === 'rewind' || what === 'phase') samples.update();
    if (what === 'saved run') showOffer();
    if (what === 'phase') {
      if (state.phase !== 'idle') training.set({ savedRun: undefined });
      showOffer();
      app.status(PHASES[state.phase]);
    }
    if (what === 'base' || what === 'datasets' || what === 'phase') form.update();
    controls.update();
  }

  /** Removes the name of a folder that was not dropped in this visit: the browser does not store folders, so it must be dropped again. */
  function usable(data: typeof state.data): typeof state.data {
    return data.kind === 'folder' && !state.folder?.names.includes(data.name) ? { ...data, name: '' } : data;
  }

  function chooseDataset() {
    const names = state.folder?.names ?? [];
    const before = state.data.kind === 'folder' ? state.data : { resize: false, skipBad: false, name: '' };
    const wanted = state.base?.data?.kind === 'folder' ? state.base.data.name : before.name;
    const name = names.includes(wanted) ? wanted : (names[0] ?? '');
    training.set({ data: { kind: 'folder', name, resize: before.resize, skipBad: before.skipBad } });
  }

  function tick() {
    timer = undefined;
    const rate = rateOf(state.rows);
    app.statusDetail(
      rate && state.phase === 'running' ? `iteration ${state.rows.at(-1)?.step}, ${rate.toFixed(1)} a second` : '',
    );
    controls.update();
  }

  function showOffer() {
    const { savedRun } = state;
    offer.hidden = !savedRun;
    if (!savedRun) return;
    const when = savedRun.when
      ? new Date(savedRun.when).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
      : '';
    const load = () => {
      training.set({ savedRun: undefined });
      send({ type: 'load saved run' });
      showOffer();
    };
    const discard = () => {
      training.set({ savedRun: undefined });
      send({ type: 'delete saved run' });
      showOffer();
    };
    replace(
      offer,
      h('p', {}, `This browser has saved a run at iteration ${savedRun.step}${when ? `, on ${when}` : ''}.`),
      h(
        'div',
        { class: 'row' },
        h('button', { type: 'button', onclick: load }, 'Load it'),
        h('button', { type: 'button', onclick: discard }, 'Discard it'),
      ),
    );
  }

  const unwatch = training.watch({
    change: show,
    files: (files) => {
      for (const { name, bytes } of files) download(name, bytes as Uint8Array<ArrayBuffer>);
      dismiss();
      dismiss = app.notify(
        `Saved ${files.map((f) => f.name).join(' and ')}. Put both files in a folder RUN to continue on the command line:\n` +
          resumeCommands(settingsOf(state), state.data).join('\n'),
        'note',
      );
    },
    say: (message, kind) => void app.notify(message, kind),
  });
  replace(
    root,
    h('h1', {}, 'Train'),
    h(
      'p',
      { class: 'lead' },
      'Two networks learn to show a person in another pose: one draws, and the other judges. Everything runs on this machine; no ' +
        'data leave the browser.',
    ),
    offer,
    h(
      'div',
      { class: 'train-grid' },
      h('div', { class: 'train-form' }, form.root),
      h('div', { class: 'train-run' }, controls.root, h('div', { class: 'train-views' }, plots.root, samples.root)),
    ),
  );
  showOffer();
  samples.update();
  controls.update();
  app.status(PHASES[state.phase]);
  return () => {
    clearTimeout(timer);
    dismiss();
    unwatch();
    undrop();
    plots.destroy();
    replace(root);
  };
}

const bytes = (n: number) => (n >= 2 ** 30 ? `${(n / 2 ** 30).toFixed(2)} GiB` : `${(n / 2 ** 20).toFixed(1)} MiB`);

/** The buttons that control the run, and facts about its progress. */
function controlBar(): { root: HTMLElement; update(): void } {
  const { state, send } = training;
  const button = (id: string, text: string, onclick: () => void, primary = false) =>
    h('button', { type: 'button', id, class: primary ? 'primary' : '', onclick }, text);
  const start = h('button', { type: 'submit', form: 'settings', id: 'start', class: 'primary' }, 'Start');
  const pause = button('pause', 'Pause', () => send({ type: 'pause' }), true);
  const resume = button('resume', 'Resume', () => send({ type: 'resume' }), true);
  const stop = button('stop', 'Stop', () => send({ type: 'stop' }));
  const save = button('save', 'Save checkpoint', () => send({ type: 'save' }));
  const phase = h('span', { class: 'chip' });
  const what = h('span', { class: 'muted' });
  const bar = h('progress', { 'aria-label': 'Preparation' });
  const problem = h('p', { class: 'bad', role: 'alert', id: 'problem' });
  const facts = h('dl', { class: 'figures' });
  const root = h(
    'section',
    { class: 'card', 'aria-label': 'Run' },
    h('div', { class: 'row' }, start, pause, resume, stop, save, phase, what),
    bar,
    problem,
    facts,
  );

  const update = () => {
    const { phase: now, progress, message, rows, facts: run, snapshot, base } = state;
    const live = now === 'running' || now === 'paused';
    const focused = document.activeElement;
    start.hidden = live || now === 'preparing';
    start.textContent = base?.exact ? 'Continue' : 'Start';
    pause.hidden = now !== 'running';
    resume.hidden = now !== 'paused';
    stop.hidden = !live && now !== 'preparing';
    save.hidden = !live && !base?.exact;
    // If the pressed button is hidden now, move the focus to the one that replaces it.
    if (focused instanceof HTMLElement && focused.hidden && root.contains(focused))
      [start, pause, resume, stop].find((b) => !b.hidden)?.focus();
    phase.textContent = PHASES[now];
    phase.hidden = now === 'idle';
    what.textContent = now === 'preparing' && progress ? progressText(progress) : '';
    bar.hidden = now !== 'preparing';
    if (progress?.total) {
      bar.max = progress.total;
      bar.value = progress.done;
    } else bar.removeAttribute('value');
    problem.textContent = message?.replace('--resize', `“${FIT}”`) ?? '';
    problem.hidden = !message;
    const last = rows.at(-1);
    const rate = rateOf(rows);
    const entries: [string, string][] = [
      ['Iteration', last ? String(last.step) : '–'],
      ['Epoch', last && run ? ((last.step * run.batch) / run.pairs).toFixed(2) : '–'],
      ['Iterations a second', rate && now !== 'idle' ? rate.toFixed(1) : '–'],
      ['Device memory', run ? bytes(run.memory) : '–'],
      ['Pairs', run ? String(run.pairs) : '–'],
      ['Last snapshot', snapshot === undefined ? '–' : `iteration ${snapshot}`],
    ];
    replace(facts, ...entries.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
    root.dataset.phase = now;
  };
  return { root, update };
}

function progressText({ what, done, total }: { what: string; done: number; total: number }): string {
  return total ? `${what}: ${done} of ${total}` : `${what} …`;
}
