import { describe, expect, test } from 'vitest';
import { type InitialValue, ParameterSet } from '../src/autograd/parameters.js';
import { ShapeError, UsageError } from '../src/gpu/errors.js';
import {
  constantValue,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  normal,
  ones,
  uniform,
  zeros,
} from '../src/nets/initializers.js';

/** Returns the initial values of a parameter. */
function filled(init: InitialValue, shape: readonly number[], { set = 'net', name = 'w' } = {}): Float32Array {
  const parameters = new ParameterSet(set);
  parameters.parameter(name, shape, init);
  return parameters.initial(name);
}

/**
 * Returns the mean, the standard deviation, the largest magnitude, and the kurtosis, which is 3 for a normal
 * distribution and 1.8 for a uniform one.
 */
function momentsOf(values: Float32Array) {
  const average = (f: (x: number) => number) => values.reduce((sum, x) => sum + f(x), 0) / values.length;
  const mean = average((x) => x);
  const variance = average((x) => (x - mean) ** 2);
  return {
    ...{ mean, std: Math.sqrt(variance), most: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) },
    kurtosis: average((x) => (x - mean) ** 4) / variance ** 2,
  };
}

/** Shapes with the fan-in and fan-out that PyTorch 1.13 computes for the same weights in its own layout. */
const SHAPES = {
  linear: { shape: [64, 32], fanIn: 64, fanOut: 32 },
  convolution: { shape: [3, 3, 16, 8], fanIn: 144, fanOut: 72 },
  'transposed convolution': { shape: [4, 4, 8, 16], fanIn: 128, fanOut: 256 },
  'depthwise convolution': { shape: [5, 5, 1, 12], fanIn: 25, fanOut: 300 },
};

describe.each(Object.entries(SHAPES))('%s', (_, { shape, fanIn, fanOut }) => {
  const mean = (fanIn + fanOut) / 2;
  test.each<[string, InitialValue, number, 'normal' | 'uniform']>([
    ['heNormal', heNormal(1), 2 / fanIn, 'normal'],
    ['heNormal, fanOut', heNormal(1, { mode: 'fanOut' }), 2 / fanOut, 'normal'],
    ['heUniform', heUniform(1), 2 / fanIn, 'uniform'],
    ['heUniform, fanOut', heUniform(1, { mode: 'fanOut' }), 2 / fanOut, 'uniform'],
    ['glorotNormal', glorotNormal(1), 1 / mean, 'normal'],
    ['glorotUniform', glorotUniform(1), 1 / mean, 'uniform'],
  ])('%s', (_, init, variance, distribution) => {
    // There are many parameters of one shape, so that their moments are accurate to a few percent.
    const each = Array.from({ length: 64 }, (_, i) => filled(init, shape, { name: `w${i}` }));
    const values = Float32Array.from(each.flatMap((list) => [...list]));
    const found = momentsOf(values);
    const std = Math.sqrt(variance);
    const deviations = 5 / Math.sqrt(values.length);
    expect(Math.abs(found.mean) / std).toBeLessThan(deviations);
    expect(Math.abs(found.std / std - 1)).toBeLessThan(deviations);
    expect(found.kurtosis).toBeCloseTo(distribution === 'normal' ? 3 : 1.8, 0);
    if (distribution === 'uniform') expect(found.most).toBeLessThanOrEqual(Math.fround(Math.sqrt(3 * variance)));
    else expect(found.most, 'not truncated').toBeGreaterThan(3 * std);
  });
});

test('the fan-out is divided by the groups, whose number must divide that of the outputs', () => {
  // With [5, 5, 1, 12] in 12 groups, an output has 25 terms and a value takes part in 25 outputs.
  const { std } = momentsOf(filled(glorotNormal(1, { groups: 12 }), [5, 5, 1, 12 * 100]));
  expect(std / Math.sqrt(2 / (25 + 25 * 100))).toBeCloseTo(1, 1);
  expect(() => filled(heNormal(1, { groups: 5 }), [5, 5, 1, 12])).toThrow(
    'heNormal: parameter w is [5, 5, 1, 12], whose 12 outputs are no 5 groups',
  );
});

