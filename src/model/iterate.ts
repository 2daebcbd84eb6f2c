import { UsageError } from '../gpu/errors.js';
import type { TrainingData } from './inputs.js';
import type { Losses, Trainer } from './trainer.js';

/** One line of a run's log. */
export interface LogRow extends Losses {
  /** Iterations done. */
  readonly step: number;
  /** Seconds since the run, or its resumption, began. */
  readonly seconds: number;
}

export interface Iterations {
  /** The pairs of an iteration; the first step is 0. */
  readonly batch: (step: number) => Promise<TrainingData>;
  /** Asked before every iteration. */
  readonly more: () => boolean;
  /** Losses after `step` iterations, in order; the next iteration may be under way. */
  readonly onLosses: (step: number, losses: Losses) => void;
  /** What has to happen between iteration `step` and the next, if anything: all losses are known by then. */
  readonly after: (step: number) => (() => Promise<void>) | undefined;
}

/**
 * Trains for as long as `more` says. Losses are awaited one iteration late, so that the device has work while the host looks at
 * them and prepares the next; all are known when this resolves. `UsageError` when one is no number.
 */
export async function iterate(
  trainer: Pick<Trainer, 'train' | 'losses' | 'step'>,
  { batch, more, onLosses, after }: Iterations,
): Promise<void> {
  let pending: (() => Promise<void>) | undefined;
  const settle = async () => {
    const last = pending;
    pending = undefined;
    await last?.();
  };
  while (more()) {
    trainer.train(await batch(trainer.step));
    const { step } = trainer;
    const read = trainer.losses();
    read.catch(() => {}); // awaited below, perhaps after another error
    await settle();
    pending = async () => {
      const losses = await read;
      checkLosses(losses, step);
      onLosses(step, losses);
    };
    const due = after(step);
    if (!due) continue;
    await settle();
    await due();
  }
  await settle();
}

/** A loss that is no number would be trained on for hours unseen. */
function checkLosses(losses: Losses, step: number): void {
  for (const [name, value] of Object.entries(losses))
    if (!Number.isFinite(value))
      throw new UsageError(
        `the ${name} loss became ${value} in iteration ${step}; the last checkpoint is from before. ` +
          'Try a lower learning rate.',
      );
}
