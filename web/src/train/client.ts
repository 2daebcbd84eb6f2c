import type { Image } from '../../../src/data/image.js';
import type { LogRow } from '../../../src/model/iterate.js';
import type { RunFile } from '../../../src/model/run-files.js';
import type { Base, DataChoice, Extent, Phase, Report, Request, Rhythm, RunFacts, Settings } from './protocol.js';

/** A sample sheet and when it was drawn. */
interface Sample {
  readonly step: number;
  readonly sheet: Image;
  /** Size of its pictures; between them is a gap. */
  readonly tile: Extent;
}

/** What changed: everything that concerns it is in the state. */
export type Change = Exclude<Report['type'], 'files' | 'note' | 'refused'>;

export interface Events {
  readonly change: (what: Change) => void;
  readonly files: (files: readonly RunFile[]) => void;
  /** Something to read: an error, or news that ends nothing. */
  readonly say: (message: string, kind: 'error' | 'note') => void;
}

/** All that the page shows. It outlives the page: training goes on while another is looked at. */
export interface TrainState {
  settings: Settings;
  data: DataChoice;
  rhythm: Rhythm;
  phase: Phase;
  /** Why a run failed. */
  message: string | undefined;
  progress: { readonly what: string; readonly done: number; readonly total: number } | undefined;
  facts: RunFacts | undefined;
  rows: LogRow[];
  samples: Sample[];
  snapshot: number | undefined;
  folder: { readonly name: string; readonly names: readonly string[] } | undefined;
  base: Base | undefined;
  kept: Base | undefined;
}

const state: TrainState = {
  // Small enough to learn something visible within a minute or two, as `pose-gan start` does.
  settings: { preset: 'paper', size: 'small', ablation: 'dsc', width: 1 / 8, batch: 4, learningRate: 1e-3, seed: 0 },
  data: { kind: 'synthetic', people: 40, seed: 0, place: 'studio' },
  rhythm: { sampleEvery: 20, snapshotEvery: 100 },
  phase: 'idle',
  message: undefined,
  progress: undefined,
  facts: undefined,
  rows: [],
  samples: [],
  snapshot: undefined,
  folder: undefined,
  base: undefined,
  kept: undefined,
};

/** Bytes of sample sheets that are kept to look back at. */
const SAMPLES_BYTES = 64 * 2 ** 20;

let worker: Worker | undefined;
let events: Events | undefined;
/** What was said while the page was not shown. */
let unsaid: [message: string, kind: 'error' | 'note'][] = [];

function say(message: string, kind: 'error' | 'note'): void {
  if (events) events.say(message, kind);
  else unsaid.push([message, kind]);
}

function addSample(sample: Sample): void {
  state.samples = [...state.samples.filter((s) => s.step < sample.step), sample];
  const bytes = sample.sheet.data.byteLength;
  // Every second one goes, so that what is left still spans the run.
  if (state.samples.length * bytes > SAMPLES_BYTES) {
    const last = state.samples.length - 1;
    state.samples = state.samples.filter((_, i) => i % 2 === 0 || i === last);
  }
}

function take(report: Report): void {
  switch (report.type) {
    case 'files':
      events?.files(report.files);
      return;
    case 'note':
      say(report.message, 'note');
      return;
    case 'refused':
      say(report.message, 'error');
      return;
    case 'phase':
      state.phase = report.phase;
      state.message = report.message;
      if (report.phase !== 'preparing') state.progress = undefined;
      break;
    case 'progress':
      state.progress = report;
      break;
    case 'facts':
      state.facts = report.facts;
      break;
    case 'rewind':
      state.rows = report.rows ? [...report.rows] : state.rows.filter((row) => row.step <= report.step);
      state.samples = state.samples.filter((s) => s.step <= report.step);
      break;
    case 'row':
      state.rows.push(report.row);
      break;
    case 'sample':
      addSample(report);
      break;
    case 'snapshot':
      state.snapshot = report.step;
      break;
    case 'datasets':
      state.folder = { name: report.folder, names: report.names };
      break;
    case 'base':
      state.base = report.base;
      break;
    case 'kept':
      state.kept = report.base;
  }
  events?.change(report.type);
}

function started(): Worker {
  if (worker) return worker;
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'train' });
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) => take(data));
  worker.addEventListener('error', (e) => {
    take({
      type: 'phase',
      phase: 'failed',
      message: `the training worker failed: ${e.message || 'it cannot be loaded'}`,
    });
  });
  return worker;
}

/** The page's side of training: one worker, one run at a time. */
export const training = {
  state: state as Readonly<TrainState>,
  send: (request: Request) => started().postMessage(request),
  set(change: Partial<Pick<TrainState, 'settings' | 'data' | 'rhythm' | 'base' | 'kept'>>): void {
    Object.assign(state, change);
  },
  /** Shows what happens from now on; returns what ends it. */
  watch(watcher: Events): () => void {
    events = watcher;
    started();
    for (const [message, kind] of unsaid) watcher.say(message, kind);
    unsaid = [];
    return () => {
      events = undefined;
    };
  },
};
