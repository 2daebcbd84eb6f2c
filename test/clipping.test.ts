import { beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { Adam } from '../src/kernels/adam/adam.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { add, mul, square } from '../src/kernels/elementwise/elementwise.js';
import { clipByGlobalNorm, globalNorm } from '../src/kernels/globalNorm/globalNorm.js';
import { linear } from '../src/kernels/linear/linear.js';
import { flatten } from '../src/kernels/reshape/reshape.js';
import { SGD } from '../src/kernels/sgd/sgd.js';
import { mean } from '../src/kernels/sum/sum.js';
import { sharedEngine } from './gpu.js';
import { START, slope } from './torch-steps.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

describe('gradients are clipped by their norm', () => {
  const options = { learningRate: 0.1, beta1: 0.8, beta2: 0.99, epsilon: 1e-4, weightDecay: 0.1 };
  const nesterov = { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.05 };
  // PyTorch 1.13: clip_grad_norm_ with a norm of at most 1 before each of the six steps.
  const norms = [1.24692024, 1.253139578, 1.257100941, 1.258510977, 1.257265901, 1.25345734];
  test.each<[string, (set: ParameterSet) => Adam | SGD, readonly number[]]>([
    ['Adam', (set) => new Adam(set, { ...options, clipNorm: 1 }), [0.325937534, -1.285961006, 1.649105036]],
    ['SGD', (set) => new SGD(set, { ...nesterov, clipNorm: 1 }), [0.275668226, -1.243673043, 1.818135081]],
  ])('in %s as in PyTorch', async (_, make, want) => {
    const set = new ParameterSet('clipped');
    set.parameter('w', [3], Float32Array.from(START));
    const optimizer = make(set);
    const update = optimizer.apply([input('g', [3])]);
    const norm = optimizer.gradientNorm as Tensor;
    const plan = await compile(engine, { norm }, { update: [update] });
    for (const [t, n] of norms.entries()) {
      plan.run({ g: slope(t) });
      expect(await plan.scalar('norm'), `norm in step ${t}`).toBeCloseTo(n, 6);
    }
    const found = (await set.read(engine)).get('w') ?? [];
    // PyTorch divides by norm + 1e-6.
    for (const [i, w] of want.entries()) expect(found[i], `value ${i}`).toBeCloseTo(w, 5);
    plan.destroy();
  });

  /** Some of these sizes are multiples of 4. A single dispatch takes six tensors, so these need several. */
  const sizes = [3, 4, 1, 64, 7, 12, 1028, 5, 8, 2, 2048, 100, 1, 11, 300, 16];

  test('by a function, of any number of tensors', async () => {
    const gs = sizes.map((n, i) => input(`g${i}`, [n]));
    const values = sizes.map((n, k) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + k)));
    const feeds = Object.fromEntries(values.map((v, i) => [`g${i}`, v]));
    const want = Math.sqrt(values.flatMap((v) => [...v]).reduce((sum, x) => sum + x * x, 0));
    for (const [most, factor] of [
      [1, 1 / want],
      [want / 2, 0.5],
      [want * 1.001, 1],
    ] as const) {
      const { gradients: clipped, norm } = clipByGlobalNorm([...gs, undefined], most);
      expect(clipped[gs.length]).toBeUndefined();
      const outputs = Object.fromEntries(clipped.flatMap((g, i) => (g ? [[`y${i}`, g] as const] : [])));
      const plan = await compile(engine, { ...outputs, norm, same: globalNorm(gs) });
      plan.run(feeds);
      expect(await plan.scalar('norm')).toBeCloseTo(want, 3);
      expect(await plan.scalar('same')).toBe(await plan.scalar('norm'));
      for (const [i, v] of values.entries()) {
        const got = await plan.read(`y${i}`);
        if (factor === 1) expect(got, 'not changed by a bit').toEqual(v);
        else for (const [k, x] of v.entries()) expect(got[k]).toBeCloseTo(x * factor, 6);
      }
      plan.destroy();
    }
  });

  test('in a dispatch for six tensors and one for the norm; the update scales them, to the same bits as products', async () => {
    const results: Record<string, Map<string, Float32Array>> = {};
    const names: Record<string, string[]> = {};
    for (const way of ['option', 'function', 'products'] as const) {
      const set = new ParameterSet('many');
      for (const [i, n] of sizes.entries()) set.parameter(`w${i}`, [n], (k) => Math.cos(k));
      const loss = mean(sizes.map((_, i) => mean(square(set.get(`w${i}`)))).reduce((a, b) => add(a, b)));
      const optimizer = new Adam(set, { clipNorm: way === 'option' ? 0.01 : undefined });
      const clipped = () => clipByGlobalNorm(gradients(loss, set.tensors), 0.01).gradients;
      const update = way === 'option' ? optimizer.minimize(loss) : optimizer.apply(clipped());
      const plan = await compile(engine, {}, { update: [update], fuse: way !== 'products' });
      names[way] = plan.steps.map(({ call }) => call.op.name);
      for (let i = 0; i < 3; i++) plan.run();
      results[way] = await set.read(engine);
      plan.destroy();
    }
    const ops = (way: string) => names[way]?.slice(names[way]?.indexOf('sumOfSquares'));
    // The sizes of eight tensors are multiples of 4, and those of eight are not. Each kind takes two dispatches.
    expect(ops('option')).toEqual([...new Array(4).fill('sumOfSquares'), 'globalNorm', 'adam']);
    expect(ops('function')).toEqual(ops('option'));
    expect(ops('products')?.filter((name) => name === 'mul')).toHaveLength(sizes.length);
    expect(results.function).toEqual(results.option);
    expect(results.products).toEqual(results.option);
  });

  test('updates also scale the gradients of linear layers and of convolutions, so nothing is multiplied before', async () => {
    const results: Map<string, Float32Array>[] = [];
    for (const fuse of [true, false]) {
      const set = new ParameterSet('layers');
      const fill = (i: number) => Math.cos(i);
      const image = conv2d(input('x', [2, 3, 4, 5]), set.parameter('kernel', [3, 3, 5, 4], fill), { pad: 1 });
      const y = linear(flatten(image), set.parameter('w', [48, 3], fill), set.parameter('b', [3], fill));
      const update = new Adam(set, { clipNorm: 0.01 }).minimize(mean(square(y)));
      const plan = await compile(engine, {}, { update: [update], fuse });
      const products = plan.steps.filter(({ call }) => call.op.name === 'mul');
      expect(products).toHaveLength(fuse ? 0 : 3);
      for (let i = 0; i < 3; i++) plan.run({ x: Float32Array.from({ length: 120 }, (_, k) => Math.sin(k)) });
      results.push(await set.read(engine));
      plan.destroy();
    }
    expect(results[0]).toEqual(results[1]);
  });

  test('a gradient that is read besides is scaled there, and idle parameters stay as they are', async () => {
    const set = new ParameterSet('read');
    const [a, , b] = ['a', 'idle', 'b'].map((name) => set.parameter(name, [4], () => 3));
    const { gradients: clipped } = clipByGlobalNorm([input('ga', [4]), undefined, input('gb', [4])], 1);
    const update = new SGD(set, { learningRate: 1 }).apply(clipped);
    const plan = await compile(engine, { seen: clipped[0] as Tensor }, { update: [update] });
    plan.run({ ga: new Float32Array(4).fill(6), gb: new Float32Array(4).fill(8) });
    expect(plan.steps.filter(({ call }) => call.op.name === 'mul')).toHaveLength(1);
    for (const x of await plan.read('seen')) expect(x).toBeCloseTo(0.3, 6);
    const values = await set.read(engine);
    const of = (t: Tensor | undefined) => values.get(t?.name ?? '')?.[0];
    expect(of(a)).toBeCloseTo(2.7, 6);
    expect(of(b)).toBeCloseTo(2.6, 6);
    expect(values.get('idle')).toEqual(new Float32Array(4).fill(3));
    plan.destroy();
  });

  test('gradients that are multiplied by two numbers are multiplied before the update', async () => {
    const set = new ParameterSet('two');
    for (const name of ['a', 'b']) set.parameter(name, [4], () => 0);
    const products = [mul(input('ga', [4]), input('s', [1])), mul(input('gb', [4]), input('t', [1]))];
    const plan = await compile(engine, {}, { update: [new SGD(set, { learningRate: 1 }).apply(products)] });
    const one = new Float32Array(4).fill(1);
    plan.run({ ga: one, gb: one, s: Float32Array.of(2), t: Float32Array.of(3) });
    const values = await set.read(engine);
    expect([values.get('a')?.[0], values.get('b')?.[0]]).toEqual([-2, -3]);
    plan.destroy();
  });

  test('one NaN makes all of them NaN, as in PyTorch; an infinity makes the others 0', async () => {
    const { gradients: clipped, norm } = clipByGlobalNorm([input('a', [3]), input('b', [4])], 1);
    const [a, b] = clipped;
    const plan = await compile(engine, { norm, a: a as Tensor, b: b as Tensor });
    const run = async (x: number) => {
      plan.run({ a: Float32Array.of(1, x, 2), b: new Float32Array(4).fill(1) });
      return [await plan.scalar('norm'), ...(await plan.read('a')), ...(await plan.read('b'))];
    };
    expect(await run(Number.NaN)).toEqual(new Array(8).fill(Number.NaN));
    const infinite = Number.POSITIVE_INFINITY;
    expect(await run(infinite)).toEqual([infinite, 0, Number.NaN, 0, 0, 0, 0, 0]);
    expect((await run(0))[0]).toBe(3);
    plan.destroy();
  });

  test('limits and lists of another kind are refused', () => {
    const g = input('g', [3]);
    expect(() => clipByGlobalNorm([g], 0)).toThrow(/maxNorm must be positive, got 0/);
    expect(() => clipByGlobalNorm([], 1)).toThrow(/clipByGlobalNorm: needs at least one tensor/);
    expect(() => globalNorm([input('u', [3], 'u32')])).toThrow(/x0 must be f32, got u32/);
    const set = new ParameterSet('p');
    set.parameter('w', [1], () => 0);
    expect(() => new Adam(set, { clipNorm: -1 })).toThrow(/clipNorm must be positive, got -1/);
  });
});
