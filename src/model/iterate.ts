import { NonFiniteError } from '../gpu/errors.js';
import type { TrainingData } from './inputs.js';
import type { Losses, Trainer } from './trainer.js';

/** One line of a run's log. */
export interface LogRow extends Losses {
  /** The number of iterations done. */
  readonly step: number;
  /** The time since the run, or its resumption, began, in seconds. */
  readonly seconds: number;
}

export interface Iterations {
  /** The pairs of an iteration. The first step is 0. */
  readonly batch: (step: number) => Promise<TrainingData>;
  /** Whether to do another iteration. */
  readonly more: () => boolean | Promise<boolean>;
  /**
   * Whether the losses of iteration `step` are logged. The parameters are checked before logged losses are reported,
   * before an action of `after`, and at the end.
   */
  readonly logged: (step: number) => boolean;
  /** Receives the losses after `step` iterations, in order. The next iteration may have begun. */
  readonly onLosses: (step: number, losses: Losses) => void;
  /** An action to do between iteration `step` and the next, if any. All losses have been reported by then. */
  readonly after: (step: number) => (() => Promise<void>) | undefined;
}

/**
 * Trains while `more` returns true. Losses are awaited one iteration late, so that the device has work while the host handles them
 * and prepares the next iteration. All have been reported when this resolves. Throws `NonFiniteError` if a loss, a parameter or a
 * moment is NaN or infinite.
 */
export async function iterate(
  trainer: Pick<Trainer, 'losses' | 'checkFinite' | 'step'> & { train(data: TrainingData): void | Promise<void> },
  { batch, more, logged, onLosses, after }: Iterations,
): Promise<void> {
  let pending: (() => Promise<void>) | undefined;
  const settle = async () => {
    const last = pending;
    pending = undefined;
    await last?.();
  };
  let checkedStep = trainer.step;
  while (await more()) {
    await trainer.train(await batch(trainer.step));
    const { step } = trainer;
    const read = trainer.losses();
    const action = after(step);
    const check = action || logged(step) ? trainer.checkFinite() : undefined;
    if (check) checkedStep = step;
    // They are awaited below, perhaps only after another error.
    for (const promise of [read, check]) promise?.catch(() => {});
    await settle();
    pending = async () => {
      const losses = await read;
      await check;
      checkLosses(losses, step);
      onLosses(step, losses);
    };
    if (!action) continue;
    await settle();
    await action();
  }
  await settle();
  if (checkedStep !== trainer.step) await trainer.checkFinite();
}

/** Throws `NonFiniteError` for a loss that is NaN or infinite, with which training could otherwise continue for hours. */
function checkLosses(losses: Losses, step: number): void {
  for (const [name, value] of Object.entries(losses))
    if (!Number.isFinite(value)) throw new NonFiniteError(step, `the ${name} loss is ${value}`);
}
