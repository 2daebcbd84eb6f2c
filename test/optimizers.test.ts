import { beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import type { Optimizer } from '../src/autograd/optimizer.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import { sizeOf, type Tensor } from '../src/autograd/tensor.js';
import { compile, runPasses } from '../src/compiler/compile.js';
import { targetOf } from '../src/compiler/options.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError, UsageError } from '../src/gpu/errors.js';
import { Adam, type AdamOptions, AdamW } from '../src/kernels/adam/adam.js';
import { adamStep } from '../src/kernels/adam/oracle.js';
import { dropout } from '../src/kernels/dropout/dropout.js';
import { Random } from '../src/kernels/dropout/random.js';
import { mul, square, sub } from '../src/kernels/elementwise/elementwise.js';
import { testNormal, testRandom } from '../src/kernels/oracle.js';
import { sgdStep } from '../src/kernels/sgd/oracle.js';
import { SGD, type SGDOptions } from '../src/kernels/sgd/sgd.js';
import { mean } from '../src/kernels/sum/sum.js';
import { nmse } from './compare.js';
import { sharedEngine } from './gpu.js';
import { START, slope } from './torch-steps.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** A parameter and the state that an oracle keeps for it. */
type State = Record<'w' | 'm' | 'v', Float64Array>;

/** An optimiser, the same step in float64, and the names that the oracle has for the state sets. */
interface Subject {
  readonly name: string;
  make(set: ParameterSet): Optimizer;
  oracle(state: State, g: ArrayLike<number>, t: number): void;
  readonly state: Readonly<Record<string, 'm' | 'v'>>;
}

const adam = (name: string, options: AdamOptions, { decoupled = false } = {}): Subject => ({
  name,
  make: (set) => (decoupled ? new AdamW(set, options) : new Adam(set, options)),
  oracle: (state, g, t) => {
    const defaults = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: decoupled ? 0.01 : 0 };
    adamStep(state, g, t, { ...defaults, ...(options as object), decoupled });
  },
  state: { m: 'm', v: 'v' },
});

const sgd = (name: string, options: SGDOptions): Subject => ({
  name,
  make: (set) => new SGD(set, options),
  oracle: (state, g, t) => sgdStep(state, g, t, { learningRate: 1e-3, ...(options as object) }),
  state: options.momentum ? { velocity: 'v' } : {},
});

const SUBJECTS = [
  sgd('SGD', {}),
  sgd('SGD with weight decay', { learningRate: 0.05, weightDecay: 0.1 }),
  sgd('SGD with momentum', { learningRate: 0.05, momentum: 0.9 }),
  sgd('SGD with dampening', { learningRate: 0.05, momentum: 0.9, dampening: 0.3, weightDecay: 0.1 }),
  sgd('SGD with Nesterov’s momentum', { learningRate: 0.05, momentum: 0.8, nesterov: true, weightDecay: 0.1 }),
  adam('Adam', {}),
  adam('Adam as the model has it', { learningRate: 0.01, beta1: 0.5 }),
  adam('Adam with weight decay', { learningRate: 0.01, weightDecay: 0.1, epsilon: 1e-4 }),
  adam('AdamW', { learningRate: 0.01 }, { decoupled: true }),
  adam('AdamW with more weight decay', { learningRate: 0.01, weightDecay: 0.5 }, { decoupled: true }),
  adam('AdamW without weight decay', { learningRate: 0.01, weightDecay: 0 }, { decoupled: true }),
];

const STEPS = 30;
const SHAPES = { a: [1], b: [3, 5, 7, 2], c: [64], d: [4, 17] };

