import { GpuValidationError, OutOfMemoryError, PoseGanError } from './errors.js';

/** Collects what becomes of calls of the device: each promise resolves, or rejects with a typed error. */
export type Outcomes = Promise<unknown>[];

/** Kinds of errors that a device tells; one call may make an error of each. */
const FILTERS: readonly GPUErrorFilter[] = ['internal', 'out-of-memory', 'validation'];

/**
 * Error scopes around one engine's calls of a device that it may share. What the calls do wrong is caught here and never
 * reaches the owner's scopes or `uncapturederror`; what the owner does wrong is never caught here.
 */
export class ErrorScopes {
  /** Calls whose scopes have not answered yet. */
  readonly #unanswered = new Set<Promise<unknown>>();

  constructor(
    private readonly device: GPUDevice,
    /** Hears of errors that no one else collects. */
    private readonly report: (error: Error) => void,
  ) {}

  /** Resolves when it is known of all calls so far whether the device refused them. */
  answered(): Promise<unknown> {
    return Promise.all(this.#unanswered);
  }

  /** `body` makes the calls, and the scopes are closed when it returns. `bytes` is what it allocates. */
  around<T>(label: string, body: (device: GPUDevice) => T, outcomes?: Outcomes, bytes?: number): T {
    for (const filter of FILTERS) this.device.pushErrorScope(filter);
    try {
      return body(this.device);
    } finally {
      // The scope that was opened last is closed first.
      const answers = FILTERS.map((_, i) => this.#close(FILTERS.at(-1 - i) as GPUErrorFilter, label, bytes));
      const outcome = Promise.all(answers);
      outcomes?.push(outcome);
      const heard: Promise<unknown> = outcome.catch((error: unknown) => {
        // Anything else is the rejection of a lost device, and `device.lost` tells of that.
        if (!outcomes && error instanceof PoseGanError) this.report(error);
      });
      this.#unanswered.add(heard);
      void heard.then(() => this.#unanswered.delete(heard));
    }
  }

  async #close(filter: GPUErrorFilter, label: string, bytes: number | undefined): Promise<void> {
    const error = await this.device.popErrorScope();
    if (!error) return;
    if (filter === 'out-of-memory') throw new OutOfMemoryError(label, bytes, error.message);
    throw new GpuValidationError(label, filter === 'internal' ? `internal error: ${error.message}` : error.message);
  }
}
