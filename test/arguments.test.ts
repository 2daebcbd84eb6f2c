import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Pose } from '../src/model.js';
import * as model from '../src/model.js';
import * as node from '../src/node.js';
import { made, OTHERS, plain, type Row, rows, skeleton, strange, trained, vector, w, x, y } from './arguments-table.js';
import { sharedEngine } from './gpu.js';
import { standing } from './person.js';
import { config, picture } from './untrained.js';

/** Returns what a call throws, either at once, when awaited, or when first asked for a value. */
async function refusal({ call }: Row, args: readonly unknown[]): Promise<Error | undefined> {
  try {
    const result = await call(...args);
    await (result as Partial<AsyncGenerator>)?.next?.();
  } catch (error) {
    return error as Error;
  }
  return undefined;
}

const replaced = (list: readonly unknown[], at: number, value: unknown) => list.map((v, i) => (i === at ? value : v));

let table: Record<string, Row>;
let engine: node.Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  table = rows(engine);
});

test('every exported function is in the table, or takes no options', () => {
  const isError = (f: unknown) => typeof f === 'function' && f.prototype instanceof Error;
  const functions = Object.entries({ ...node, ...model }).filter(([, f]) => typeof f === 'function' && !isError(f));
  const missing = functions.map(([name]) => name).filter((name) => !OTHERS.has(name) && !(name in table));
  expect(missing, 'functions that need a row in test/arguments-table.ts').toEqual([]);
});

test('every function refuses a surplus argument', async () => {
  for (const [name, row] of Object.entries(table)) {
    const error = await refusal(row, [...row.args, 7]);
    expect(error, name).toBeInstanceOf(node.UsageError);
    expect(error?.message, name).toMatch(/^\S.*: takes no argument 7\. Usage: .*\(.*\)$/);
  }
});

test('every function refuses an argument of another kind, and names it', async () => {
  for (const [name, row] of Object.entries(table))
    for (const at of row.args.keys()) {
      const error = await refusal(row, replaced(row.args, at, strange));
      expect(error, `${name} ${at}`).toBeInstanceOf(node.UsageError);
      expect(error?.message, `${name} ${at}`).toMatch(/: \w+ must be .*, got Strange\. Usage: /);
    }
});

test('every function that takes options refuses an unknown one, names the known ones, and checks the kind of each', async () => {
  const known: Record<string, string> = {};
  for (const [name, row] of Object.entries(table))
    for (const [at, options] of row.args.entries()) {
      if (Object.getPrototypeOf(options) !== Object.prototype) continue;
      const error = await refusal(row, replaced(row.args, at, { ...(options as object), unheard: 1 }));
      // Outputs by name, skeletons and checkpoints are not options, because they may have more fields than a function
      // reads.
      const names = /cannot have "unheard"; known are (.*)\. Usage/.exec(error?.message ?? '')?.[1];
      if (!names) continue;
      known[`${name}.${at}`] = names;
      for (const option of names.split(', ')) {
        const wrong = await refusal(row, replaced(row.args, at, { ...(options as object), [option]: strange }));
        expect(wrong, `${name} ${option}`).toBeInstanceOf(node.UsageError);
        expect(wrong?.message, `${name} ${option}`).toMatch(
          new RegExp(`\\.${option.replace('.', '\\.')} must be .*, got Strange`),
        );
      }
    }
  expect(known).toMatchObject({
    'affineWarp.2': 'scale',
    'compile.2': 'update, retain, variant, align, fuse',
    'conv2d.2': 'stride, pad, bias, dilation, groups',
    'convTranspose2d.2': 'stride, pad, bias, dilation, groups, outputPad',
    'crossEntropy.2': 'labelSmoothing, reduction',
    'deformableSkip.3': 'aggregate, identity, maskOn, scale',
    'heNormal.1': 'groups, mode',
    'flatten.1': 'start',
    'heatMaps.1': 'height, width, sigma',
    'instanceNorm.3': 'mode, epsilon',
    'batchNorm.1': 'mean, variance, gamma, beta, epsilon',
    'foldBatchNorm.2': 'mean, variance, gamma, beta, epsilon',
    'avgPool2d.1': 'kernel, stride, pad, ceilMode, countIncludePad',
    'maxPool2d.1': 'kernel, stride, pad, ceilMode',
    'nearestNeighbourDistance.2': 'window',
    'load.3': 'strict, name',
    'loadNet.3': 'strict',
    'open.0': 'adapter, index, label, tuning',
    'partMasks.1': 'height, width, scale',
    'resize2d.1': 'size, scale, mode, alignCorners',
    'tune.2': 'samples, sampleMs, budgetMs, signal, onProgress',
    'Adam.1': 'learningRate, clipNorm, weightDecay, beta1, beta2, epsilon',
    'SGD.1': 'learningRate, clipNorm, weightDecay, momentum, nesterov, dampening',
    'Engine.1': 'label, adapterInfo, software, wait, tuning',
    'Generator.3': 'set, seed',
    'Trainer.1': 'config, seed, vgg, batch, shard',
    'modelConfig.0': 'preset, size, ablation, width',
  });
});

