import { beforeAll, describe, expect, test } from 'vitest';
import { vectorJacobian } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { CompileOptions } from '../src/compiler/options.js';
import type { Engine } from '../src/gpu/engine.js';
import { bceWithLogits } from '../src/kernels/bceWithLogits/bceWithLogits.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import {
  abs,
  exp,
  leakyRelu,
  log,
  maximum,
  relu,
  relu6,
  sigmoid,
  softplus,
  tanh,
} from '../src/kernels/elementwise/elementwise.js';
import { maxPool2d } from '../src/kernels/maxPool2d/maxPool2d.js';
import { sharedEngine } from './gpu.js';

/**
 * These tests check what the rooms cannot: NaN of every sign and payload, fused kernels, and relative errors far from
 * 0.
 */

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** Quiet and signalling NaN of both signs. On x86, ∞ − ∞ is 0xffc00000; on other processors it is 0x7fc00000. */
const NANS = [0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff];
const ops: Record<string, (x: Tensor) => Tensor> = {
  relu,
  relu6,
  leakyRelu: (x) => leakyRelu(x),
  tanh,
  sigmoid,
  softplus,
  abs,
  exp,
  log,
  'maximum, first': (x) => maximum(x, input('other', x.shape)),
  'maximum, second': (x) => maximum(input('other', x.shape), x),
  maxPool2d: (x) => maxPool2d(x, { kernel: 2, stride: 1 }),
};

async function run(outputs: Record<string, Tensor>, feeds: Record<string, Float32Array>, options: CompileOptions = {}) {
  const plan = await compile(engine, outputs, options);
  plan.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => plan.inputNames.includes(name))));
  const found: Record<string, Float32Array> = {};
  for (const name of Object.keys(outputs)) found[name] = await plan.read(name);
  const kernels = plan.steps.length;
  plan.destroy();
  return { found, kernels };
}

const by = (variant: string): CompileOptions => ({ variant: () => variant });

describe.each(Object.entries(ops))('NaN passes through %s', (_, op) => {
  test.each(['vec4', 'naive'])('in the kernel %s, whatever its sign and payload', async (variant) => {
    for (const bits of NANS) {
      const words = new Uint32Array(36).fill(0x3f800000);
      words[17] = bits;
      const feeds = { x: new Float32Array(words.buffer), other: new Float32Array(36).fill(9) };
      const { found } = await run({ y: op(input('x', [1, 3, 3, 4])) }, feeds, by(variant));
      const y = found.y as Float32Array;
      // Element 17 is channel 1 of pixel (1, 1), which every 2×2 window contains.
      const want = y.length === 36 ? [17] : [1, 5, 9, 13];
      expect([...y.keys()].filter((i) => Number.isNaN(y[i])).join(), bits.toString(16)).toBe(want.join());
    }
  });

  test('when it is fused into a convolution', async () => {
    const conv = conv2d(input('x', [1, 3, 3, 4]), input('w', [1, 1, 4, 4]));
    const w = new Float32Array(16).fill(0.5);
    w[6] = Number.NaN; // the weight from channel 1 to channel 2
    const feeds = { x: new Float32Array(36).fill(1), w, other: new Float32Array(36).fill(9) };
    const { found, kernels } = await run({ y: op(conv) }, feeds, { fuse: 'everywhere' });
    const y = found.y as Float32Array;
    if (y.length === 36) expect(kernels).toBe(1);
    expect([...y].map((v, i) => Number.isNaN(v) === (i % 4 === 2))).toEqual([...y].map(() => true));
  });
});

/** Numbers from −100 to 100 that are not round, and some close to 0. */
const points = Float32Array.from({ length: 560 }, (_, i) =>
  i < 540 ? -100 + (i * 200) / 539 : (i % 2 ? -1 : 1) * 10 ** (-(i - 540) / 3),
);

/** Returns the largest relative error. A value below the smallest normal number may become 0. */
function relativeError(got: Float32Array, want: (x: number) => number): number {
  const errors = [...points].map((x, i) => {
    const y = want(x);
    const error = Math.abs((got[i] as number) - y);
    return Math.abs(y) < 1.2e-38 && error < 1.2e-38 ? 0 : error / Math.abs(y);
  });
  return Math.max(...errors.map((e) => (Number.isNaN(e) ? Number.POSITIVE_INFINITY : e)));
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const log1pExp = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * WGSL allows a relative error of (3 + 2x)·2⁻²⁴ for exp(−x), which is 1.2e-5 at 100. The rest of each formula adds
 * little.
 */
const TIGHT = 1.3e-5;

describe.each(['vec4', 'naive'])(
  'from −100 to 100, the kernel %s loses no digit to overflow or cancellation',
  (variant) => {
    const x = input('x', [140, 4]);
    const gy = input('gy', [140, 4]);
    const feeds = { x: points, gy: new Float32Array(560).fill(1) };

    test.each([
      ['sigmoid', sigmoid, logistic, (v: number) => logistic(v) * logistic(-v)],
      ['softplus', softplus, log1pExp, logistic],
    ] as const)('in %s', async (_, op, f, derivative) => {
      const y = op(x);
      const { found } = await run({ y, gx: vectorJacobian([y], [gy], [x])[0] as Tensor }, feeds, by(variant));
      expect(relativeError(found.y as Float32Array, f)).toBeLessThan(TIGHT);
      expect(relativeError(found.gx as Float32Array, derivative)).toBeLessThan(TIGHT);
    });

    test.each([0, 1])('in the gradient of bceWithLogits with label %i', async (label) => {
      const y = bceWithLogits(x, label);
      const one = input('one', [1]);
      const { found } = await run(
        { gx: vectorJacobian([y], [one], [x])[0] as Tensor },
        { ...feeds, one: Float32Array.of(560) },
        by(variant),
      );
      const derivative = (v: number) => (label ? -logistic(-v) : logistic(v));
      expect(relativeError(found.gx as Float32Array, derivative)).toBeLessThan(TIGHT);
    });
  },
);

test.each([
  [100, 0, 100],
  [-100, 1, 100],
  [60, 1, Math.exp(-60)],
  [-60, 0, Math.exp(-60)],
  [100, 1, Math.exp(-100)],
  [Number.POSITIVE_INFINITY, 1, 0],
  [Number.NEGATIVE_INFINITY, 0, 0],
])('bceWithLogits of %f with label %i is %f', async (x, label, want) => {
  for (const variant of ['split', 'naive']) {
    const { found } = await run({ y: bceWithLogits(input('x', [1]), label) }, { x: Float32Array.of(x) }, by(variant));
    expect(Math.abs(((found.y as Float32Array)[0] as number) - want), variant).toBeLessThan(TIGHT * want + 1.2e-38);
  }
});

test('tanh is ±1 far from 0', async () => {
  const x = [100, -100, 20, -20, 1e30, -1e30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const { found } = await run({ y: tanh(input('x', [8])) }, { x: Float32Array.from(x) });
  expect([...(found.y as Float32Array)]).toEqual(x.map(Math.sign));
});
