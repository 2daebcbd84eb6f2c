import { expect, test } from 'vitest';
import { UsageError } from '../src/gpu/errors.js';
import {
  constantSchedule,
  cosineDecaySchedule,
  exponentialDecay,
  linearSchedule,
  piecewiseConstantSchedule,
  type Schedule,
  warmupCosineDecaySchedule,
} from '../src/nets/schedules.js';

const steps = (schedule: Schedule, n: number) => Array.from({ length: n }, (_, step) => schedule(step));

/** The learning rates that the schedules of PyTorch 1.13 give for the same steps. */
test.each<[string, Schedule, readonly number[]]>([
  [
    'StepLR',
    exponentialDecay({ initValue: 0.5, transitionSteps: 3, decayRate: 0.1, staircase: true }),
    [0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.005, 0.005, 0.005, 0.0005, 0.0005, 0.0005],
  ],
  [
    'MultiStepLR',
    piecewiseConstantSchedule({ initValue: 0.5, boundariesAndScales: { 2: 0.1, 5: 0.1, 9: 0.1 } }),
    [0.5, 0.5, 0.05, 0.05, 0.05, 0.005, 0.005, 0.005, 0.005, 0.0005, 0.0005, 0.0005],
  ],
  [
    'ExponentialLR',
    exponentialDecay({ initValue: 0.5, transitionSteps: 1, decayRate: 0.9 }),
    [0.5, 0.45, 0.405, 0.3645, 0.32805, 0.295245, 0.2657205, 0.23914845, 0.215233605, 0.193710245],
  ],
  [
    'CosineAnnealingLR',
    cosineDecaySchedule({ initValue: 0.5, decaySteps: 8, alpha: 0.1 }),
    [0.5, 0.482872895, 0.434099026, 0.361103772, 0.275, 0.188896228, 0.115900974, 0.067127105, 0.05],
  ],
  [
    'LinearLR',
    linearSchedule({ initValue: 0.5 / 3, endValue: 0.5, transitionSteps: 5 }),
    [0.166666667, 0.233333333, 0.3, 0.366666667, 0.433333333, 0.5, 0.5, 0.5, 0.5],
  ],
])('as PyTorch’s %s', (_, schedule, want) => {
  for (const [step, rate] of want.entries()) expect(schedule(step), `step ${step}`).toBeCloseTo(rate, 9);
});

test('constantSchedule gives its value in every step', () => {
  expect(steps(constantSchedule(0.3), 3)).toEqual([0.3, 0.3, 0.3]);
});

test('schedules begin at the given step and stay at their last value', () => {
  const linear = linearSchedule({ initValue: 4, endValue: 2, transitionSteps: 2, transitionBegin: 2 });
  expect(steps(linear, 7)).toEqual([4, 4, 4, 3, 2, 2, 2]);
  const halved = { initValue: 8, transitionSteps: 2, decayRate: 0.25 };
  expect(steps(exponentialDecay(halved), 5)).toEqual([8, 4, 2, 1, 0.5]);
  expect(steps(exponentialDecay({ ...halved, transitionBegin: 3 }), 6)).toEqual([8, 8, 8, 8, 4, 2]);
  expect(steps(exponentialDecay({ ...halved, endValue: 3 }), 4)).toEqual([8, 4, 3, 3]);
  const doubled = { initValue: 1, transitionSteps: 1, decayRate: 2, endValue: 6 };
  expect(steps(exponentialDecay(doubled), 5)).toEqual([1, 2, 4, 6, 6]);
  expect(cosineDecaySchedule({ initValue: 2, decaySteps: 4 })(100)).toBe(0);
});

test('a warm-up rises linearly to the peak, and then a cosine falls', () => {
  const schedule = warmupCosineDecaySchedule({
    ...{ initValue: 0.1, peakValue: 0.5, warmupSteps: 4, decaySteps: 12, endValue: 0.05 },
  });
  const cosine = cosineDecaySchedule({ initValue: 0.5, decaySteps: 8, alpha: 0.1 });
  const want = [0.1, 0.2, 0.3, 0.4, ...steps(cosine, 9), 0.05, 0.05];
  for (const [step, rate] of want.entries()) expect(schedule(step), `step ${step}`).toBeCloseTo(rate, 12);
});

test('invalid values of schedules are refused', () => {
  expect(() => constantSchedule(-1)).toThrow(/value must be a number of 0 or more, got -1/);
  expect(() => linearSchedule({ initValue: 1, endValue: 0, transitionSteps: 0 })).toThrow(
    /transitionSteps must be an integer of at least 1, got 0/,
  );
  expect(() => exponentialDecay({ initValue: 1, transitionSteps: 1, decayRate: 0 })).toThrow(UsageError);
  expect(() => piecewiseConstantSchedule({ initValue: 1, boundariesAndScales: { 1.5: 0.1 } })).toThrow(
    /the boundary 1\.5 must be a step, an integer of 0 or more/,
  );
  const short = { initValue: 0, peakValue: 1, warmupSteps: 5, decaySteps: 5 };
  expect(() => warmupCosineDecaySchedule(short)).toThrow(/decaySteps 5 include the warm-up.* warmupSteps 5/);
});
