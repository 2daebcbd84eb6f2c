import { NonFiniteError } from '../gpu/errors.js';
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
  /**
   * Whether the losses of iteration `step` are kept. The parameters are looked at before they are told, before anything
   * that is due, and at the end.
   */
  readonly kept: (step: number) => boolean;
  /** Losses after `step` iterations, in order; the next iteration may be under way. */
  readonly onLosses: (step: number, losses: Losses) => void;
  /** What has to happen between iteration `step` and the next, if anything: all losses are known by then. */
  readonly after: (step: number) => (() => Promise<void>) | undefined;
}

/**
 * Trains for as long as `more` says. Losses are awaited one iteration late, so that the device has work while the host looks at
 * them and prepares the next; all are known when this resolves. `NonFiniteError` when a loss, a parameter or a moment of it is no
 * finite number.
 */
export async function iterate(
  trainer: Pick<Trainer, 'train' | 'losses' | 'checkFinite' | 'step'>,
  { batch, more, kept, onLosses, after }: Iterations,
): Promise<void> {
  let pending: (() => Promise<void>) | undefined;
  const settle = async () => {
    const last = pending;
    pending = undefined;
    await last?.();
  };
  let looked = trainer.step;
  while (more()) {
    trainer.train(await batch(trainer.step));
    const { step } = trainer;
    const read = trainer.losses();
    const due = after(step);
    const sound = due || kept(step) ? trainer.checkFinite() : undefined;
    if (sound) looked = step;
    for (const later of [read, sound]) later?.catch(() => {}); // awaited below, perhaps after another error
    await settle();
    pending = async () => {
      const losses = await read;
      await sound;
      checkLosses(losses, step);
      onLosses(step, losses);
    };
    if (!due) continue;
    await settle();
    await due();
  }
  await settle();
  if (looked !== trainer.step) await trainer.checkFinite();
}

/** A loss that is not a number would be trained on for hours unseen. */
function checkLosses(losses: Losses, step: number): void {
  for (const [name, value] of Object.entries(losses))
    if (!Number.isFinite(value)) throw new NonFiniteError(step, `the ${name} loss is ${value}`);
}
