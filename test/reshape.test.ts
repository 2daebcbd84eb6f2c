import { beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Tensor, TensorData } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import { nodesOf } from '../src/compiler/lower.js';
import type { CompileOptions } from '../src/compiler/options.js';
import type { Plan } from '../src/compiler/plan.js';
import type { Engine } from '../src/gpu/engine.js';
import { Adam } from '../src/kernels/adam/adam.js';
import { concat } from '../src/kernels/concat/concat.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { dropout } from '../src/kernels/dropout/dropout.js';
import { Random } from '../src/kernels/dropout/random.js';
import { add, mul, relu, scale, sigmoid, square, sub, tanh } from '../src/kernels/elementwise/elementwise.js';
import { linear } from '../src/kernels/linear/linear.js';
import { flatten, reshape } from '../src/kernels/reshape/reshape.js';
import { mean } from '../src/kernels/sum/sum.js';
import { sharedEngine } from './gpu.js';

/** These tests check how a plan runs reshapes. The rooms check what the ops compute. */

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const wave = (n: number, k: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(k * i + k));
const labelsOf = (plan: Plan) => plan.steps.filter((s) => s.first).map((s) => s.call.kernel.label.replace(/\/.*/, ''));
const bits = (x: TensorData) => [...new Uint32Array(x.buffer, x.byteOffset, x.length)];

/** Returns the kernels of a plan. Its results must equal those of a plan that fuses nothing, bit for bit. */
async function kernelsOf(outputs: Record<string, Tensor>, random?: Random): Promise<string[]> {
  const leaves = nodesOf(Object.values(outputs)).flatMap(({ op, outputs: { value } }) =>
    op.kind === 'leaf' && value ? [value] : [],
  );
  const run = async (fuse: CompileOptions['fuse']) => {
    const plan = await compile(engine, outputs, { fuse });
    if (random) random.step = 7;
    const feeds = leaves.map((t, i): [string, TensorData] => [t.name, wave(t.size, i + 1)]);
    plan.run(Object.fromEntries(feeds.filter(([name]) => plan.inputNames.includes(name))));
    const values = await Promise.all(Object.keys(outputs).map((name) => plan.read(name)));
    plan.destroy();
    return { labels: labelsOf(plan), values };
  };
  const [alone, fused] = [await run(false), await run('everywhere')];
  for (const [i, values] of fused.values.entries()) {
    expect(values.some((v) => v !== 0)).toBe(true);
    expect(bits(values)).toEqual(bits(alone.values[i] as TensorData));
  }
  return fused.labels;
}

const x = input('x', [2, 3, 8]);
const w = input('w', [8, 8]);
const b = input('b', [8]);
const image = input('image', [2, 4, 3, 8]);

describe('a reshape costs nothing', () => {
  test('if its argument is contiguous, whatever the shape', async () => {
    const h = flatten(tanh(image));
    expect(await kernelsOf({ y: linear(h, input('v', [96, 3])) })).toEqual(['tanh', 'conv2d']);
    const back = reshape(reshape(h, [-1, 12]), [2, 4, 3, 8]);
    expect(await kernelsOf({ y: scale(h, 2), z: square(back), h })).toEqual(['tanh', 'scale', 'square']);
  });

  test('except one copy if its argument is not contiguous', async () => {
    // Rows of three channels are 16-byte-aligned, so they are not contiguous.
    const three = conv2d(image, input('k', [1, 1, 8, 3]));
    expect(await kernelsOf({ y: flatten(three) })).toEqual(['conv2d', 'reshapeCopy']);
    const wide = concat([tanh(image), image]);
    expect(await kernelsOf({ y: flatten(wide), z: flatten(relu(image)) })).toEqual(['tanh', 'copy', 'relu']);
  });

  test('if its argument is an input or a parameter', async () => {
    const set = new ParameterSet('set');
    const p = set.parameter('p', [4, 6], (i) => i);
    const plan = await compile(engine, {
      y: add(reshape(p, [3, 8]), reshape(image, [8, 3, 8]).size ? reshape(input('t', [24]), [3, 8]) : p),
    });
    plan.run({ t: wave(24, 1) });
    expect([...(await plan.read('y'))]).toEqual([...wave(24, 1)].map((v, i) => Math.fround(v + i)));
    expect(labelsOf(plan)).toEqual(['add']);
    plan.destroy();
  });
});

describe('elementwise work over a reshape is done by the kernel before it', () => {
  test('if it reads the bias of a linear layer, a vector, one value or a number', async () => {
    expect(await kernelsOf({ y: relu(linear(x, w, b)) })).toEqual(['conv2d+relu']);
    const y = sub(1, mul(add(tanh(linear(x, w)), b), input('one', [1])));
    expect(await kernelsOf({ y })).toEqual(['conv2d+tanh+add+mul+scalarSub']);
  });

  test('if it reads another tensor, reshaped or not', async () => {
    const other = input('other', [2, 3, 8]);
    expect(await kernelsOf({ y: add(other, linear(x, w)) })).toEqual(['conv2d+add']);
    const sum = mul(linear(x, w), linear(input('u', [2, 3, 4]), input('v', [4, 8])));
    expect(await kernelsOf({ y: sigmoid(sum) })).toEqual(['conv2d', 'conv2d+mul+sigmoid']);
    // The kernel of the later operand does the work, because its result is not reshaped.
    const late = linear(x, w);
    expect(await kernelsOf({ y: add(late, square(other)) })).toEqual(['conv2d', 'square+add']);
  });

  test('if it draws the mask of dropout, which depends on the index of an element', async () => {
    const random = new Random(3);
    expect(await kernelsOf({ y: dropout(linear(x, w), random) }, random)).toEqual(['conv2d+dropout']);
  });

  test('if that kernel is followed by a copy, unless something else reads the copy', async () => {
    const three = conv2d(image, input('k', [1, 1, 8, 3]));
    expect(await kernelsOf({ y: relu(flatten(three)) })).toEqual(['conv2d+relu', 'reshapeCopy']);
    const h = flatten(three);
    expect(await kernelsOf({ y: relu(h), z: tanh(h) })).toEqual(['conv2d', 'reshapeCopy', 'relu', 'tanh']);
    // A vector for the rows of the copy does not fit the rows before it.
    const scaled = mul(flatten(three), input('s', [36]));
    expect(await kernelsOf({ y: scaled })).toEqual(['conv2d', 'reshapeCopy', 'mul']);
  });
});

test('a training step of a perceptron copies no weight and no gradient', async () => {
  const weights: number[][] = [];
  for (const fuse of [false, true]) {
    const set = new ParameterSet('net');
    const u = set.parameter('u', [8, 8], (i) => Math.sin(i) / 3);
    const v = set.parameter('v', [8, 3], (i) => Math.cos(i) / 3);
    const bias = set.parameter('bias', [8], () => 0.1);
    const y = linear(relu(linear(x, u, bias)), v);
    const loss = mean(square(sub(y, input('target', [2, 3, 3]))));
    const plan = await compile(engine, { loss }, { update: [new Adam(set).minimize(loss)], fuse });
    for (let i = 0; i < 3; i++) plan.run({ x: wave(48, 1), target: wave(18, 2) });
    expect(labelsOf(plan).filter((name) => /copy/i.test(name))).toEqual([]);
    weights.push([...(await set.read(engine)).values()].flatMap(bits));
    plan.destroy();
  }
  expect(weights[1]).toEqual(weights[0]);
});
