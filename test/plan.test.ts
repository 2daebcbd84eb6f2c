import { beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../src/autograd/gradients.js';
import { constant, input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError, UsageError } from '../src/gpu/errors.js';
import { Adam } from '../src/kernels/adam/adam.js';
import { concat } from '../src/kernels/concat/concat.js';
import { add, mul, relu, scale, square, sub, tanh } from '../src/kernels/elementwise/elementwise.js';
import { SGD } from '../src/kernels/sgd/sgd.js';
import { detach, slice } from '../src/kernels/slice/slice.js';
import { sum } from '../src/kernels/sum/sum.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const ramp = (n: number, f = (i: number) => i) => Float32Array.from({ length: n }, (_, i) => f(i));

/** Fits a scalar w such that w·x becomes 3x. */
function toyProblem() {
  const set = new ParameterSet('fit');
  const w = set.parameter('w', [1], () => 0);
  const x = input('x', [1]);
  const loss = square(sub(mul(w, x), scale(x, 3)));
  return { set, w, loss, optimizer: new Adam(set, { learningRate: 0.1 }) };
}

describe('replay', () => {
  test('makes no buffer, bind group or pipeline, and submits once', async () => {
    const { loss, optimizer } = toyProblem();
    const plan = await compile(engine, { loss }, { update: [optimizer.minimize(loss)] });
    plan.run({ x: ramp(1, () => 1) });
    await plan.scalar('loss');
    const before = { ...engine.counters };
    for (let i = 0; i < 20; i++) plan.run({ x: ramp(1, () => 1) });
    await plan.scalar('loss');
    const after = engine.counters;
    expect([after.buffers, after.bufferBytes, after.bindGroups, after.pipelines]).toEqual([
      before.buffers,
      before.bufferBytes,
      before.bindGroups,
      before.pipelines,
    ]);
    expect(after.submits - before.submits).toBe(21);
    expect(after.dispatches - before.dispatches).toBe(20 * plan.steps.length);
    plan.destroy();
  });

  test('trains: the loss falls to 0 and the weight is found', async () => {
    const { set, loss, optimizer } = toyProblem();
    const plan = await compile(engine, { loss }, { update: [optimizer.minimize(loss)] });
    for (let i = 0; i < 200; i++) plan.run({ x: ramp(1, () => 1) });
    expect(await plan.scalar('loss')).toBeLessThan(1e-4);
    const w = (await set.read(engine)).get('w') as Float32Array;
    expect(Math.abs((w[0] as number) - 3)).toBeLessThan(1e-2);
    plan.destroy();
  });

  test('a read that is awaited late has the value of the time of the call', async () => {
    const x = input('x', [2]);
    const plan = await compile(engine, { y: scale(x, 2) });
    plan.run({ x: ramp(2, () => 1) });
    const early = plan.read('y');
    plan.run({ x: ramp(2, () => 5) });
    const late = plan.read('y');
    expect([...(await early)]).toEqual([2, 2]);
    expect([...(await late)]).toEqual([10, 10]);
    plan.destroy();
  });

  test('parameters read after an update in the same plan are the new ones', async () => {
    const { w, loss, optimizer } = toyProblem();
    const update = optimizer.minimize(loss);
    const plan = await compile(engine, { loss, seen: scale(w, 1) }, { update: [update] });
    plan.run({ x: ramp(1, () => 1) });
    expect((await plan.read('seen'))[0]).toBeCloseTo(0.1, 5);
    plan.destroy();
  });
});

describe('concatenation and slicing', () => {
  const shape = [2, 3, 5, 4];
  const build = () => {
    const a = relu(input('a', shape));
    const b = tanh(input('b', shape));
    return { a, b, c: concat([a, b]) };
  };

  test('cost nothing: producers write into the whole, and consumers read from it', async () => {
    const { c } = build();
    const plan = await compile(engine, { y: scale(slice(c, 3, 6), 2) });
    expect(plan.steps.map((s) => s.call.op.name)).toEqual(['relu', 'tanh', 'scale']);
    const a = ramp(120, (i) => (i % 11) - 5);
    const b = ramp(120, (i) => (i % 7) / 7);
    plan.run({ a, b });
    const y = await plan.read('y');
    for (let r = 0; r < 30; r++) {
      expect(y[3 * r]).toBeCloseTo(2 * Math.max(0, a[4 * r + 3] as number), 5);
      expect(y[3 * r + 1]).toBeCloseTo(2 * Math.tanh(b[4 * r] as number), 5);
      expect(y[3 * r + 2]).toBeCloseTo(2 * Math.tanh(b[4 * r + 1] as number), 5);
    }
    plan.destroy();
  });

  test('the gradient of a concatenation is a slice, without a copy', async () => {
    const { a, c } = build();
    const w = input('w', [2, 3, 5, 8]);
    const gy = input('gy', [2, 3, 5, 8]);
    const y = mul(c, w);
    const { vectorJacobian } = await import('../src/autograd/gradients.js');
    const [ga] = vectorJacobian([y], [gy], [a]);
    const plan = await compile(engine, { ga: scale(ga as Tensor, 1) });
    expect(plan.steps.map((s) => s.call.op.name).filter((n) => n === 'copy' || n === 'padChannels')).toEqual([]);
    plan.destroy();
  });

  test('copy leaves, values in two concatenations, and values that would be read and written in one buffer', async () => {
    const x = input('x', shape);
    const a = relu(x);
    const names = async (y: Tensor) => {
      const plan = await compile(engine, { y });
      const list = plan.steps.map((s) => s.call.op.name);
      const data = ramp(120, (i) => i - 50);
      plan.run({ x: data });
      const got = await plan.read('y');
      plan.destroy();
      return { list, got, data };
    };
    const leaf = await names(concat([x, a]));
    expect(leaf.list.filter((n) => n === 'copy').length).toBe(1);
    const twice = await names(concat([a, a]));
    expect(twice.list.filter((n) => n === 'copy').length).toBeGreaterThan(0);
    const chain = await names(concat([a, scale(a, 3)]));
    for (let r = 0; r < 30; r++)
      for (let c = 0; c < 4; c++) {
        const v = Math.max(0, chain.data[4 * r + c] as number);
        expect(chain.got[8 * r + c]).toBe(v);
        expect(chain.got[8 * r + 4 + c]).toBe(3 * v);
        expect(twice.got[8 * r + 4 + c]).toBe(v);
        expect(leaf.got[8 * r + c]).toBe(leaf.data[4 * r + c]);
      }
  });
});

describe('memory', () => {
  test('a long chain takes two buffers besides that of its output', async () => {
    let y = relu(input('x', [1, 8, 8, 16]));
    for (let i = 0; i < 20; i++) y = tanh(scale(y, 1.1));
    const plan = await compile(engine, { y }, { fuse: false });
    const { activations, largestLiveSet, peak, weights } = plan.memory();
    expect(largestLiveSet).toBe(3 * 4 * 1024);
    expect(activations).toBe(largestLiveSet);
    expect(peak).toBeGreaterThanOrEqual(activations + weights);
    plan.destroy();
  });

  test('counts weights, moments and gradients of a training plan', async () => {
    const set = new ParameterSet('memory');
    const w = set.parameter('w', [64, 64], () => 0);
    const optimizer = new Adam(set);
    const y = mul(w, w);
    const update = optimizer.apply([mul(y, w)]);
    const plan = await compile(engine, {}, { update: [update] });
    const m = plan.memory();
    expect(m.gradients).toBe(4 * 4096);
    expect(m.weights).toBe(3 * 4 * 4096);
    expect(m.parameterSets.map((p) => p.name).sort()).toEqual(['memory', 'memory.m', 'memory.v']);
    plan.destroy();
  });
});

describe('inspection', () => {
  const chain = [relu(input('x', [1, 2, 2, 4]))];
  for (let i = 0; i < 6; i++) chain.push(scale(chain[i] as Tensor, 2));
  const y = chain[6] as Tensor;

  test('retained values can be read, fused or not', async () => {
    for (const fuse of [false, true]) {
      const plan = await compile(engine, { y }, { fuse, retain: chain });
      plan.run({ x: ramp(16) });
      for (const [i, t] of chain.entries())
        expect([...(await plan.read(t))]).toEqual([...ramp(16)].map((v) => v * 2 ** i));
      plan.destroy();
    }
  });

  test('reading a value that is not kept, or of another graph, is refused with advice', async () => {
    for (const fuse of [false, true]) {
      const plan = await compile(engine, { y }, { fuse });
      plan.run({ x: ramp(16) });
      await expect(plan.read(chain[3] as Tensor)).rejects.toThrow(
        /scale\[1×2×2×4\] is an intermediate that this plan does not keep.*retain: \[tensor\]/,
      );
      await expect(plan.read(relu(y))).rejects.toThrow(/relu\[1×2×2×4\] is not part of this plan, because none of its/);
      await expect(plan.read('z')).rejects.toThrow(/no output z; it has y/);
      plan.destroy();
    }
    await expect(compile(engine, { y }, { retain: [relu(y)] })).rejects.toThrow(
      /relu.* cannot be retained, because no output/,
    );
  });

  test('inputs and parameters can be read', async () => {
    const { w, loss, optimizer } = toyProblem();
    const plan = await compile(engine, { loss }, { update: [optimizer.minimize(loss)] });
    plan.run({ x: ramp(1, () => 2) });
    expect((await plan.read(w))[0]).toBeCloseTo(0.1, 5);
    plan.destroy();
  });

  test('before the first run there are only parameters and constants', async () => {
    const w = new ParameterSet('fixed').parameter('w', [1], () => 3);
    const x = input('x', [1]);
    const one = constant([5], [1]);
    const small = await compile(engine, { y: mul(add(x, one), w) });
    expect([...(await small.read(w)), ...(await small.read(one))]).toEqual([3, 5]);
    for (const what of ['y', x]) {
      await expect(small.read(what)).rejects.toThrow(UsageError);
      await expect(small.read(what)).rejects.toThrow(
        /has no value yet, because the plan has not run; call plan.run\(\)/,
      );
    }
    small.run({ x: ramp(1, () => 2) });
    expect([...(await small.read('y')), ...(await small.read(x))]).toEqual([21, 2]);
    small.destroy();
  });

  test('a parameter can be read that the plan updates, although no kernel reads it', async () => {
    const set = new ParameterSet('unread');
    const [, w] = [set.parameter('before', [3], () => 0), set.parameter('w', [2], (i) => i)];
    const loss = sum(w);
    const plan = await compile(
      engine,
      { one: relu(input('x', [1])) },
      { update: [new SGD(set, { learningRate: 1 }).minimize(loss)] },
    );
    expect([...(await plan.read(w))]).toEqual([0, 1]);
    plan.run({ x: ramp(1) });
    expect([...(await plan.read(w))]).toEqual([-1, 0]);
    await expect(plan.read(loss)).rejects.toThrow(
      /sum\[1\] is not part of this plan, because none of its outputs and updates needs/,
    );
    plan.destroy();
  });

  test('every value of a net with concatenations, copies and slices can be retained', async () => {
    const x = input('x', [1, 3, 5, 4]);
    const a = relu(x);
    const b = concat([a, scale(a, 2), x]);
    const c = concat([slice(b, 2, 6), tanh(slice(b, 4, 12)), a]);
    const d = scale(concat([c, c]), 3);
    const tensors = [a, b, c, d];
    const all = await compile(engine, { d }, { retain: 'all' });
    const some = await compile(engine, { e: scale(scale(scale(d, 2), 2), 2) }, { retain: tensors });
    const data = ramp(60, (i) => ((i * 7) % 13) - 6);
    all.run({ x: data });
    some.run({ x: data });
    const want = [...data].map((v) => Math.max(v, 0));
    expect([...(await some.read(a))]).toEqual(want);
    const wide = await some.read(b);
    for (let r = 0; r < 15; r++)
      for (let k = 0; k < 4; k++) {
        expect(wide[12 * r + k]).toBe(want[4 * r + k]);
        expect(wide[12 * r + 4 + k]).toBe(2 * (want[4 * r + k] as number));
        expect(wide[12 * r + 8 + k]).toBe(data[4 * r + k]);
      }
    for (const t of [a, d]) expect(await some.read(t), String(t)).toEqual(await all.read(t));
    all.destroy();
    some.destroy();
  });

  test('explain shows the calls after every pass', async () => {
    const x = input('x', [1, 4, 4, 4]);
    const plan = await compile(engine, { y: relu(concat([tanh(x), scale(x, 2)])) });
    const stages = plan
      .explain()
      .split('\n\n')
      .map((stage) => stage.split('\n'));
    expect(stages.map(([title]) => title?.split(':')[0])).toEqual(
      'lower distribute absorb hoist prepare fuse place choose extend allocate'.split(' '),
    );
    // Every title also says what the pass does.
    for (const [title] of stages) expect(title).toMatch(/^\w+: \w+/);
    const [lowered = [], , , , , fused = [], placed = [], chosen = [], extended = []] = stages;
    expect(lowered[2]).toBe('  tanh[1×4×4×4] = tanh(x = x[1×4×4×4])');
    expect(fused[0]).toMatch(/\(\* marks new or changed lines\)$/);
    expect(fused).toContain('* relu tanh[1×4×4×4] = tanh + relu(x = x[1×4×4×4])');
    expect(fused, 'a line that the pass has not changed').toContain('  x[1×4×4×4] = input');
    expect([lowered, placed, chosen].flat().filter((line) => line.startsWith('*'))).toEqual([]);
    expect(placed).toContain(
      '  relu tanh[1×4×4×4] in relu[1×4×4×8] at 0, stride 8 = tanh + relu(x = x[1×4×4×4] in input/x[1×4×4×4] at 0, stride 4)',
    );
    expect(chosen).toContain(
      '  relu tanh[1×4×4×4] = tanh + relu(x = x[1×4×4×4]) by vec4: channels, strides and offsets are multiples of 4',
    );
    expect(extended).toContain('  tanh + relu: v1 = relu(v0); y is v1');
    expect(extended).toHaveLength(3);
    plan.destroy();
  });

  test('retained intermediates of a training plan are those of the last run', async () => {
    const { w, loss, optimizer } = toyProblem();
    const seen = scale(w, 1);
    const total = add(loss, scale(seen, 0));
    const plan = await compile(engine, { total }, { update: [optimizer.minimize(total)], retain: [seen] });
    plan.run({ x: ramp(1, () => 1) });
    expect((await plan.read(seen))[0]).toBe(0);
    plan.destroy();
  });

  test('profile times every dispatch, and toString shows the schedule', async () => {
    const plan = await compile(engine, { y: relu(scale(input('x', [4, 32, 32, 16]), 2)) }, { fuse: false });
    const rows = await plan.profile({ x: ramp(65536) }, 3);
    expect(rows.map((r) => `${r.op}/${r.variant}`)).toEqual(['scale/vec4', 'relu/vec4']);
    for (const r of rows) {
      expect(r.ms).toBeGreaterThan(0);
      expect(r.bytes).toBe(8 * 65536);
    }
    const text = plan.toString();
    expect(text).toMatch(/0 +scale\/vec4\[4×32×32×16\]/);
    expect(text).toMatch(/2 dispatches; peak .*MiB/);
    // A buffer has the same number in both texts.
    const places = [
      ...(plan
        .explain()
        .split('allocate:')
        .at(-1)
        ?.matchAll(/(\w+)\[4×32×32×16\] in (pool#\d)/g) ?? []),
    ];
    const inTable = Object.fromEntries(
      text.split('\n').flatMap((line) => {
        const [, op, pool] = /^\d +(\w+)\/.* (pool#\d)$/.exec(line) ?? [];
        return op && pool ? [[op, pool]] : [];
      }),
    );
    expect(Object.keys(inTable)).toEqual(['scale', 'relu']);
    for (const [, op = '', pool] of places) if (op in inTable) expect(inTable[op], op).toBe(pool);
    expect(new Set(Object.values(inTable)).size).toBe(2);
    plan.destroy();
  });
});

describe('errors before any GPU work', () => {
  test('a shape error names the op, the argument and both shapes', () => {
    expect(() => add(input('a', [2, 3]), input('b', [2, 4]))).toThrow(/add: b must be \[2, 3\].*got \[2, 4\]/);
    expect(() => concat([input('a', [2, 3]), input('b', [3, 3])])).toThrow(/concat: x1 .*got \[3, 3\]/);
    expect(() => slice(input('a', [2, 3]), 2, 4)).toThrow(/slice: channels \[2, 4\).*\[2, 3\]/);
    expect(() => input('a', [2, 0])).toThrow(ShapeError);
    expect(() => constant([1, 2], [3])).toThrow(/2 values for shape \[3\]/);
    expect(() => gradients(input('a', [2]), [])).toThrow(/scalar/);
  });

  test('inputs that are unknown, of another length or type, or never given are refused', async () => {
    const plan = await compile(engine, { y: relu(input('x', [2, 2])) });
    const submits = engine.counters.submits;
    expect(() => plan.run({ z: ramp(4) })).toThrow(/no input z; it has x/);
    expect(() => plan.run({ x: ramp(3) })).toThrow(/input x is \[2, 2\] \(4 values\), got 3/);
    expect(() => plan.run({ x: new Uint32Array(4) })).toThrow(/f32/);
    expect(() => plan.run()).toThrow(/input x \[2, 2\] was never given/);
    expect(engine.counters.submits).toBe(submits);
    plan.destroy();
    expect(() => plan.run({ x: ramp(4) })).toThrow(/destroyed/);
  });

  test('no gradient flows through detach', () => {
    const x = input('x', [1]);
    expect(() => gradients(square(detach(x)), [x])).toThrow(/does not take part/);
  });
});