test.each<[string, () => unknown, RegExp]>([
  ['a skeleton of two files', () => plain(model.parseSkeleton)(skeleton, 'a.json', 'b.json'), /no argument "b.json"/],
  [
    'a call with two unknown options',
    () => plain(node.conv2d)(x, w, { padding: 2, filters: 2 }),
    /options cannot have "padding" \(did you mean pad\?\), "filters"; known are stride, pad, bias, dilation, groups/,
  ],
  ['the option lr', () => made(node.Adam)(trained(), { lr: 0.01 }), /"lr" \(did you mean learningRate\?\)/],
  ['a misspelt option', () => plain(node.conv2d)(x, w, { stirde: 2 }), /"stirde" \(did you mean stride\?\)/],
  [
    'an unknown mode',
    () => plain(node.instanceNorm)(x, vector, vector, { mode: 'batch' }),
    /options\.mode must be "channel" or "sample", got "batch"/,
  ],
  [
    'a slope as an option',
    () => plain(node.leakyRelu)(x, { slope: 0.1 }),
    /slope must be a finite number, got \{ slope \}\. Usage: leakyRelu\(x, slope\?\)/,
  ],
  [
    'an axis by its number',
    () => plain(node.sum)(x, 0),
    /over must be "all" or "rows" or "pixels" or "channels", got 0/,
  ],
  ['a number as text', () => plain(node.scale)(x, '2'), /k must be a finite number, got "2"/],
  ['a product of two numbers', () => plain(node.mul)(2, 3), /^mul: a or b must be a Tensor, got the numbers 2 and 3$/],
  ['a number beyond f32', () => node.sub(1e39, x), /^sub: a must be a Tensor or a finite number, got 1e\+39\. Usage/],
  ['NaN', () => node.leakyRelu(x, Number.NaN), /slope must be a finite number, got NaN/],
  ['an addend beyond f32', () => node.addScalar(x, 1e39), /k must be a finite number, got 1e\+39/],
  [
    'null in place of options',
    () => plain(node.conv2d)(x, w, null),
    /options must be an object of stride, pad, bias, dilation, groups, got null/,
  ],
  [
    'a bias in place of options',
    () => plain(node.conv2d)(x, w, vector),
    /options must be an object of stride, pad, bias, dilation, groups, got Tensor/,
  ],
  [
    'an array for a tensor',
    () => plain(node.relu)(new Float32Array(3)),
    /relu: x must be a Tensor, got Float32Array\(3\)/,
  ],
  ['a promise for a tensor', () => plain(node.relu)(Promise.resolve(x)), /x must be a Tensor, got Promise/],
  ['a list of tensors that is not an array', () => plain(node.concat)(x, y), /takes no argument Tensor/],
  [
    'a kernel of three sizes',
    () => plain(node.maxPool2d)(x, { kernel: [2, 2, 2] }),
    /kernel must be an integer from 1 to 32767 or two of them/,
  ],
  [
    'a kernel whose positions would overflow',
    () => node.maxPool2d(x, { kernel: 2 ** 31, pad: 2 ** 31 - 1 }),
    /maxPool2d: kernel must be an integer from 1 to 32767 or two of them, got 2147483648/,
  ],
  [
    'such a stride',
    () => node.avgPool2d(x, { kernel: 2, stride: [2, 2 ** 32 + 1] }),
    /stride must be .* to 32767 or two/,
  ],
  [
    'such padding',
    () => node.conv2d(x, w, { pad: 2 ** 31, stride: 32767 }),
    /pad must be an integer from 0 to 32767 or/,
  ],
  ['such a dilation', () => node.convTranspose2d(x, w, { dilation: 32768 }), /dilation must be .* to 32767 or two/],
  [
    'such a window',
    () => node.nearestNeighbourDistance(x, y, { window: 2 ** 31 + 1 }),
    /window must be an odd number of pixels up to 32767, got 2147483649/,
  ],
  [
    'a list with a missing element',
    () => node.constant(new Array<number>(2), [2]),
    /data must be .* a list of numbers, got/,
  ],
  ['an unknown dtype', () => plain(node.input)('x', [1], 'float32'), /dtype must be "f32" or "u32", got "float32"/],
  [
    'an optimiser of one gradient too many',
    () => new node.Adam(trained()).apply([vector, vector]),
    /2 gradients for 1 parameters/,
  ],
  [
    'a lamp drawn as a person',
    () => plain(model.drawSynthetic)({ seed: 1, identity: 1, index: 0, skeleton: { joints: ['a'] } }),
    /options\.skeleton must be a skeleton with the joints of a person/,
  ],
])('%s is refused', (_, call, message) => {
  expect(call).toThrow(message);
});