describe.each(['vec4', 'naive'])('in the kernel %s', (variant) => {
  test.each(SUBJECTS)(
    '$name equals the oracle over many steps, in one dispatch for all parameters',
    async (subject) => {
      const random = testRandom(3);
      const set = new ParameterSet('several');
      const states = new Map<string, State>();
      for (const [name, shape] of Object.entries(SHAPES)) {
        const init = Float32Array.from({ length: sizeOf(shape) }, () => testNormal(random));
        set.parameter(name, shape, init);
        const zeros = () => new Float64Array(init.length);
        states.set(name, { w: Float64Array.from(init), m: zeros(), v: zeros() });
      }
      const optimizer = subject.make(set);
      expect(Object.keys(optimizer.state)).toEqual(Object.keys(subject.state));
      const update = optimizer.apply(set.tensors.map((t) => input(`g_${t.name}`, t.shape)));
      const isUpdate = (op: string) => ['adam', 'sgd'].includes(op);
      const plan = await compile(
        engine,
        {},
        { update: [update], variant: (op) => (isUpdate(op) ? variant : undefined) },
      );
      expect(plan.steps.filter((s) => isUpdate(s.call.op.name))).toHaveLength(1);
      for (let t = 1; t <= STEPS; t++) {
        const feeds: Record<string, Float32Array> = {};
        for (const [name, state] of states) {
          const g = Float32Array.from(state.w, (_, i) => (i % 7 === 3 ? 0 : testNormal(random)));
          feeds[`g_${name}`] = g;
          subject.oracle(state, g, t);
        }
        plan.run(feeds);
      }
      for (const [key, of] of Object.entries({ w: set, ...optimizer.state })) {
        const found = await of.read(engine);
        for (const [name, state] of states) {
          const want = state[subject.state[key] ?? 'w'];
          expect(nmse(found.get(name) ?? [], want), `${key} of ${name}`).toBeLessThan(1e-10);
        }
      }
      expect(optimizer.step).toBe(STEPS);
      plan.destroy();
    },
  );
});

/** The results of PyTorch 1.13 in float64. */
const TORCH: readonly [string, (set: ParameterSet) => Optimizer, readonly number[]][] = [
  ['SGD', (set) => new SGD(set, { learningRate: 0.1 }), [0.46701023, -1.246895106, 2.036344933]],
  [
    'SGD, momentum',
    (set) => new SGD(set, { learningRate: 0.1, momentum: 0.9 }),
    [0.286090011, -1.444689017, 2.00352814],
  ],
  [
    'SGD, dampening',
    (set) => new SGD(set, { learningRate: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.05 }),
    [0.20395058, -1.421878914, 1.84632398],
  ],
  [
    'SGD, nesterov',
    (set) => new SGD(set, { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.05 }),
    [0.234141778, -1.274389026, 1.826469696],
  ],
  ['Adam, all defaults', (set) => new Adam(set), [0.498443074, -1.251331029, 1.999201347]],
  [
    'Adam, weight decay',
    (set) => new Adam(set, { learningRate: 0.1, beta1: 0.8, beta2: 0.99, epsilon: 1e-4, weightDecay: 0.1 }),
    [0.333060272, -1.302133846, 1.691367468],
  ],
  [
    'AdamW, default weight decay',
    (set) => new AdamW(set, { learningRate: 0.1 }),
    [0.341931316, -1.37504772, 1.908597123],
  ],
  [
    'AdamW, no weight decay',
    (set) => new AdamW(set, { learningRate: 0.1, weightDecay: 0 }),
    [0.34430742, -1.383102908, 1.920134691],
  ],
];

test.each(TORCH)('%s gives the same weights as in PyTorch', async (_, make, want) => {
  const set = new ParameterSet('torch');
  set.parameter('w', [3], Float32Array.from(START));
  const plan = await compile(engine, {}, { update: [make(set).apply([input('g', [3])])] });
  for (let t = 0; t < 6; t++) plan.run({ g: slope(t) });
  const found = (await set.read(engine)).get('w') ?? [];
  for (const [i, w] of want.entries()) expect(found[i], `value ${i}`).toBeCloseTo(w, 6);
  plan.destroy();
});

const bitsOf = (values: Float32Array) => [...new Uint32Array(values.slice().buffer)];

