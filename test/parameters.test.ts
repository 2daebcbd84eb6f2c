import { beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError, UsageError } from '../src/gpu/errors.js';
import { Adam } from '../src/kernels/adam/adam.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { square, sub } from '../src/kernels/elementwise/elementwise.js';
import { mean } from '../src/kernels/sum/sum.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const values = (set: ParameterSet, name: string) => set.read(engine).then((all) => [...(all.get(name) ?? [])]);

test('a net that is built twice on one set shares its parameters, even after a plan uses the set', async () => {
  const set = new ParameterSet('twice');
  let drawn = 0;
  const net = (x: Tensor) =>
    conv2d(
      x,
      set.parameter('w', [1, 1, 2, 2], (i) => ++drawn && i / 4),
      { bias: set.parameter('b', [2], () => 0) },
    );
  const y = net(input('x', [4, 1, 1, 2]));
  const loss = mean(square(sub(y, input('target', [4, 1, 1, 2]))));
  const training = await compile(engine, { loss }, { update: [new Adam(set, { learningRate: 0.1 }).minimize(loss)] });
  const inference = await compile(engine, { y: net(input('x', [1, 1, 1, 2])) });
  expect(set.names).toEqual(['w', 'b']);

  const one = new Float32Array([1, 0]);
  inference.run({ x: one });
  expect([...(await inference.read('y'))], 'the initial w, whose first row is [0, 1/4]').toEqual([0, 0.25]);
  training.run({ x: Float32Array.from({ length: 8 }, (_, i) => i), target: new Float32Array(8).fill(9) });
  inference.run();
  const [w, b] = [await values(set, 'w'), await values(set, 'b')];
  expect(w, 'the update has changed them').not.toEqual([0, 0.25, 0.5, 0.75]);
  const at = (list: readonly number[], i: number) => list[i] ?? Number.NaN;
  const expected = [0, 1].map((i) => Math.fround(at(w, i) + at(b, i)));
  expect([...(await inference.read('y'))], 'inference uses what was trained').toEqual(expected);
  expect(drawn, 'the function that fills w was called once for each of its elements').toBe(4);
  training.destroy();
  inference.destroy();
});

test('the first call fills a parameter; later ones must agree in shape', () => {
  const set = new ParameterSet('net');
  const w = set.parameter('w', [2, 3], () => 1);
  expect(set.parameter('w', [2, 3], () => 2)).toBe(w);
  expect(set.get('w')).toBe(w);
  expect([...set.initial('w')]).toEqual([1, 1, 1, 1, 1, 1]);
  const wrong = () => set.parameter('w', [3, 2], () => 1);
  expect(wrong).toThrow(ShapeError);
  expect(wrong).toThrow(
    'parameter: w of set net has shape [2, 3], but is asked for with [3, 2]; give one of the two another name',
  );
  expect(set.names).toEqual(['w']);
  expect(() => set.get('v')).toThrow(/no parameter v in set net; it has w/);
});

test('a set that a plan uses takes no new name', () => {
  const set = new ParameterSet('used');
  const w = set.parameter('w', [2], () => 0);
  new Adam(set);
  const late = () => set.parameter('late', [1], () => 0);
  expect(late).toThrow(UsageError);
  expect(late).toThrow(/parameter late: set used is already in use by a plan/);
  expect(set.parameter('w', [2], () => 0)).toBe(w);
  expect(() => set.parameter('w', [3], () => 0), 'a shape that does not fit is named all the same').toThrow(/\[2\]/);
});

describe('the initial values of a parameter', () => {
  test('are copied from an array, and back', () => {
    const set = new ParameterSet('net');
    const given = Float32Array.of(1, 2);
    set.parameter('w', [2], given);
    given.fill(9);
    set.initial('w').fill(8);
    expect([...set.initial('w')]).toEqual([1, 2]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('cannot be %s in an array', (value) => {
    const set = new ParameterSet('net');
    expect(() => set.parameter('w', [2], Float32Array.of(1, value))).toThrow(UsageError);
    expect(() => set.parameter('w', [2], Float32Array.of(1, value))).toThrow(
      `parameter w: its initial value 1 must be a finite number as f32, got ${value}`,
    );
    expect(set.names).toEqual([]);
  });
});

test('a name that is no Unicode text is refused, because no file can hold it', () => {
  const half = '\u{1f600}'.slice(0, 1);
  expect(() => new ParameterSet('net').parameter(half, [1], () => 0)).toThrow(/name must be a string of Unicode text/);
  expect(new ParameterSet('net').parameter('\u{1f600}', [1], () => 0).name).toBe('\u{1f600}');
});

test('a function that fills a parameter gets its set, name and shape', () => {
  const set = new ParameterSet('net');
  const seen: unknown[] = [];
  set.parameter('w', [1, 2], (index, parameter) => seen.push([index, parameter]));
  expect([...set.initial('w')]).toEqual([1, 2]);
  const parameter = { set: 'net', name: 'w', shape: [1, 2] };
  expect(seen).toEqual([
    [0, parameter],
    [1, parameter],
  ]);
});

test('values are read and written by name, and nothing is written unless all of them fit', async () => {
  const set = new ParameterSet('store');
  set.parameter('w', [2, 2], () => 7);
  set.parameter('b', [1], () => 1);
  expect(await set.read(engine), 'the initial values, as no plan has used the set').toEqual(
    new Map([
      ['w', new Float32Array(4).fill(7)],
      ['b', new Float32Array([1])],
    ]),
  );
  const w = new Float32Array([0, 1, 2, 3]);
  const unknown = new Map([
    ['w', w],
    ['v', w],
  ]);
  expect(() => set.write(engine, unknown)).toThrow(/no parameter v in set store; it has w, b/);
  expect(() => set.write(engine, new Map([['w', w.subarray(1)]]))).toThrow(/\[2, 2\] \(4 values\), got 3/);
  expect(await values(set, 'w')).toEqual([7, 7, 7, 7]);
  set.write(engine, new Map([['w', w]]));
  expect(await values(set, 'w')).toEqual([0, 1, 2, 3]);
  expect(await values(set, 'b'), 'what is not named stays').toEqual([1]);
});
