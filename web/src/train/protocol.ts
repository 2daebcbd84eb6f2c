import type { Image } from '../../../src/data/image.js';
import type { Place } from '../../../src/data/synth/backdrop.js';
import type { Ablation, Preset, Size } from '../../../src/model/config.js';
import type { LogRow } from '../../../src/model/iterate.js';
import type { RunFile } from '../../../src/model/run-files.js';

/** What a run is made from; it cannot be changed later. */
export interface Settings {
  readonly preset: Preset;
  readonly size: Size;
  readonly ablation: Ablation;
  /** Multiplies all channel counts. */
  readonly width: number;
  /** Pairs per iteration. */
  readonly batch: number;
  readonly learningRate: number;
  /** Of weights, dropout, noise and order. */
  readonly seed: number;
}

/** Iterations between two sample sheets, and between two snapshots; can be changed while a run goes on. */
export interface Rhythm {
  readonly sampleEvery: number;
  readonly snapshotEvery: number;
}

export type DataChoice =
  | { readonly kind: 'synthetic'; readonly people: number; readonly seed: number; readonly place: Place }
  /** A dataset of the folder that was dropped last. */
  | { readonly kind: 'folder'; readonly name: string; readonly resize: boolean; readonly skipBad: boolean };

export interface DroppedFile {
  /** Below the data folder, with `/` between names. */
  readonly path: string;
  readonly file: File;
}

/** A run that can be gone on with: one that was loaded, stopped, or kept by the browser. */
export interface Base {
  readonly name: string;
  readonly step: number;
  /** Whether there is a training state: without one, a new run begins from the weights. */
  readonly exact: boolean;
  readonly settings: Settings;
  /** What it was trained on, if that is known. */
  readonly data?: DataChoice;
  /** When it was kept, in milliseconds since 1970; absent for files. */
  readonly when?: number;
}

export type Request =
  | { readonly type: 'folder'; readonly folder: string; readonly files: readonly DroppedFile[] }
  | { readonly type: 'load'; readonly files: readonly File[] }
  /** Makes the run that this browser has kept the base. */
  | { readonly type: 'take kept' }
  | { readonly type: 'forget kept' }
  | {
      readonly type: 'start';
      readonly from: 'scratch' | 'base';
      readonly settings: Settings;
      readonly data: DataChoice;
      readonly rhythm: Rhythm;
    }
  | { readonly type: 'rhythm'; readonly rhythm: Rhythm }
  | { readonly type: 'pause' | 'resume' | 'stop' | 'sample' | 'save' };

/** Where a run stands: `failed` and `stopped` ones can be gone on with from their last snapshot. */
export type Phase = 'idle' | 'preparing' | 'running' | 'paused' | 'stopped' | 'failed';

/** Facts about the run under way. */
export interface RunFacts {
  readonly adapter: string;
  /** Bytes on the device while an iteration runs. */
  readonly memory: number;
  /** Pairs of the training half, and images in them. */
  readonly pairs: number;
  readonly images: number;
  readonly batch: number;
  readonly loss: string;
}

/** Size of an image in pixels. */
export interface Extent {
  readonly height: number;
  readonly width: number;
}

export type Report =
  | { readonly type: 'phase'; readonly phase: Phase; readonly message?: string }
  | { readonly type: 'progress'; readonly what: string; readonly done: number; readonly total: number }
  | { readonly type: 'facts'; readonly facts: RunFacts }
  /** Rows after `step` are forgotten: a new run begins, or one goes on from a snapshot. */
  | { readonly type: 'rewind'; readonly step: number; readonly rows?: readonly LogRow[] }
  | { readonly type: 'row'; readonly row: LogRow }
  | { readonly type: 'sample'; readonly step: number; readonly sheet: Image; readonly tile: Extent }
  | { readonly type: 'snapshot'; readonly step: number }
  | { readonly type: 'files'; readonly files: readonly RunFile[] }
  | { readonly type: 'datasets'; readonly folder: string; readonly names: readonly string[] }
  | { readonly type: 'base'; readonly base: Base | undefined }
  | { readonly type: 'kept'; readonly base: Base | undefined }
  /** Something to tell that does not end the run. */
  | { readonly type: 'note'; readonly message: string }
  /** What was asked could not be done; the run under way, if any, goes on. */
  | { readonly type: 'refused'; readonly message: string };