test('weights have a fan-in and a fan-out, biases have none', () => {
  for (const init of [heNormal(1), heUniform(1), glorotNormal(1), glorotUniform(1)]) {
    expect(() => filled(init, [8], { name: 'bias' })).toThrow(ShapeError);
    expect(() => filled(init, [8], { name: 'bias' })).toThrow(/parameter bias is \[8\], but only weights .* zeros/);
  }
});

test('normal and uniform have the given moments', () => {
  const shape = [20000];
  expect(momentsOf(filled(normal(3), shape)).std).toBeCloseTo(1, 1);
  const wide = momentsOf(filled(normal(3, { std: 0.02, mean: 5 }), shape));
  expect(wide.mean).toBeCloseTo(5, 3);
  expect(wide.std).toBeCloseTo(0.02, 3);
  const unit = filled(uniform(3), shape);
  expect(momentsOf(unit).mean).toBeCloseTo(0.5, 2);
  expect(unit.every((x) => x >= 0 && x <= 1)).toBe(true);
  const between = filled(uniform(3, { low: -3, high: -2 }), shape);
  expect(momentsOf(between).mean).toBeCloseTo(-2.5, 2);
  expect(between.every((x) => x >= -3 && x <= -2)).toBe(true);
  const neighbours = momentsOf(filled(normal(3), shape).map((x, i, all) => x * (all[i ^ 1] ?? 0)));
  expect(Math.abs(neighbours.mean), 'the two elements that share random numbers are not correlated').toBeLessThan(0.03);
});

test('zeros, ones and constants have the given values', () => {
  expect([...filled(zeros, [2])]).toEqual([0, 0]);
  expect([...filled(ones, [2])]).toEqual([1, 1]);
  expect([...filled(constantValue(0.25), [2])]).toEqual([0.25, 0.25]);
});

test('with a seed, values depend only on the seed and the names of set and parameter', () => {
  const shape = [3, 3, 4, 4];
  const first = filled(heNormal(1), shape);
  expect(filled(heNormal(1), shape)).toEqual(first);
  const others = [
    filled(heNormal(2), shape),
    filled(heNormal(1), shape, { name: 'v' }),
    filled(heNormal(1), shape, { set: 'other' }),
  ];
  for (const other of others) expect(other).not.toEqual(first);
  // One initialiser serves several parameters in any order.
  const init = heNormal(1);
  const set = new ParameterSet('net');
  for (const name of ['v', 'w']) set.parameter(name, shape, init);
  expect(set.initial('w')).toEqual(first);
  expect(set.initial('v')).toEqual(others[1]);
  expect(set.initial('w')).toEqual(first);
});

test('the values of a seed never change between versions', () => {
  const parameter = { set: 'generator', name: 'encoder.0.weight', shape: [4, 4, 64, 128] };
  const init = glorotUniform(7);
  expect([0, 1, 17, 131071].map((index) => init(index, parameter))).toEqual([
    0.03625161930444668, -0.01081699568298987, -0.029199887573676742, 0.029378419350732467,
  ]);
});

test('a function can give the random numbers in place of a seed', () => {
  let calls = 0;
  const counting = () => (calls++ % 4) / 4;
  expect([...filled(uniform(counting), [5])]).toEqual([0, 0.25, 0.5, 0.75, 0]);
  expect([
    ...filled(
      glorotUniform(() => 0),
      [3, 3],
    ),
  ]).toEqual(new Array(9).fill(-1));
  expect(momentsOf(filled(normal(Math.random), [20000])).std).toBeCloseTo(1, 1);
  expect(() =>
    filled(
      uniform(() => Number.NaN),
      [1],
    ),
  ).toThrow(/parameter w: its initial value 0 must be a finite/);
});

test('seeds and options of another kind are refused', () => {
  expect(() => heNormal(-1)).toThrow(UsageError);
  expect(() => heNormal(0.5)).toThrow(/source must be an integer of 0 or more or a function, got 0\.5/);
  expect(() => glorotUniform(1, { mode: 'fanIn' } as object)).toThrow(/cannot have "mode"; known are groups/);
});
