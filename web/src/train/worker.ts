import type { DataSource } from '../../../src/data/dataset.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { modelConfig } from '../../../src/model/config.js';
import type { Features } from '../../../src/model/features.js';
import { PERSON } from '../../../src/pose/skeleton.js';
import { baseOf, type LoadedBase } from './base.js';
import { drawPeople, namesIn, openBoth, skeletonOf } from './datasets.js';
import { droppedSource } from './dropped.js';
import type { DataChoice, Intervals, Phase, Report, Request, Settings } from './protocol.js';
import { type RunSetup, Session } from './session.js';
import { deleteSavedRun, loadSavedRun, type SavedRun, saveRun } from './store.js';

/** The worker of the Train page, which handles requests of the page and sends it reports. */

const report = (message: Report) => postMessage(message);

let session: Session | undefined;
/** Ends the current preparation. */
let preparing: AbortController | undefined;
let folder: DataSource | undefined;
let base: LoadedBase | undefined;
let savedRun: SavedRun | undefined;
/** Whether the user knows that the browser cannot save runs. */
let warned = false;

function setBase(next: LoadedBase | undefined): void {
  base = next;
  report({ type: 'base', base: next?.about });
}

function reportPhase(phase: Phase, message?: string): void {
  report({ type: 'phase', phase, message });
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** The skeleton of the data. Throws `UsageError` if the run to continue was trained on another. */
async function skeletonFor(data: DataChoice, from: LoadedBase | undefined) {
  const own = data.kind === 'folder' && folder ? await skeletonOf(folder, data.name) : PERSON;
  const before = from?.checkpoint.info.skeleton;
  if (before && JSON.stringify(before) !== JSON.stringify(own))
    throw new UsageError(
      `${from.checkpoint.name} was trained on the skeleton "${before.name}", but this dataset has "${own.name}"; choose a dataset with the skeleton of the run`,
    );
  return own;
}

async function setUp(settings: Settings, choice: DataChoice, from: LoadedBase | undefined, signal: AbortSignal) {
  const { preset, size, ablation, width, seed, batch, learningRate } = settings;
  const recipe = { preset, size, ablation, width };
  const old = from?.checkpoint.info;
  const skeleton = await skeletonFor(choice, from);
  const counts = { joints: skeleton.joints.length, parts: skeleton.parts.length };
  const config = { ...(old?.config ?? { ...modelConfig(recipe), ...counts }), learningRate };
  const extent = [config.height, config.width] as const;
  const progress = (what: string, done: number, total: number) => report({ type: 'progress', what, done, total });
  const drawn = choice.kind === 'synthetic';
  const source = drawn ? await drawPeople(choice, extent, progress, signal) : folder;
  if (!source) throw new UsageError('there is no data folder yet; drop or choose the folder that contains the dataset');
  const data = await openBoth(source, choice, skeleton, extent, progress, signal);
  const features: Features = config.loss.kind === 'l1' ? 'none' : 'filter bank';
  const weights = from && !from.snapshot ? from.checkpoint : undefined;
  return { config, recipe: old?.recipe ?? recipe, features, seed, batch, choice, data, weights } satisfies RunSetup;
}

/** Saves a run in the browser for the next visit. If the browser does not allow it, says so once. */
function saveSnapshot({ snapshot, rows, setup }: Session): void {
  if (!snapshot) return;
  saveRun({ files: snapshot, rows, data: setup.choice, when: Date.now() }).catch((error: unknown) => {
    if (!warned)
      report({ type: 'note', message: `The browser cannot save this run for the next visit: ${messageOf(error)}` });
    warned = true;
  });
}

async function start(
  from: LoadedBase | undefined,
  settings: Settings,
  choice: DataChoice,
  intervals: Intervals,
): Promise<void> {
  if (session || preparing) throw new UsageError('a run is in progress; stop it first');
  const abort = new AbortController();
  preparing = abort;
  reportPhase('preparing');
  let run: Session | undefined;
  try {
    const setup = await setUp(settings, choice, from, abort.signal);
    abort.signal.throwIfAborted();
    run = new Session(setup, { snapshot: from?.snapshot, rows: from?.rows ?? [] }, intervals, report, saveSnapshot);
    session = run;
    preparing = undefined;
    report({ type: 'rewind', step: 0, rows: run.rows });
    await run.run();
    endWith(run, 'stopped');
  } catch (error) {
    if (abort.signal.aborted) reportPhase('idle');
    else endWith(run, 'failed', messageOf(error));
  } finally {
    session = undefined;
    preparing = undefined;
  }
}

/** Makes the last snapshot of a run the base of the next one. */
function endWith(run: Session | undefined, phase: Phase, message?: string): void {
  const { snapshot, rows } = run ?? {};
  if (snapshot && rows) setBase(baseOf([snapshot.checkpoint, snapshot.state], rows));
  reportPhase(phase, message);
}

async function handle(request: Request): Promise<void> {
  switch (request.type) {
    case 'folder': {
      const source = droppedSource(request.folder, request.files);
      const names = namesIn(source);
      folder = source;
      report({ type: 'datasets', folder: request.folder, names });
      return;
    }
    case 'load': {
      const files = request.files.map(async (f) => ({ name: f.name, bytes: new Uint8Array(await f.arrayBuffer()) }));
      setBase(baseOf(await Promise.all(files)));
      return;
    }
    case 'load saved run':
      if (savedRun) setBase(baseOf([savedRun.files.checkpoint, savedRun.files.state], savedRun.rows, savedRun.when));
      return;
    case 'delete saved run':
      await deleteSavedRun();
      return;
    case 'start':
      if (request.from === 'base' && !base) throw new UsageError('there is no run to continue; load one first');
      await start(request.from === 'base' ? base : undefined, request.settings, request.data, request.intervals);
      return;
    case 'intervals':
      if (session) session.intervals = request.intervals;
      return;
    case 'pause':
      session?.pause();
      return;
    case 'resume':
      session?.resume();
      return;
    case 'stop':
      preparing?.abort();
      session?.stop();
      return;
    case 'sample':
      session?.request('sample');
      return;
    case 'save':
      if (session) session.request('save');
      else if (base?.snapshot) report({ type: 'files', files: [base.snapshot.checkpoint, base.snapshot.state] });
  }
}

/** Offers the page the run that the browser has saved. Ignores one that cannot be read, for example from an older version. */
async function offerSavedRun(): Promise<void> {
  const found = await loadSavedRun().catch(() => undefined);
  if (!found) return;
  try {
    const { about } = baseOf([found.files.checkpoint, found.files.state], found.rows, found.when);
    savedRun = found;
    report({ type: 'saved run', base: about });
  } catch {}
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  handle(data).catch((error: unknown) => report({ type: 'refused', message: messageOf(error) }));
});
void offerSavedRun();
