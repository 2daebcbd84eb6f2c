import { BOOLEAN, COUNT, checked, type Kinds, NATURAL, POSITIVE, RATE, recordOf } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';

/** Returns the learning rate from the number of updates made so far: 0, 1, 2, …. An optimiser takes it as `learningRate`. */
export type Schedule = (step: number) => number;

export interface LinearScheduleOptions {
  initValue: number;
  endValue: number;
  /** The number of steps from `initValue` to `endValue`. */
  transitionSteps: number;
  /** The step from which the value changes. Default: 0. */
  transitionBegin?: number;
}

export interface ExponentialDecayOptions {
  initValue: number;
  /** The number of steps after which the value is multiplied by `decayRate`. */
  transitionSteps: number;
  decayRate: number;
  /** The step from which the value decays. Default: 0. */
  transitionBegin?: number;
  /** Whether the value changes only every `transitionSteps` steps, as PyTorch's `StepLR` does. Default: false. */
  staircase?: boolean;
  /** The value beyond which it does not decay. */
  endValue?: number;
}

export interface PiecewiseConstantOptions {
  initValue: number;
  /** By step: the factor by which the value is multiplied from there on, as PyTorch's `MultiStepLR` does. */
  boundariesAndScales: Readonly<Record<number, number>>;
}

export interface CosineDecayOptions {
  initValue: number;
  /** The number of steps until the last value. */
  decaySteps: number;
  /** The last value as a part of `initValue`. Default: 0. */
  alpha?: number;
}

export interface WarmupCosineDecayOptions {
  initValue: number;
  peakValue: number;
  /** The number of steps from `initValue` to `peakValue`. */
  warmupSteps: number;
  /** The number of steps until the last value, warm-up included. */
  decaySteps: number;
  /** Default: 0. */
  endValue?: number;
}

/** The same value in every step. */
export function constantSchedule(...args: [value: number]): Schedule {
  const [value] = checked('constantSchedule', { value: RATE }, args);
  return () => value;
}

/** From `initValue` to `endValue` in equal steps, and `endValue` from there on: optax's `linear_schedule`. */
export function linearSchedule(...args: [options: LinearScheduleOptions]): Schedule {
  const kinds: Kinds = { initValue: RATE, endValue: RATE, transitionSteps: COUNT, 'transitionBegin?': NATURAL };
  const [{ initValue, endValue, transitionSteps, transitionBegin = 0 }] = checked(
    'linearSchedule',
    { options: kinds },
    args,
  );
  return (step) => {
    const part = clamp(step - transitionBegin, 0, transitionSteps) / transitionSteps;
    return (initValue - endValue) * (1 - part) + endValue;
  };
}

/** `initValue` · `decayRate`^(step / `transitionSteps`): optax's `exponential_decay`. */
export function exponentialDecay(...args: [options: ExponentialDecayOptions]): Schedule {
  const kinds: Kinds = {
    ...{ initValue: RATE, transitionSteps: COUNT, decayRate: POSITIVE },
    ...{ 'transitionBegin?': NATURAL, 'staircase?': BOOLEAN, 'endValue?': RATE },
  };
  const [options] = checked('exponentialDecay', { options: kinds }, args);
  const { initValue, transitionSteps, decayRate, transitionBegin = 0, staircase = false, endValue } = options;
  return (step) => {
    const passed = Math.max(0, step - transitionBegin) / transitionSteps;
    const value = initValue * decayRate ** (staircase ? Math.floor(passed) : passed);
    if (endValue === undefined) return value;
    return decayRate < 1 ? Math.max(value, endValue) : Math.min(value, endValue);
  };
}

/** `initValue` times the scales of all boundaries that are reached: optax's `piecewise_constant_schedule`. */
export function piecewiseConstantSchedule(...args: [options: PiecewiseConstantOptions]): Schedule {
  const kinds: Kinds = { initValue: RATE, boundariesAndScales: recordOf(RATE) };
  const [{ initValue, boundariesAndScales }] = checked('piecewiseConstantSchedule', { options: kinds }, args);
  const scales = Object.entries(boundariesAndScales).map(([at, scale]) => [Number(at), scale] as const);
  const wrong = Object.keys(boundariesAndScales).find((at) => !Number.isSafeInteger(Number(at)) || Number(at) < 0);
  if (wrong !== undefined)
    throw new UsageError(`piecewiseConstantSchedule: the boundary ${wrong} must be a step, an integer of 0 or more`);
  return (step) => scales.reduce((value, [at, scale]) => (step >= at ? value * scale : value), initValue);
}

/** Half a cosine from `initValue` to `alpha` · `initValue` (Loshchilov & Hutter 2017): optax's `cosine_decay_schedule`. */
export function cosineDecaySchedule(...args: [options: CosineDecayOptions]): Schedule {
  const kinds: Kinds = { initValue: RATE, decaySteps: COUNT, 'alpha?': RATE };
  const [{ initValue, decaySteps, alpha = 0 }] = checked('cosineDecaySchedule', { options: kinds }, args);
  return (step) => {
    const part = clamp(step, 0, decaySteps) / decaySteps;
    return initValue * ((1 - alpha) * 0.5 * (1 + Math.cos(Math.PI * part)) + alpha);
  };
}

/** A linear warm-up to `peakValue`, then half a cosine to `endValue`: optax's `warmup_cosine_decay_schedule`. */
export function warmupCosineDecaySchedule(...args: [options: WarmupCosineDecayOptions]): Schedule {
  const kinds: Kinds = {
    ...{ initValue: RATE, peakValue: POSITIVE, warmupSteps: COUNT, decaySteps: COUNT, 'endValue?': RATE },
  };
  const [options] = checked('warmupCosineDecaySchedule', { options: kinds }, args);
  const { initValue, peakValue, warmupSteps, decaySteps, endValue = 0 } = options;
  if (decaySteps <= warmupSteps)
    throw new UsageError(
      `warmupCosineDecaySchedule: decaySteps ${decaySteps} include the warm-up, so they must be more than warmupSteps ${warmupSteps}`,
    );
  const warmup = linearSchedule({ initValue, endValue: peakValue, transitionSteps: warmupSteps });
  const alpha = endValue / peakValue;
  const decay = cosineDecaySchedule({ initValue: peakValue, decaySteps: decaySteps - warmupSteps, alpha });
  return (step) => (step < warmupSteps ? warmup(step) : decay(step - warmupSteps));
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}
