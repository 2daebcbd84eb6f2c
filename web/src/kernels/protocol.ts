import type { ComposedComparison } from '../../../src/bench/composed.js';
import type { Contract } from '../../../src/bench/contract.js';
import type { BenchAdapter, BenchRow } from '../../../src/bench/document.js';
import type { Peaks } from '../../../src/bench/peaks.js';
import type { CheckResult } from '../../../src/bench/user-check.js';
import type { KernelOptions } from '../../../src/bench/user-kernel.js';
import type { TimedCase, TimeResult } from '../../../src/bench/user-time.js';
import type { Timing } from '../../../src/gpu/clock.js';

/** What there is to time and to write kernels for. */
export interface Catalogue {
  readonly adapter: BenchAdapter;
  readonly timing: Timing;
  readonly rooms: readonly RoomEntry[];
  /** Those of a room's own name first. */
  readonly ops: readonly OpEntry[];
}

interface RoomEntry {
  readonly name: string;
  readonly cases: number;
  readonly kernels: number;
}

export interface OpEntry {
  readonly name: string;
  /** The room that it belongs to. */
  readonly room: string;
  readonly variants: readonly string[];
  /** The plainest variant. */
  readonly reference: string;
  /** Cases that it can be timed on. */
  readonly layers: readonly string[];
}

export interface BenchAsk {
  readonly only: readonly string[];
  readonly filter: string;
  readonly samples: number;
}

export type BenchEvent =
  | { readonly kind: 'peaks'; readonly peaks: Peaks; readonly cases: number }
  | { readonly kind: 'case'; readonly done: number; readonly name: string }
  | { readonly kind: 'rows'; readonly rows: readonly BenchRow[] }
  | { readonly kind: 'composed'; readonly composed: ComposedComparison };

export interface KernelAsk {
  readonly kernel: KernelOptions;
  /** The case to time on; all when empty. */
  readonly layer: string;
  readonly samples: number;
  /** Only check. */
  readonly checkOnly: boolean;
}

export type KernelEvent =
  | {
      readonly kind: 'progress';
      readonly what: 'check' | 'time';
      readonly done: number;
      readonly total: number;
      readonly name: string;
    }
  | { readonly kind: 'checked'; readonly check: CheckResult }
  | { readonly kind: 'timed'; readonly timed: TimedCase };

export interface KernelAnswer {
  readonly check: CheckResult;
  readonly time?: TimeResult;
}

/** The sources of one of our variants, in the order of its dispatches. */
export type Sources = readonly { readonly label: string; readonly code: string }[];

/** What the page can ask its worker: the request, what is reported meanwhile, the answer. */
export type Calls = {
  open: { ask: Record<string, never>; event: never; answer: Catalogue };
  bench: { ask: BenchAsk; event: BenchEvent; answer: null };
  contract: { ask: { op: string }; event: never; answer: Contract };
  sources: { ask: { op: string; variant: string }; event: never; answer: Sources };
  kernel: { ask: KernelAsk; event: KernelEvent; answer: KernelAnswer };
};

/** Said once, when the worker has loaded its modules: what is sent to it before is lost. */
export type News = 'ready';
