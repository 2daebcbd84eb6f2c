import type { Image } from '../../../src/data/image.js';
import type { Place } from '../../../src/data/synth/backdrop.js';
import type { Ablation, Preset, Size } from '../../../src/model/config.js';
import type { LogRow } from '../../../src/model/iterate.js';
import type { RunFile } from '../../../src/model/run-files.js';

/** Settings of a run that cannot be changed later. */
export interface Settings {
  readonly preset: Preset;
  readonly size: Size;
  readonly ablation: Ablation;
  /** Multiplies all channel counts. */
  readonly width: number;
  /** Pairs per iteration. */
  readonly batch: number;
  readonly learningRate: number;
  /** Seed of weights, dropout, noise and order. */
  readonly seed: number;
}

/** Iterations between two sample sheets and between two snapshots. They can be changed during a run. */
export interface Intervals {
  readonly sampleEvery: number;
  readonly snapshotEvery: number;
}

export type DataChoice =
  | { readonly kind: 'synthetic'; readonly people: number; readonly seed: number; readonly place: Place }
  /** A dataset of the folder that was dropped last. */
  | { readonly kind: 'folder'; readonly name: string; readonly resize: boolean; readonly skipBad: boolean };

export interface DroppedFile {
  /** Path from the data folder, with `/` between names. */
  readonly path: string;
  readonly file: File;
}

/** A run that can be continued: one that was loaded, stopped, or saved by the browser. */
export interface Base {
  readonly name: string;
  readonly step: number;
  /** Whether there is a training state. Without one, a new run begins with the weights. */
  readonly exact: boolean;
  readonly settings: Settings;
  /** The data that it was trained on, if known. */
  readonly data?: DataChoice;
  /** When the browser saved it, in milliseconds since 1970; absent for loaded files. */
  readonly when?: number;
}

export type Request =
  | { readonly type: 'folder'; readonly folder: string; readonly files: readonly DroppedFile[] }
  | { readonly type: 'load'; readonly files: readonly File[] }
  /** Makes the saved run of this browser the base. */
  | { readonly type: 'load saved run' }
  | { readonly type: 'delete saved run' }
  | {
      readonly type: 'start';
      readonly from: 'scratch' | 'base';
      readonly settings: Settings;
      readonly data: DataChoice;
      readonly intervals: Intervals;
    }
  | { readonly type: 'intervals'; readonly intervals: Intervals }
  | { readonly type: 'pause' | 'resume' | 'stop' | 'sample' | 'save' };

/** The phase of a run. A `failed` or `stopped` run can be continued from its last snapshot. */
export type Phase = 'idle' | 'preparing' | 'running' | 'paused' | 'stopped' | 'failed';

/** Facts about the current run. */
export interface RunFacts {
  readonly adapter: string;
  /** Bytes of device memory during an iteration. */
  readonly memory: number;
  /** Numbers of pairs in the training half and of images in them. */
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
  /** Deletes all rows after `step`, because a new run begins or a run continues from a snapshot. */
  | { readonly type: 'rewind'; readonly step: number; readonly rows?: readonly LogRow[] }
  | { readonly type: 'row'; readonly row: LogRow }
  | { readonly type: 'sample'; readonly step: number; readonly sheet: Image; readonly tile: Extent }
  | { readonly type: 'snapshot'; readonly step: number }
  | { readonly type: 'files'; readonly files: readonly RunFile[] }
  | { readonly type: 'datasets'; readonly folder: string; readonly names: readonly string[] }
  | { readonly type: 'base'; readonly base: Base | undefined }
  | { readonly type: 'saved run'; readonly base: Base | undefined }
  /** A message that does not end the run. */
  | { readonly type: 'note'; readonly message: string }
  /** A request failed. The current run, if any, continues. */
  | { readonly type: 'refused'; readonly message: string };
