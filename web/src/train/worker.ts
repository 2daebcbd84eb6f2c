import type { DataSource } from '../../../src/data/dataset.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { modelConfig } from '../../../src/model/config.js';
import type { Features } from '../../../src/model/features.js';
import { PERSON } from '../../../src/pose/skeleton.js';
import { baseOf, type LoadedBase } from './base.js';
import { drawPeople, namesIn, openBoth, skeletonOf } from './datasets.js';
import { droppedSource } from './dropped.js';
import type { DataChoice, Phase, Report, Request, Rhythm, Settings } from './protocol.js';
import { type RunSetup, Session } from './session.js';
import { forget, type Kept, keep, kept } from './store.js';

/** Training in a worker: the page sends requests and draws what is reported. */

const report = (message: Report) => postMessage(message);

let session: Session | undefined;
/** Ends the preparation under way. */
let preparing: AbortController | undefined;
let folder: DataSource | undefined;
let base: LoadedBase | undefined;
let lastKept: Kept | undefined;
let complained = false;

function setBase(next: LoadedBase | undefined): void {
  base = next;
  report({ type: 'base', base: next?.about });
}

function sayPhase(phase: Phase, message?: string): void {
  report({ type: 'phase', phase, message });
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** A dropped skeleton, the drawn person's, or that of the run that goes on. */
async function skeletonFor(data: DataChoice, from: LoadedBase | undefined) {
  const own = data.kind === 'folder' && folder ? await skeletonOf(folder, data.name) : PERSON;
  const before = from?.checkpoint.info.skeleton;
  if (before && JSON.stringify(before) !== JSON.stringify(own))
    throw new UsageError(
      `${from.checkpoint.name} was trained on the skeleton "${before.name}", this dataset has "${own.name}"; take the one it was trained on`,
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
  if (!source) throw new UsageError('no folder was dropped yet; drop the one that holds the dataset, or choose it');
  const data = await openBoth(source, choice, skeleton, extent, progress, signal);
  const features: Features = config.loss.kind === 'l1' ? 'none' : 'filter bank';
  const weights = from && !from.snapshot ? from.checkpoint : undefined;
  return { config, recipe: old?.recipe ?? recipe, features, seed, batch, choice, data, weights } satisfies RunSetup;
}

/** Keeps a run for the next visit; where the browser does not allow it, says so once. */
function keepSnapshot({ snapshot, rows, setup }: Session): void {
  if (!snapshot) return;
  keep({ files: snapshot, rows, data: setup.choice, when: Date.now() }).catch((error: unknown) => {
    if (!complained) report({ type: 'note', message: `A reload will not find this run: ${messageOf(error)}` });
    complained = true;
  });
}

async function start(
  from: LoadedBase | undefined,
  settings: Settings,
  choice: DataChoice,
  rhythm: Rhythm,
): Promise<void> {
  if (session || preparing) throw new UsageError('a run is under way; stop it first');
  const abort = new AbortController();
  preparing = abort;
  sayPhase('preparing');
  let run: Session | undefined;
  try {
    const setup = await setUp(settings, choice, from, abort.signal);
    abort.signal.throwIfAborted();
    run = new Session(setup, { snapshot: from?.snapshot, rows: from?.rows ?? [] }, rhythm, report, keepSnapshot);
    session = run;
    preparing = undefined;
    report({ type: 'rewind', step: 0, rows: run.rows });
    await run.run();
    endWith(run, 'stopped');
  } catch (error) {
    if (abort.signal.aborted) sayPhase('idle');
    else endWith(run, 'failed', messageOf(error));
  } finally {
    session = undefined;
    preparing = undefined;
  }
}

/** What the run left behind is what can be gone on with. */
function endWith(run: Session | undefined, phase: Phase, message?: string): void {
  const { snapshot, rows } = run ?? {};
  if (snapshot && rows) setBase(baseOf([snapshot.checkpoint, snapshot.state], rows));
  sayPhase(phase, message);
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
    case 'take kept':
      if (lastKept) setBase(baseOf([lastKept.files.checkpoint, lastKept.files.state], lastKept.rows, lastKept.when));
      return;
    case 'forget kept':
      await forget();
      return;
    case 'start':
      if (request.from === 'base' && !base) throw new UsageError('there is no run to go on with');
      await start(request.from === 'base' ? base : undefined, request.settings, request.data, request.rhythm);
      return;
    case 'rhythm':
      if (session) session.rhythm = request.rhythm;
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
      session?.want('sample');
      return;
    case 'save':
      if (session) session.want('save');
      else if (base?.snapshot) report({ type: 'files', files: [base.snapshot.checkpoint, base.snapshot.state] });
  }
}

/** Tells the page about a run that the browser kept; one that cannot be read, by an older version say, is passed over. */
async function offerKept(): Promise<void> {
  const found = await kept().catch(() => undefined);
  if (!found) return;
  try {
    const { about } = baseOf([found.files.checkpoint, found.files.state], found.rows, found.when);
    lastKept = found;
    report({ type: 'kept', base: about });
  } catch {}
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  handle(data).catch((error: unknown) => report({ type: 'refused', message: messageOf(error) }));
});
void offerKept();