describe('a parameter that gets no gradient', () => {
  const make: Record<string, (set: ParameterSet) => Optimizer> = {
    Adam: (set) => new Adam(set, { weightDecay: 0.1 }),
    AdamW: (set) => new AdamW(set),
    SGD: (set) => new SGD(set, { momentum: 0.9, weightDecay: 0.1 }),
  };

  test.each(Object.entries(make))('is left alone by %s, and so is its state', async (_, of) => {
    const set = new ParameterSet('partly');
    // These sizes end within, at and after 64 elements.
    const sizes = { a: 3, idle1: 64, b: 65, c: 1, idle2: 7 };
    for (const [name, n] of Object.entries(sizes)) set.parameter(name, [n], (i) => 1 + Math.cos(i));
    const optimizer = of(set);
    const lossOf = (names: readonly string[]) =>
      mean(names.map((name) => mean(square(set.get(name)))).reduce((a, b) => mul(a, b)));
    const all = await compile(engine, {}, { update: [optimizer.minimize(lossOf(set.names))] });
    const some = await compile(engine, {}, { update: [optimizer.minimize(lossOf(['a', 'b', 'c']))] });
    const updates = (plan: typeof all) => plan.steps.filter(({ call }) => call.op.kind === 'update');
    expect(updates(all)).toHaveLength(1);
    expect(updates(some), 'a dispatch for a, and one for b and c together').toHaveLength(2);
    all.run();
    const values = async () => {
      const read = Object.values({ set, ...optimizer.state }).map((s) => s.read(engine));
      return Promise.all(read);
    };
    const before = await values();
    some.run();
    const after = await values();
    for (const [i, sets] of before.entries())
      for (const [name, list] of sets) {
        const moved = after[i]?.get(name) ?? new Float32Array();
        if (name.startsWith('idle')) expect(bitsOf(moved), name).toEqual(bitsOf(list));
        else for (const [k, x] of list.entries()) expect(moved[k], `${name} ${k}`).not.toBe(x);
      }
    expect(optimizer.step).toBe(2);
    all.destroy();
    some.destroy();
  });

  test('in a set of several slabs', async () => {
    const set = new ParameterSet('slabs');
    for (const name of ['a', 'idle', 'b', 'c']) set.parameter(name, [100], () => 0);
    const used = new Set(['a', 'b', 'c']);
    const update = new Adam(set).apply(
      set.tensors.map((t) => (used.has(t.name) ? input(`g_${t.name}`, [100]) : undefined)),
    );
    const target = targetOf(engine);
    // Two parameters of 100 elements, which take 512 bytes each, fill a slab.
    const small: Partial<GPUSupportedLimits> = { maxStorageBufferBindingSize: 1024, maxBufferSize: 1024 };
    const limits = new Proxy(target.device.limits, {
      get: (of, key: keyof GPUSupportedLimits) => small[key] ?? of[key],
    });
    const { calls } = await runPasses(
      { ...target, device: { ...target.device, limits } },
      { outputs: {}, update: [update] },
    );
    const places = calls.flatMap(({ op, buffers, inputs }) => {
      if (op.kind !== 'update') return [];
      const { weights, gradients, m, v } = buffers;
      expect(
        new Set([weights, gradients, m, v].map((view) => `${view?.offset} ${view?.allocation.slab?.index}`)).size,
      ).toBe(1);
      return [`slab ${weights?.allocation.slab?.index}: ${inputs.weights?.shape} from ${weights?.offset}`];
    });
    expect(places).toEqual(['slab 0: 128 from 0', 'slab 1: 256 from 0']);
  });

  test('a loss that depends on no parameter, and as many gradients, are errors', () => {
    const set = new ParameterSet('p');
    const w = set.parameter('w', [1], () => 1);
    set.parameter('idle', [1], () => 1);
    const optimizer = new Adam(set);
    expect(() => optimizer.minimize(square(input('x', [1])))).toThrow(UsageError);
    expect(() => optimizer.minimize(square(input('x', [1])))).toThrow(
      /no parameter of set p gets a gradient; it has w, idle/,
    );
    expect(() => optimizer.apply([undefined, undefined])).toThrow(/no parameter of set p gets a gradient/);
    const loss = square(sub(w, input('x', [1])));
    expect(() => gradients(loss, set.tensors), 'gradients has one for each').toThrow(/idle.*does not take part/);
    expect(() => optimizer.minimize(loss)).not.toThrow();
  });
});

