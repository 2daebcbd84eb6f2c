import { beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError, UsageError } from '../src/gpu/errors.js';
import { ParameterStorage } from '../src/gpu/parameter-storage.js';
import { Adam } from '../src/kernels/adam/adam.js';
import { adamStep } from '../src/kernels/adam/oracle.js';
import { square, sub } from '../src/kernels/elementwise/elementwise.js';
import { testNormal, testRandom } from '../src/kernels/oracle.js';
import { nmse } from './compare.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const options = { learningRate: 0.01, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 };
const shapes = { a: [1], b: [3, 5, 7, 2], c: [64], d: [4, 17] };

describe.each(['vec4', 'naive'])('adam/%s', (variant) => {
  test('equals the oracle over five steps on several parameters of one set', async () => {
    const random = testRandom(3);
    const set = new ParameterSet('several');
    const state = new Map<string, { w: Float64Array; m: Float64Array; v: Float64Array }>();
    for (const [name, shape] of Object.entries(shapes)) {
      const n = shape.reduce((a, b) => a * b, 1);
      const init = Float32Array.from({ length: n }, () => testNormal(random));
      set.parameter(name, shape, init);
      state.set(name, { w: Float64Array.from(init), m: new Float64Array(n), v: new Float64Array(n) });
    }
    const optimizer = new Adam(set, options);
    const update = optimizer.apply(set.tensors.map((t) => input(`g_${t.name}`, t.shape)));
    const plan = await compile(
      engine,
      {},
      { update: [update], variant: (op) => (op === 'adam' ? variant : undefined) },
    );
    const dispatches = plan.steps.filter((s) => s.call.op.name === 'adam');
    expect(dispatches.length, 'one dispatch for all parameters').toBe(1);
    for (let t = 1; t <= 5; t++) {
      const feeds: Record<string, Float32Array> = {};
      for (const [name, s] of state) {
        const g = Float32Array.from(s.w, (_, i) => (i % 7 === 3 ? 0 : testNormal(random)));
        feeds[`g_${name}`] = g;
        adamStep(s, g, t, { lr: 0.01, beta1: 0.5, beta2: 0.999, eps: 1e-8 });
      }
      plan.run(feeds);
      const sets = { w: set, m: optimizer.m, v: optimizer.v };
      for (const [key, of] of Object.entries(sets)) {
        const got = await ParameterStorage.of(engine, of).read();
        for (const [name, s] of state)
          expect(nmse(got.get(name) as Float32Array, s[key as 'w']), `${key} of ${name} after step ${t}`).toBeLessThan(
            1e-10,
          );
      }
    }
    expect(optimizer.step).toBe(5);
    plan.destroy();
  });
});

test('refuses an unfit gradient, decay, or an empty set', () => {
  const set = new ParameterSet('p');
  set.parameter('w', [2, 3], () => 0);
  expect(() => new Adam(set).apply([input('g', [3, 2])])).toThrow(ShapeError);
  expect(() => new Adam(set).apply([input('g', [3, 2])])).toThrow(/gradient of w must be \[2, 3\].*got \[3, 2\]/);
  expect(() => new Adam(set, { beta1: 1 })).toThrow(UsageError);
  expect(() => new Adam(new ParameterSet('empty'))).toThrow(/empty/);
});

test('a parameter that the loss does not use is an error that names it', () => {
  const set = new ParameterSet('p');
  const used = set.parameter('used', [1], () => 1);
  set.parameter('idle', [1], () => 1);
  expect(() => new Adam(set).minimize(square(sub(used, input('x', [1]))))).toThrow(/idle.*does not take part/);
});
