import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tfjs } from '../bench/tfjs/backend.js';
import { agree } from '../bench/tfjs/compare.js';
import { interpret } from '../bench/tfjs/interpret.js';
import { difference, flopsOf, LAYERS, type Layer, ours, PASSES, theirs } from '../bench/tfjs/layers.js';
import { againstTfjs } from '../bench/tfjs/main.js';
import { agreeOnNetwork, comparable } from '../bench/tfjs/network.js';
import { gradients } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { valuesOf } from '../src/bench/cases.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { bceWithLogits } from '../src/kernels/bceWithLogits/bceWithLogits.js';
import { concat } from '../src/kernels/concat/concat.js';
import { leakyRelu, relu, sigmoid, tanh } from '../src/kernels/elementwise/elementwise.js';
import { instanceNorm } from '../src/kernels/instanceNorm/instanceNorm.js';
import { sharedEngine } from './gpu.js';

const small: Layer[] = [
  { name: 'conv', transposed: false, x: [2, 8, 6, 12], w: [4, 4, 12, 20], stride: 2, pad: 1 },
  { name: 'transposed', transposed: true, x: [2, 4, 3, 12], w: [4, 4, 20, 12], stride: 2, pad: 1 },
];

describe('comparison with TensorFlow.js', () => {
  let engine: Engine;
  let tfjs: Tfjs;
  beforeAll(async () => {
    engine = await sharedEngine();
    tfjs = await Tfjs.open(engine);
  });
  afterAll(() => tfjs?.close());

  for (const layer of small)
    for (const pass of PASSES)
      it(`${layer.name}, ${pass}: both compute the same`, async () => {
        expect(await agree(engine, tfjs, layer, pass)).toBeLessThan(1e-5);
      });

  it('the losses and gradients of a training iteration are the same on both', async () => {
    // This network is small, but it has every kind of layer, and so the ops, of the real one.
    const few = {
      encoder: [8, 8, 8],
      decoder: [8, 8, 3],
      deformedLevels: 1,
      dropoutBlocks: 1,
      discriminator: [8, 8, 1],
    };
    const config = { ...comparable('authors', 'small', 1 / 16), ...few };
    expect(await agreeOnNetwork(engine, tfjs, config)).toBeLessThan(1e-3);
  });

  it('both sides compute again in every run', async () => {
    const [layer] = small as [Layer];
    const [a, b] = [await ours(engine, layer, 'forward'), theirs(tfjs, layer, 'forward')];
    const encoder = engine.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const prototype = Object.getPrototypeOf(pass) as GPUComputePassEncoder;
    pass.end();
    const { dispatchWorkgroups } = prototype;
    let dispatches = 0;
    prototype.dispatchWorkgroups = function (...groups) {
      dispatches++;
      return dispatchWorkgroups.apply(this, groups);
    };
    const counts = [a, b].map(({ run }) => {
      dispatches = 0;
      run();
      const once = dispatches;
      for (let i = 1; i < 4; i++) run();
      return { once, fourTimes: dispatches };
    });
    prototype.dispatchWorkgroups = dispatchWorkgroups;
    await engine.idle();
    expect(counts[0]?.once).toBe(a.plan.steps.length);
    expect(counts[1]?.once).toBeGreaterThan(0);
    for (const { once, fourTimes } of counts) expect(fourTimes).toBe(4 * once);
    a.destroy();
    b.destroy();
  });

  it('it computes the values and gradients of a graph of this engine', async () => {
    const x = input('x', [2, 6, 4, 8]);
    const [gamma, beta] = [input('gamma', [1]), input('beta', [1])];
    const normed = instanceNorm(concat([leakyRelu(x), relu(x)]), gamma, beta, { mode: 'sample' });
    const loss = bceWithLogits(tanh(normed), 1);
    const [gx] = gradients(loss, [x]) as [Tensor];
    const plan = await compile(engine, { loss, gx });
    const feeds = { x: valuesOf({ shape: x.shape }), gamma: Float32Array.of(1.5), beta: Float32Array.of(-0.5) };
    plan.run(feeds);
    const { tf } = tfjs;
    const variable = tf.variable(tfjs.tensor(feeds.x, x.shape));
    const { value, grads } = tf.variableGrads(() => {
      const leaves = [gamma, beta].map((t) => [t, tfjs.tensor(feeds[t.name as 'gamma' | 'beta'], [1])] as const);
      return tf.sum(interpret(tf, loss, new Map([[x, variable], ...leaves])));
    }, [variable]);
    const [gradient] = Object.values(grads);
    if (!gradient) throw new Error('no gradient');
    expect(difference(await tfjs.read(value), await plan.read('loss'))).toBeLessThan(1e-5);
    expect(difference(await tfjs.read(gradient), await plan.read('gx'))).toBeLessThan(1e-5);
    expect(() => interpret(tf, sigmoid(x), new Map([[x, variable]]))).toThrow(/there is no rule to compute sigmoid/);
    plan.destroy();
  });

  it('it refuses layers whose results differ', async () => {
    expect(difference(Float32Array.of(1, 2), Float32Array.of(1, 2))).toBe(0);
    expect(difference(Float32Array.of(1, 2), Float32Array.of(1, 4))).toBe(0.5);
    expect(difference(Float32Array.of(1, Number.NaN), Float32Array.of(1, 4))).toBe(Number.POSITIVE_INFINITY);
    expect(difference(Float32Array.of(1), Float32Array.of(1, 4))).toBe(Number.POSITIVE_INFINITY);
    expect(difference(Float32Array.of(0, 0), Float32Array.of(0, 0))).toBe(Number.POSITIVE_INFINITY);
  });

  it('it counts the operations of the layers', () => {
    expect(LAYERS.map((l) => (flopsOf(l) / 1e9).toFixed(2)).join(' ')).toBe(
      '0.79 2.15 2.15 2.15 1.07 0.27 2.15 4.29 2.42 9.66',
    );
  });

  it('it says what is wrong with its options before it starts', async () => {
    await expect(againstTfjs(engine, { filter: '7×7' })).rejects.toThrow(
      /no layer and pass matches --filter "7×7"; choose among\n3×3/,
    );
    await expect(againstTfjs(engine, { samples: 0 })).rejects.toThrow(
      /samples must be an integer of at least 1, got 0/,
    );
  });
});
