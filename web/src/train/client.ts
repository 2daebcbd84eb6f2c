import type { Image } from '../../../src/data/image.js';
import type { LogRow } from '../../../src/model/iterate.js';
import type { RunFile } from '../../../src/model/run-files.js';
import type { Base, DataChoice, Extent, Intervals, Phase, Report, Request, RunFacts, Settings } from './protocol.js';

/** A sample sheet and the iteration after which it was drawn. */
interface Sample {
  readonly step: number;
  readonly sheet: Image;
  /** Size of its pictures, which have gaps between them. */
  readonly tile: Extent;
}

/** The part of the state that changed. */
export type Change = Exclude<Report['type'], 'files' | 'note' | 'refused'>;

export interface Events {
  readonly change: (what: Change) => void;
  readonly files: (files: readonly RunFile[]) => void;
  /** Shows a message to the user: an error, or a note. */
  readonly say: (message: string, kind: 'error' | 'note') => void;
}

/** All that the page shows. It outlives the page, because training continues while another page is open. */
export interface TrainState {
  settings: Settings;
  data: DataChoice;
  intervals: Intervals;
  phase: Phase;
  /** The reason why a run failed. */
  message: string | undefined;
  progress: { readonly what: string; readonly done: number; readonly total: number } | undefined;
  facts: RunFacts | undefined;
  rows: LogRow[];
  samples: Sample[];
  snapshot: number | undefined;
  folder: { readonly name: string; readonly names: readonly string[] } | undefined;
  base: Base | undefined;
  savedRun: Base | undefined;
}

const state: TrainState = {
  // Like those of `pose-gan start`, these settings are small enough to learn something visible within a minute or two.
  settings: { preset: 'paper', size: 'small', ablation: 'dsc', width: 1 / 8, batch: 4, learningRate: 1e-3, seed: 0 },
  data: { kind: 'synthetic', people: 40, seed: 0, place: 'studio' },
  intervals: { sampleEvery: 20, snapshotEvery: 100 },
  phase: 'idle',
  message: undefined,
  progress: undefined,
  facts: undefined,
  rows: [],
  samples: [],
  snapshot: undefined,
  folder: undefined,
  base: undefined,
  savedRun: undefined,
};

/** Largest size in bytes of all stored sample sheets. */
const MAX_SAMPLE_BYTES = 64 * 2 ** 20;

let worker: Worker | undefined;
let events: Events | undefined;
/** Messages that arrived while another page was open. */
let pendingMessages: [message: string, kind: 'error' | 'note'][] = [];

function say(message: string, kind: 'error' | 'note'): void {
  if (events) events.say(message, kind);
  else pendingMessages.push([message, kind]);
}

function addSample(sample: Sample): void {
  state.samples = [...state.samples.filter((s) => s.step < sample.step), sample];
  const bytes = sample.sheet.data.byteLength;
  // Remove every second sheet, so that the others still span the run.
  if (state.samples.length * bytes > MAX_SAMPLE_BYTES) {
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
    case 'saved run':
      state.savedRun = report.base;
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

/** The page's side of training, with one worker and one run at a time. */
export const training = {
  state: state as Readonly<TrainState>,
  send: (request: Request) => started().postMessage(request),
  set(change: Partial<Pick<TrainState, 'settings' | 'data' | 'intervals' | 'base' | 'savedRun'>>): void {
    Object.assign(state, change);
  },
  /** Reports all events to a watcher, and first the pending messages; returns a function that ends this. */
  watch(watcher: Events): () => void {
    events = watcher;
    started();
    for (const [message, kind] of pendingMessages) watcher.say(message, kind);
    pendingMessages = [];
    return () => {
      events = undefined;
    };
  },
};
