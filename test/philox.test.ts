import { beforeAll, describe, expect, test } from 'vitest';
import generator from '../shaders/shared/philox.wgsl?raw';
import { gradients } from '../src/autograd/gradients.js';
import { constant, input } from '../src/autograd/leaves.js';
import { apply, u32 } from '../src/autograd/op.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { UsageError } from '../src/gpu/errors.js';
import { readShader } from '../src/gpu/shader.js';
import { dropout, noise, uniformNoise } from '../src/kernels/dropout/dropout.js';
import { philox } from '../src/kernels/dropout/oracle.js';
import { Random } from '../src/kernels/dropout/random.js';
import { sum } from '../src/kernels/sum/sum.js';
import { customOp } from './custom-op.js';
import { sharedEngine } from './gpu.js';

/** The known answers of Random123: counter, key and result. */
const known: [number[], number[], number[]][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

describe('Philox4x32-10', () => {
  test.each(known)('oracle: counter %j under key %j', (counter, key, want) => {
    expect(philox(counter as [number, number, number, number], key as [number, number])).toEqual(want);
  });

  test('the shaders’ generator gives the known answers', async () => {
    const code = await readShader(
      'test/philox',
      `@group(0) @binding(0) var<storage, read> counter: array<vec4u>;
       @group(0) @binding(1) var<storage, read> key: array<vec2u>;
       @group(0) @binding(2) var<storage, read_write> y: array<vec4u>;
       ${generator}
       @compute @workgroup_size(1)
       fn main(@builtin(workgroup_id) id: vec3u) { y[id.x] = philox(counter[id.x], key[id.x]); }`,
    );
    const launch = () => ({ dispatches: [{ shader: code, workgroups: [known.length, 1, 1] as const }] });
    const op = customOp('philox', launch, { counter: u32, key: u32 });
    const all = (k: 0 | 1 | 2) => Uint32Array.from(known.flatMap((row) => row[k]));
    const [counter, key] = [constant(all(0), [known.length, 4]), constant(all(1), [known.length, 2])];
    const { y } = apply(op, { counter, key }, null);
    const plan = await compile(engine, { y });
    plan.run();
    expect(await plan.readUint('y')).toEqual(all(2));
    plan.destroy();
  });
});

describe('Random', () => {
  test('every run has its own mask, and setting the step back repeats it', async () => {
    const random = new Random(2 ** 40 + 7);
    const x = input('x', [61, 8]);
    const y = dropout(x, random, 0.5);
    const z = dropout(x, random, 0.5);
    const [gx] = gradients(sum(y), [x]);
    const plan = await compile(engine, { y, z, ...(gx && { gx }) });
    const ones = new Float32Array(61 * 8).fill(1);
    const run = async () => {
      plan.run({ x: ones });
      return { y: await plan.read('y'), z: await plan.read('z'), gx: await plan.read('gx') };
    };
    expect(random.step).toBe(0);
    const first = await run();
    const second = await run();
    expect(random.step).toBe(2);
    expect(second.y).not.toEqual(first.y);
    expect(first.z, 'two ops of one graph').not.toEqual(first.y);
    expect(first.gx, 'the gradient uses the mask of its run').toEqual(first.y);
    expect(second.gx).toEqual(second.y);
    random.step = 0;
    expect(await run()).toEqual(first);
    expect(await run()).toEqual(second);
    random.step = 2 ** 32 + 1;
    expect((await run()).y, 'the step has more than 32 bits').not.toEqual(second.y);
    plan.destroy();
  });

  test('a plan can use two generators, and equal seeds give equal numbers', async () => {
    const plan = await compile(engine, {
      a: noise(new Random(5), [3, 4]),
      b: noise(new Random(5), [3, 4]),
      c: noise(new Random(6), [3, 4]),
    });
    plan.run();
    expect(await plan.read('b')).toEqual(await plan.read('a'));
    expect(await plan.read('c')).not.toEqual(await plan.read('a'));
    plan.destroy();
  });

  test('seeds and steps that are not integers of 0 or more are refused', () => {
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => new Random(bad)).toThrow(UsageError);
      expect(() => {
        new Random(1).step = bad;
      }).toThrow(/step must be an integer/);
    }
  });

  test('moments and keep rate of 100,000 numbers are within five sigma', async () => {
    const random = new Random(1234);
    const n = 100_000;
    const ones = constant(new Float32Array(n).fill(1), [n / 100, 100]);
    const plan = await compile(engine, {
      normal: noise(random, [n / 100, 100]),
      uniform: uniformNoise(random, [n / 100, 100]),
      kept: dropout(ones, random, 0.3),
    });
    plan.run();
    const moment = (x: Float32Array, power: number) => x.reduce((s, v) => s + v ** power, 0) / n;
    const within = (value: number, want: number, variance: number) =>
      expect(Math.abs(value - want) / Math.sqrt(variance / n)).toBeLessThan(5);
    const normal = await plan.read('normal');
    within(moment(normal, 1), 0, 1);
    within(moment(normal, 2), 1, 2);
    within(moment(normal, 3), 0, 15);
    within(moment(normal, 4), 3, 96);
    // Neighbours are independent, so E[xᵢ·xᵢ₊₁] = 0.
    within(normal.reduce((s, v, i) => s + v * (normal[i + 1] ?? 0), 0) / n, 0, 1);
    const uniform = await plan.read('uniform');
    within(moment(uniform, 1), 1 / 2, 1 / 12);
    within(moment(uniform, 2), 1 / 3, 4 / 45);
    expect(uniform.every((u) => u >= 0 && u < 1)).toBe(true);
    const kept = await plan.read('kept');
    within(kept.filter((v) => v !== 0).length / n, 0.7, 0.21);
    expect(kept.every((v) => v === 0 || v === Math.fround(1 / 0.7))).toBe(true);
    plan.destroy();
  });
});
