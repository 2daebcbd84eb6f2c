import { GpuValidationError, OutOfMemoryError, PoseGanError } from './errors.js';

/** Collects the outcomes of device calls: each promise resolves, or rejects with a typed error. */
export type Outcomes = Promise<unknown>[];

/** The kinds of errors that a device reports. One call may cause an error of each kind. */
const FILTERS: readonly GPUErrorFilter[] = ['internal', 'out-of-memory', 'validation'];

/**
 * Error scopes around one engine's calls of a device that it may share. Errors of these calls are caught here and never reach
 * the owner's scopes or `uncapturederror`, and errors of the owner's calls are never caught here.
 */
export class ErrorScopes {
  /** The calls whose scopes are still open. */
  readonly #pending = new Set<Promise<unknown>>();

  constructor(
    private readonly device: GPUDevice,
    /** Receives errors of calls that have no `outcomes`. */
    private readonly report: (error: Error) => void,
  ) {}

  /** Resolves when the outcomes of all calls so far are known. */
  settled(): Promise<unknown> {
    return Promise.all(this.#pending);
  }

  /** Runs `body`, which makes the calls, and then closes the scopes. `bytes` is what `body` allocates. */
  around<T>(label: string, body: (device: GPUDevice) => T, outcomes?: Outcomes, bytes?: number): T {
    for (const filter of FILTERS) this.device.pushErrorScope(filter);
    try {
      return body(this.device);
    } finally {
      // The scope that was opened last is closed first.
      const closed = FILTERS.map((_, i) => this.#close(FILTERS.at(-1 - i) as GPUErrorFilter, label, bytes));
      const outcome = Promise.all(closed);
      outcomes?.push(outcome);
      const settled: Promise<unknown> = outcome.catch((error: unknown) => {
        // Other errors come from a lost device, which `device.lost` reports.
        if (!outcomes && error instanceof PoseGanError) this.report(error);
      });
      this.#pending.add(settled);
      void settled.then(() => this.#pending.delete(settled));
    }
  }

  async #close(filter: GPUErrorFilter, label: string, bytes: number | undefined): Promise<void> {
    const error = await this.device.popErrorScope();
    if (!error) return;
    if (filter === 'out-of-memory') throw new OutOfMemoryError(label, bytes, error.message);
    throw new GpuValidationError(label, filter === 'internal' ? `internal error: ${error.message}` : error.message);
  }
}