test('gradients of another shape or number, options and an empty set are refused', () => {
  const set = new ParameterSet('p');
  set.parameter('w', [2, 3], () => 0);
  const unfit = () => new Adam(set).apply([input('g', [3, 2])]);
  expect(unfit).toThrow(ShapeError);
  expect(unfit).toThrow(/adam: the gradient of w must be \[2, 3\].*got \[3, 2\]/);
  expect(() => new SGD(set).apply([])).toThrow(/sgd: 0 gradients for 1 parameters/);
  expect(() => new Adam(set, { beta1: 1 })).toThrow(UsageError);
  expect(() => new AdamW(set, { weightDecay: -1 })).toThrow(/weightDecay must be a number of 0 or more, got -1/);
  expect(() => new SGD(set, { momentum: 1 })).toThrow(/momentum must be in \[0, 1\), got 1/);
  const nesterov = /nesterov needs a momentum and no dampening, got 0 and 0/;
  expect(() => new SGD(set, { nesterov: true })).toThrow(nesterov);
  expect(() => new SGD(set, { nesterov: true, momentum: 0.5, dampening: 0.1 })).toThrow(/got 0\.5 and 0\.1/);
  expect(() => new Adam(new ParameterSet('empty'))).toThrow(/adam: parameter set empty is empty/);
});

describe('a learning rate that is a function', () => {
  const fitted = (set: ParameterSet, name = 'w') =>
    square(
      sub(
        set.parameter(name, [1], () => 0),
        input(`x of ${set.name}`, [1]),
      ),
    );

  test('is called before every update with the number of updates made so far', async () => {
    const set = new ParameterSet('rate');
    const asked: number[] = [];
    const loss = fitted(set);
    const optimizer = new SGD(set, {
      learningRate: (step) => {
        asked.push(step);
        return step < 2 ? 0.25 : 0;
      },
    });
    const plan = await compile(engine, { loss }, { update: [optimizer.minimize(loss)] });
    const w = async () => (await set.read(engine)).get('w')?.[0];
    const seen: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      plan.run({ 'x of rate': Float32Array.of(1) });
      seen.push(await w());
    }
    // w ← w − α·2(w − 1) halves the distance to 1 with α = 1/4, and changes nothing with α = 0.
    expect(seen).toEqual([0.5, 0.75, 0.75, 0.75]);
    expect(asked).toEqual([0, 1, 2, 3]);
    optimizer.step = 1;
    plan.run();
    expect(await w(), 'continued from step 1').toBe(0.875);
    optimizer.learningRate = 0.5;
    plan.run();
    expect(await w(), 'a number from now on').toBe(1);
    plan.destroy();
  });

  test('that gives no usable number stops the run before anything is computed or counted', async () => {
    const first = new ParameterSet('first');
    const second = new ParameterSet('second');
    const random = new Random(1);
    const losses = [fitted(first), mean(dropout(fitted(second), random, 0.5))] as const;
    let rate: unknown = 0.1;
    const optimizers = [new Adam(first), new Adam(second, { learningRate: () => rate as number })] as const;
    const update = optimizers.map((o, i) => o.minimize(losses[i] as Tensor));
    const plan = await compile(engine, {}, { update });
    const one = Float32Array.of(1);
    plan.run({ 'x of first': one, 'x of second': one });
    const steps = () => [...optimizers.map((o) => o.step), random.step];
    expect(steps()).toEqual([1, 1, 1]);
    const before = [await first.read(engine), await second.read(engine)];
    for (rate of [Number.NaN, -1, '0.1', undefined, Number.POSITIVE_INFINITY]) {
      expect(() => plan.run()).toThrow(UsageError);
      expect(() => plan.run()).toThrow(/adam: learningRate must be a number of 0 or more, got/);
    }
    expect(steps()).toEqual([1, 1, 1]);
    expect([await first.read(engine), await second.read(engine)]).toEqual(before);
    plan.destroy();
  });
});
