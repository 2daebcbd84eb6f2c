import { beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { UsageError } from '../src/gpu/errors.js';
import { batchNorm } from '../src/kernels/batchNorm/batchNorm.js';
import { foldBatchNorm, type NormValues } from '../src/kernels/batchNorm/fold.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { add, mul, relu6, square } from '../src/kernels/elementwise/elementwise.js';
import { linear } from '../src/kernels/linear/linear.js';
import { testNormal, testRandom } from '../src/kernels/oracle.js';
import { SGD } from '../src/kernels/sgd/sgd.js';
import { sum } from '../src/kernels/sum/sum.js';
import { relativeError } from '../src/verify/verify.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function values(seed: number, shape: readonly number[]): Float32Array {
  const random = testRandom(seed);
  return Float32Array.from({ length: sizeOf(shape) }, () => testNormal(random));
}

const normOf = (channels: number): NormValues & { readonly gamma: Float32Array; readonly beta: Float32Array } => ({
  ...{ mean: values(3, [channels]), variance: values(4, [channels]).map((v) => v * v + 0.1) },
  ...{ gamma: values(5, [channels]), beta: values(6, [channels]), epsilon: 1e-3 },
});

type Layer = (x: Tensor, w: Tensor, bias: Tensor) => Tensor;

const layers: readonly [string, readonly number[], readonly number[], Layer][] = [
  ['conv2d', [2, 7, 6, 5], [3, 3, 5, 8], (x, w, bias) => conv2d(x, w, { stride: 2, pad: 1, bias })],
  ['a depthwise conv2d', [1, 6, 9, 4], [3, 3, 1, 8], (x, w, bias) => conv2d(x, w, { pad: 1, groups: 4, bias })],
  ['conv2d of two groups', [1, 5, 4, 6], [1, 3, 3, 4], (x, w, bias) => conv2d(x, w, { groups: 2, bias })],
  ['linear', [3, 12], [12, 7], linear],
];

/** The graph of a layer and its normalisation, and what to feed it. */
function normalised(shape: readonly number[], weights: readonly number[], layer: Layer) {
  const channel = weights.slice(-1);
  const norm = normOf(channel[0] ?? 0);
  const { epsilon, ...tensors } = norm;
  const feeds = { x: values(1, shape), w: values(2, weights), bias: values(7, channel), ...tensors };
  const [x, w, bias] = [input('x', shape), input('w', weights), input('bias', channel)];
  const [mean, variance] = [input('mean', channel), input('variance', channel)];
  const options = { mean, variance, gamma: input('gamma', channel), beta: input('beta', channel), epsilon };
  const z = layer(x, w, bias);
  return { norm, feeds, z, y: batchNorm(z, options) };
}

test.each<[what: string, wrong: Partial<NormValues>, error: RegExp]>([
  [
    'a negative variance',
    { variance: Float32Array.of(1, -0.5) },
    /variance must be numbers of 0 or more, got -0\.5 for channel 1/,
  ],
  ['a variance that is NaN', { variance: Float32Array.of(Number.NaN, 1) }, /got NaN for channel 0/],
  ['a mean that is infinite', { mean: Float32Array.of(0, 1 / 0) }, /value 1 of the folded bias would be -Infinity/],
  ['a product that overflows', { gamma: Float32Array.of(1e38, 1) }, /value 0 of the folded weights would be Infinity/],
])('%s cannot be folded', (_, wrong, error) => {
  const norm = { mean: new Float32Array(2), variance: new Float32Array(2), ...wrong };
  expect(() => foldBatchNorm(Float32Array.of(1, 2), undefined, norm)).toThrow(UsageError);
  expect(() => foldBatchNorm(Float32Array.of(1, 2), undefined, norm)).toThrow(error);
});

describe('a batch normalisation that is folded into the weights of the layer before it', () => {
  test.each(layers)('has the same effect as after %s', async (_, shape, weights, layer) => {
    const { norm, feeds, z, y } = normalised(shape, weights, layer);
    const plan = await compile(engine, { z, y });
    const run = async (of: 'y' | 'z', w: Float32Array, bias: Float32Array) => {
      plan.run({ ...feeds, w, bias });
      return Float32Array.from(await plan.read(of));
    };
    const zero = feeds.bias.map(() => 0);
    for (const bias of [feeds.bias, undefined]) {
      const folded = foldBatchNorm(feeds.w, bias, norm);
      const want = await run('y', feeds.w, bias ?? zero);
      expect(relativeError(await run('z', folded.weights, folded.bias), want)).toBeLessThan(1e-6);
      // The norm changes what the layer gives, so it is not the identity that is compared.
      expect(relativeError(await run('z', feeds.w, bias ?? zero), want)).toBeGreaterThan(0.1);
    }
    plan.destroy();
  });

  test('has the defaults of the op', () => {
    const { mean, variance } = normOf(3);
    const one = values(1, [3]).fill(1);
    const given = { mean, variance, gamma: one, beta: one.map(() => 0), epsilon: 1e-5 };
    const w = values(2, [2, 3]);
    expect(foldBatchNorm(w, undefined, { mean, variance })).toEqual(foldBatchNorm(w, undefined, given));
    expect(foldBatchNorm(w, undefined, { mean, variance, epsilon: 1 })).not.toEqual(foldBatchNorm(w, undefined, given));
  });

  test('must fit the weights', () => {
    const norm = normOf(3);
    expect(() => foldBatchNorm(new Float32Array(8), undefined, norm)).toThrow(
      /foldBatchNorm: 8 weights cannot be divided among the 3 output channels that mean has/,
    );
    expect(() => foldBatchNorm(new Float32Array(6), new Float32Array(2), norm)).toThrow(
      /foldBatchNorm: bias must have 3 values, as many as mean, got 2/,
    );
    const none = { mean: new Float32Array(), variance: new Float32Array() };
    expect(() => foldBatchNorm(new Float32Array(0), undefined, none)).toThrow(/0 weights cannot be divided/);
  });
});

test('a batch normalisation and an activation run in the kernel of the convolution, after one kernel for the factors', async () => {
  const { feeds, y } = normalised([1, 6, 5, 4], [3, 3, 4, 8], (x, w, bias) => conv2d(x, w, { bias }));
  const plan = await compile(engine, { y: relu6(y) }, { fuse: 'everywhere' });
  expect(plan.steps.map(({ call }) => call.op.name)).toEqual(['addScalar', 'conv2d']);
  plan.run(feeds);
  const got = await plan.read('y');
  plan.destroy();
  expect(got.some((v) => v === 6) && got.some((v) => v === 0) && got.some((v) => v > 0 && v < 6)).toBe(true);
});

test('work on vectors is not moved across an update of the parameter that it reads', async () => {
  const set = new ParameterSet('set');
  const p = set.parameter('p', [4], (i) => i + 1);
  const before = mul(p, 2);
  const step = new SGD(set, { learningRate: 0.25 }).minimize(sum(square(p)));
  const plan = await compile(engine, { before, after: add(mul(p, 2), 100) }, { update: [step] });
  plan.run({});
  // The gradient of p² is 2p, so the step halves p.
  expect([...(await plan.read('before'))]).toEqual([2, 4, 6, 8]);
  expect([...(await plan.read('after'))]).toEqual([101, 102, 103, 104]);
  plan.destroy();
});
