import type { ComposedComparison } from '../../../src/bench/composed.js';
import type { Contract } from '../../../src/bench/contract.js';
import type { BenchAdapter, BenchRow } from '../../../src/bench/document.js';
import type { Peaks } from '../../../src/bench/peaks.js';
import type { CheckResult } from '../../../src/bench/user-check.js';
import type { KernelOptions } from '../../../src/bench/user-kernel.js';
import type { TimedCase, TimeResult } from '../../../src/bench/user-time.js';
import type { Timing } from '../../../src/gpu/clock.js';

/** The adapter, and the rooms and ops that can be timed. */
export interface Catalogue {
  readonly adapter: BenchAdapter;
  readonly timing: Timing;
  readonly rooms: readonly RoomEntry[];
  /** All ops by name. */
  readonly ops: readonly OpEntry[];
}

interface RoomEntry {
  readonly name: string;
  readonly cases: number;
  readonly kernels: number;
}

export interface OpEntry {
  readonly name: string;
  /** The room to which it belongs. */
  readonly room: string;
  readonly variants: readonly string[];
  /** The plainest variant. */
  readonly reference: string;
  /** Cases on which it can be timed. */
  readonly layers: readonly string[];
}

export interface BenchRequest {
  readonly only: readonly string[];
  readonly filter: string;
  readonly samples: number;
}

export type BenchEvent =
  | { readonly kind: 'peaks'; readonly peaks: Peaks; readonly cases: number }
  | { readonly kind: 'case'; readonly done: number; readonly name: string }
  | { readonly kind: 'rows'; readonly rows: readonly BenchRow[] }
  | { readonly kind: 'composed'; readonly composed: ComposedComparison };

export interface KernelRequest {
  readonly kernel: KernelOptions;
  /** The case to time; empty for all. */
  readonly layer: string;
  readonly samples: number;
  /** Whether to check the kernel without timing it. */
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

export interface KernelResult {
  readonly check: CheckResult;
  readonly time?: TimeResult;
}

/** The sources of one of our variants in the order of its dispatches. */
export type Sources = readonly { readonly label: string; readonly code: string }[];

/** The calls of the page to its worker. */
export type Calls = {
  open: { params: Record<string, never>; event: never; result: Catalogue };
  bench: { params: BenchRequest; event: BenchEvent; result: null };
  contract: { params: { op: string }; event: never; result: Contract };
  sources: { params: { op: string; variant: string }; event: never; result: Sources };
  kernel: { params: KernelRequest; event: KernelEvent; result: KernelResult };
};

/** The worker sends this once it has loaded its modules. It does not receive messages that are sent before. */
export type Notice = 'ready';