describe('data', () => {
  const run = async (data: unknown) => {
    const plan = await node.compile(engine, { y: node.scale(node.input('a', [2, 2]), 2) });
    try {
      plain(plan.run.bind(plan))(data);
      return [...(await plan.read('y'))];
    } finally {
      plan.destroy();
    }
  };

  test.each<[unknown, RegExp]>([
    [new Uint8ClampedArray(4), /input a, f32 \[2, 2\], must be a Float32Array, got Uint8ClampedArray\(4\)/],
    [new Float64Array(4), /input a.* must be a Float32Array, got Float64Array\(4\)/],
    [new Int32Array(4), /must be a Float32Array, got Int32Array\(4\)/],
    [[1, 2, 3, 4], /must be a Float32Array, got \[1,2,3,4\]/],
    [new DataView(new ArrayBuffer(16)), /must be a Float32Array, got DataView/],
    [new ArrayBuffer(16), /must be a Float32Array, got ArrayBuffer/],
    [undefined, /must be a Float32Array, got undefined/],
    [{ length: 4, [Symbol.toStringTag]: 'Float32Array' }, /must be a Float32Array, got/],
    [Object.create(Float32Array.prototype), /must be a Float32Array, got Float32Array$/],
    [new Proxy(new Float32Array(4), {}), /must be a Float32Array, got Float32Array$/],
    [new Float32Array(3), /input a is \[2, 2\] \(4 values\), got 3/],
  ])('%o is refused as an input', async (data, message) => {
    await expect(run({ a: data })).rejects.toThrow(message);
  });

  test('a transferred array, a map of inputs and a strange name are refused', async () => {
    const sent = new Float32Array(4);
    structuredClone(sent, { transfer: [sent.buffer] });
    await expect(run({ a: sent })).rejects.toThrow(/got 0; the buffer of an empty array may have been transferred/);
    await expect(run(new Map([['a', new Float32Array(4)]]))).rejects.toThrow(/inputs must be .*, got Map/);
    await expect(run({ a: new Float32Array(4), b: 1 })).rejects.toThrow(/no input b; it has a/);
    await expect(run({})).rejects.toThrow(/input a \[2, 2\] was never given/);
  });

  test('arrays of another context and on shared memory are taken', async () => {
    const other = runInNewContext('Float32Array.of(1, 2, 3, 4)') as Float32Array;
    expect(other instanceof Float32Array).toBe(false);
    expect(await run({ a: other })).toEqual([2, 4, 6, 8]);
    const shared = new Float32Array(new SharedArrayBuffer(16));
    shared.set([4, 3, 2, 1]);
    expect(await run({ a: shared })).toEqual([8, 6, 4, 2]);
  });

  test('scalar reads only tensors of one value', async () => {
    const x = node.input('x', [2, 2]);
    const plan = await node.compile(engine, { y: node.scale(x, 2), sum: node.sum(x) });
    plan.run({ x: Float32Array.of(1, 2, 3, 4) });
    expect(await plan.scalar('sum')).toBe(10);
    await expect(plan.scalar('y')).rejects.toThrow(/^scalar: \S+ has 4 values, not one; use read$/);
    await expect(plain(plan.scalar.bind(plan))('sum', 0)).rejects.toThrow(/^Plan.scalar: takes no argument 0\./);
    plan.destroy();
  });

  test('parameters are maps of Float32Arrays', () => {
    const storage = node.ParameterStorage.of(engine, trained());
    const write = plain(storage.write.bind(storage));
    expect(() => write({ p: new Float32Array(2) })).toThrow(/values must be a Map, got \{ p \}/);
    expect(() => write(new Map([['p', new Float64Array(2)]]))).toThrow(/values\.p must be a Float32Array/);
    expect(() => new node.ParameterSet('s').parameter('p', [1], () => Number.NaN)).not.toThrow();
    const set = new node.ParameterSet('s');
    set.parameter('p', [2], (i) => i / 0);
    expect(() => node.ParameterStorage.of(engine, set)).toThrow(/parameter p: its initial value 0 must be .*, got NaN/);
  });
});

describe('a pose', () => {
  const pair = (pose: Pose) => model.pairData(config, skeleton, [{ image: picture(1), pose, target: standing() }]);

  test.each<[string, unknown, RegExp]>([
    ['joints at NaN', [Number.NaN, 3], /^right_wrist must be two finite numbers.*got \[NaN,3\]/],
    ['joints at infinity', [3, Number.POSITIVE_INFINITY], /^right_wrist .*got \[3,Infinity\]/],
    ['joints that are text', ['3', '4'], /^right_wrist .*got \["3","4"\]/],
    ['joints with a score', [3, 4, 0.9], /^right_wrist .*got \[3,4,0.9\]/],
  ])('%s are refused by name', (_, joint, message) => {
    expect(() => pair(standing({ right_wrist: joint as [number, number] }))).toThrow(message);
  });

  test('joints in the arrays of a batch are refused by their number', async () => {
    const net = await model.Generator.create(engine, config, 1);
    const data = pair(standing());
    const targetJoints = data.targetJoints.with(2 * 4 + 1, Number.NaN);
    await expect(net.generate({ ...data, targetJoints })).rejects.toThrow(
      /joint 4 of pose 0 in targetJoints is at NaN/,
    );
    await expect(plain(net.generate.bind(net))({ source: data.source })).rejects.toThrow(/data\.sourceJoints must be/);
    expect((await net.generate(data)).length).toBe(64 * 32 * 3);
    expect(() => net.load(new Map())).toThrow(/the weights have no \S+, which the model needs/);
    net.destroy();
  });
});
