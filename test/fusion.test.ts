import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vectorJacobian } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Tensor, TensorData } from '../src/autograd/tensor.js';
import { checkFeeds, checkGraph, compileCase, plannedCase, prepare } from '../src/bench/check-case.js';
import { loadRooms } from '../src/bench/ops.js';
import { compile } from '../src/compiler/compile.js';
import { refusalOf } from '../src/compiler/kernel-call.js';
import { kernelsOf as loadedKernels } from '../src/compiler/load.js';
import type { CompileOptions } from '../src/compiler/options.js';
import type { Plan } from '../src/compiler/plan.js';
import { compileWithRedzones, fillRedzones, redzoneViolations } from '../src/compiler/redzones.js';
import type { Engine } from '../src/gpu/engine.js';
import { ParameterStorage } from '../src/gpu/parameter-storage.js';
import { readShader, withStores } from '../src/gpu/shader.js';
import { Adam } from '../src/kernels/adam/adam.js';
import { concat } from '../src/kernels/concat/concat.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { convTranspose2d } from '../src/kernels/convTranspose2d/convTranspose2d.js';
import { dropout } from '../src/kernels/dropout/dropout.js';
import { Random } from '../src/kernels/dropout/random.js';
import {
  add,
  div,
  leakyRelu,
  maximum,
  mul,
  relu,
  scale,
  sigmoid,
  square,
  sub,
  tanh,
} from '../src/kernels/elementwise/elementwise.js';
import { instanceNorm } from '../src/kernels/instanceNorm/instanceNorm.js';
import { testNormal, testRandom } from '../src/kernels/oracle.js';
import { rooms } from '../src/kernels/rooms.js';
import { mean } from '../src/kernels/sum/sum.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

const normal = (n: number, seed = 1) => {
  const random = testRandom(seed);
  return Float32Array.from({ length: n }, () => testNormal(random));
};
/** Returns the first few elements that differ in any bit. */
function differing(a: TensorData | undefined, b: TensorData | undefined): string[] {
  if (!a || a.length !== b?.length) return [`lengths ${a?.length}, ${b?.length}`];
  const bits = (x: TensorData) => new Uint32Array(x.buffer, x.byteOffset, x.length);
  const [p, q] = [bits(a), bits(b)];
  const at = [...p.keys()].filter((i) => p[i] !== q[i]);
  return at.slice(0, 5).map((i) => `${at.length} differ, ${i}: ${a[i]} and ${b[i]}`);
}
const kernelsOf = (plan: Plan) => plan.steps.filter((s) => s.first).map((s) => s.call.kernel.label.replace(/\/.*/, ''));

/** Compiles a plan, with `redzone` elements free around every tensor if that is given. */
const planOf = (outputs: Record<string, Tensor>, options: CompileOptions, redzone?: number): Promise<Plan> =>
  redzone === undefined
    ? compile(engine, outputs, options)
    : compileWithRedzones(engine, { ...options, outputs }, redzone, options);

/**
 * Runs a graph fused and unfused, checks that every output has the same bits, and returns the kernels of both plans.
 */
async function compare(
  outputs: Record<string, Tensor>,
  feeds: Record<string, TensorData>,
  options: CompileOptions & { random?: Random; also?: Tensor[]; retain?: Tensor[]; redzone?: number } = {},
): Promise<{ alone: string[]; fused: string[] }> {
  const { random, also = [], retain = [], redzone, ...rest } = options;
  const kernels: string[][] = [];
  const results: TensorData[][] = [[], []];
  for (const [i, fuse] of [false, options.fuse ?? true].entries()) {
    if (random) random.step = 7;
    const plan = await planOf(outputs, { ...rest, fuse, retain: [...retain, ...also] }, redzone);
    try {
      for (let run = 0; run < 2; run++) {
        if (redzone !== undefined) fillRedzones(plan);
        plan.run(Object.fromEntries(Object.entries(feeds).filter(([n]) => plan.inputNames.includes(n))));
        for (const t of [...Object.values(outputs), ...also])
          results[i]?.push(t.dtype === 'u32' ? await plan.readUint(t) : await plan.read(t));
        if (redzone !== undefined) expect(await redzoneViolations(plan)).toEqual([]);
      }
      kernels.push(kernelsOf(plan));
    } finally {
      plan.destroy();
    }
  }
  const names = [...Object.keys(outputs), ...also.map(String)];
  for (const [k, alone] of (results[0] as TensorData[]).entries()) {
    expect(alone.some((v) => v !== 0)).toBe(true);
    expect(differing(alone, results[1]?.[k]), names[k % names.length]).toEqual([]);
  }
  return { alone: kernels[0] as string[], fused: kernels[1] as string[] };
}

describe('every kernel that takes elementwise work gives the same bits as without it', () => {
  const known = new Set<string>();
  const seen = new Set<string>();
  const [gap, margin] = [4, 4];
  const layout = { name: 'strided', margin, gap };
  const tile = (variant: string) => (variant.match(/\d+/g) ?? []).reduce((area, side) => area * Number(side), 1);

  test.each(rooms.map((r) => [r.name, r] as const))('%s', async (_, room) => {
    for (const c of room.cases) {
      const p = prepare(room, c);
      for (const [name, y] of Object.entries(checkGraph(p, layout))) {
        const { op } = y.node;
        if (op.epilogue !== y.result || y.size < 10) continue;
        const outputs = { [name]: leakyRelu(mul(y, input('side', y.shape))) };
        const short = { [name]: leakyRelu(scale(y, 3)) };
        const [mine] = (await plannedCase(engine, outputs, layout, { fuse: false })).filter((s) => s.op === op);
        for (const v of [...loadedKernels(op, engine).variants].sort((a, b) => tile(a.name) - tile(b.name))) {
          // Where compiling is slow, the smallest tile size of a kernel is tested for all.
          const key = `${op.name}/${engine.software ? v.name.replace(/\d+x\d+/, '') : v.name}`;
          known.add(key);
          if (seen.has(key) || !mine || refusalOf(v, mine.kernel.call) !== undefined) continue;
          const variant: CompileOptions['variant'] = (of) => (of === op.name ? v.name : undefined);
          const options = { variant, fuse: 'everywhere' } as const;
          // Kernels for the CPU with many stores take minutes to compile with an operand, so one is never fused.
          const [graph, names] = /subgroup|registers/.test(v.name) ? [short, 'scale'] : [outputs, 'mul'];
          const plan = await compileCase(engine, graph, layout, options);
          const feeds = { ...checkFeeds(p, layout, plan), side: normal(y.size, 5) };
          // In a composition another kernel may have taken over the op itself, which then has a room of its own.
          if (plan.steps.at(-1)?.call.op !== op) {
            plan.destroy();
            continue;
          }
          seen.add(key);
          expect(plan.steps.at(-1)?.call.kernel.label).toContain(`${op.name}+${names}+leakyRelu/${v.name}`);
          plan.destroy();
          await compare(graph, feeds, { ...options, redzone: gap });
        }
      }
    }
  });

  afterAll(() => {
    expect(
      [...known].filter((v) => !seen.has(v)),
      'variants that no case ran',
    ).toEqual([]);
  });
});

const image = [2, 6, 5, 8];
const x = input('x', image);
const w = input('w', [3, 3, 8, 8]);
const gy = input('gy', image);
const [bias, gamma, beta] = ['bias', 'gamma', 'beta'].map((name) => input(name, [8])) as [Tensor, Tensor, Tensor];
const feeds = {
  ...{ x: normal(480), w: normal(576, 2), gy: normal(480, 3) },
  ...{ bias: normal(8, 4), gamma: normal(8, 5), beta: normal(8, 6) },
};
const norm = (t: Tensor) => instanceNorm(t, gamma, beta);

describe('what is fused', () => {
  test('bias and activation are fused into convolutions', async () => {
    const conv = await compare({ y: leakyRelu(conv2d(x, w, { pad: 1, bias })) }, feeds);
    expect(conv.fused).toEqual(['conv2d+leakyRelu']);
    const up = await compare({ y: relu(convTranspose2d(x, w, { stride: 2, bias })) }, feeds);
    expect(up.fused).toEqual(['convTranspose2d+relu']);
    const last = await compare({ y: tanh(scale(conv2d(x, w, { bias }), 3)) }, feeds);
    expect(last.fused).toEqual(['conv2d+scale+tanh']);
  });

  test.each([8, 7])(
    'norm, dropout and activation of %i channels in one pass, with the mask of dropout alone',
    async (C) => {
      const shape = [2, 6, 5, C];
      const random = new Random(5);
      const parameters = [input('g', [C]), input('b', [C])] as const;
      const d = dropout(instanceNorm(input('x', shape), ...parameters), random, 0.4);
      const own = { x: normal(60 * C), g: normal(C, 2), b: normal(C, 3) };
      const { fused, alone } = await compare({ y: relu(d) }, own, { random, redzone: 3, also: [d] });
      expect(alone).toEqual(['instanceNorm', 'dropout', 'relu']);
      expect(fused).toEqual(['instanceNorm+dropout+relu']);
    },
  );

  test.each([8, 7])('vectors of %i channels for every row, one value for every element, and numbers', async (C) => {
    const shape = [2, 6, 5, C];
    const [x, v, u, one] = [input('x', shape), input('v', [C]), input('u', [C]), input('one', [1])];
    const y = sub(1, div(mul(add(instanceNorm(x, input('g', [C]), input('b', [C])), v), one), u));
    const z = relu(maximum(one, mul(u, x)));
    const own = {
      x: normal(60 * C),
      v: normal(C, 2),
      u: normal(C, 3),
      one: normal(1, 4),
      g: normal(C, 5),
      b: normal(C, 6),
    };
    // With redzones between the rows, results have the same row stride as arguments or another.
    for (const redzone of [undefined, 3, 4]) {
      const { fused } = await compare({ y, z, m: mul(x, one) }, own, { redzone });
      expect(fused).toEqual(['instanceNorm+add+mul+div+scalarSub', 'mul+maximum+relu', 'mul']);
    }
  });

  test('a vector stays a vector where it meets every row of something larger', async () => {
    const wide = square(bias);
    const { fused } = await compare(
      { y: mul(x, wide), z: mul(wide, input('row', [1, 8])) },
      { ...feeds, row: normal(8, 9) },
    );
    expect(fused).toEqual(['square', 'mul', 'mul']);
  });

  test('several masks, and dropout after dropout, are fused', async () => {
    const random = new Random(6);
    const y = dropout(sigmoid(dropout(dropout(x, random), random, 0.3)), random);
    expect((await compare({ y }, feeds, { random })).fused).toEqual(['dropout+dropout+sigmoid+dropout']);
  });

  test('a chain that is too long continues in the next kernel', async () => {
    let y = x;
    for (let i = 0; i < 20; i++) y = tanh(scale(y, 1.01 + i / 100));
    const { fused } = await compare({ y }, feeds);
    expect(fused.length).toBe(5);
  });

  test('an activation over a concatenation moves to its parts', async () => {
    const a = conv2d(x, w, { pad: 1 });
    const b = norm(x);
    const { fused, alone } = await compare({ y: relu(concat([a, concat([b, x])])) }, feeds, { redzone: 4 });
    expect(alone).toEqual(['conv2d', 'instanceNorm', 'copy', 'relu']);
    expect(fused.sort()).toEqual(['conv2d+relu', 'instanceNorm+relu', 'relu']);
  });

  test('the gradient of an activation and a sum are fused into the input gradient of a convolution', async () => {
    const h = leakyRelu(norm(x));
    const y = conv2d(h, w, { pad: 1 });
    const [g] = vectorJacobian([y, h], [gy, tanh(gy)], [h.node.inputs.x as Tensor]);
    const variant: CompileOptions['variant'] = (op) => (op === 'convTranspose2d' ? 'naive' : undefined);
    const { fused } = await compare({ g: g as Tensor }, feeds, { fuse: 'everywhere', variant });
    expect(fused).toContain('convTranspose2d+add+leakyReluGradient');
    const rule = await compare({ g: g as Tensor }, feeds);
    expect(rule.fused).toContain(engine.software ? 'add+leakyReluGradient' : 'convTranspose2d+add+leakyReluGradient');
  });

  test('a value that is still read elsewhere is stored as well', async () => {
    const n = norm(x);
    const y = conv2d(relu(n), w, { pad: 1 });
    const { fused } = await compare({ y, z: conv2d(n, w) }, feeds, { also: [n] });
    expect(fused).toEqual(['instanceNorm+relu', 'conv2d', 'conv2d']);
  });
});

describe('what is not fused', () => {
  test('outputs and retained values keep their values after the last run', async () => {
    const c = norm(x);
    const r = relu(c);
    const s = scale(r, 2);
    const { fused } = await compare({ c, s }, feeds, { retain: [r] });
    expect(fused).toEqual(['instanceNorm+relu+scale']);
    const plan = await compile(engine, { s }, { retain: 'all' });
    expect(kernelsOf(plan)).toEqual(['instanceNorm', 'relu', 'scale']);
    plan.destroy();
  });

  test('a value with a later reader is not fused, because its result would take memory earlier', async () => {
    const c = conv2d(x, w, { pad: 1 });
    const d = conv2d(c, w, { pad: 1 });
    const { fused } = await compare({ y: add(d, relu(c)) }, feeds);
    expect(fused).toEqual(['conv2d', 'conv2d', 'relu+add']);
  });

  test('parts are not fused that one kernel could not write into one buffer', async () => {
    const c = norm(x);
    const { fused } = await compare({ y: concat([relu(c), scale(c, 2)]) }, feeds);
    expect(fused).toEqual(['instanceNorm+relu', 'scale']);
    const a = relu(x);
    const dense = await compare({ y: concat([a, relu(norm(a))]) }, feeds);
    expect(dense.fused).toEqual(['relu', 'instanceNorm', 'relu']);
  });

  test('a parameter read after its update is the new one', async () => {
    const run = async (fuse: boolean) => {
      const set = new ParameterSet('late');
      const p = set.parameter('p', image, () => 2);
      const loss = mean(square(p));
      const y = conv2d(x, w, { pad: 1 });
      const update = new Adam(set, { learningRate: 0.5 }).minimize(loss);
      const plan = await compile(engine, { z: mul(y, p) }, { update: [update], fuse });
      plan.run({ x: feeds.x, w: feeds.w });
      const z = await plan.read('z');
      plan.destroy();
      return z;
    };
    expect(differing(await run(true), await run(false))).toEqual([]);
  });
});

test('a training step with shared weights, skips, norms and dropout has the same gradients and new weights', async () => {
  const weights: Float32Array[] = [];
  const counts: number[] = [];
  for (const fuse of [false, true]) {
    const random = new Random(2);
    const set = new ParameterSet('net');
    const u = set.parameter('u', [3, 3, 8, 8], (i) => Math.sin(i) / 5);
    const v = set.parameter('v', [3, 3, 8, 16], (i) => Math.cos(i) / 5);
    const gamma = set.parameter('gamma', [8], () => 1);
    const beta = set.parameter('beta', [8], () => 0.1);
    const a = leakyRelu(instanceNorm(conv2d(x, u, { pad: 1 }), gamma, beta));
    const b = relu(dropout(instanceNorm(conv2d(a, u, { pad: 1 }), gamma, beta), random));
    const y = tanh(convTranspose2d(relu(concat([a, b])), v, { pad: 1 }));
    const update = new Adam(set, { learningRate: 0.01 }).minimize(mean(square(y)));
    const plan = await compile(engine, {}, { update: [update], fuse });
    for (let i = 0; i < 3; i++) plan.run({ x: feeds.x });
    counts.push(plan.steps.length);
    const values = await ParameterStorage.of(engine, set).read();
    weights.push(Float32Array.from([...values.values()].flatMap((t) => [...t])));
    plan.destroy();
  }
  expect(differing(weights[0], weights[1])).toEqual([]);
  expect(counts[1]).toBeLessThan((counts[0] as number) - 5);
});

test('the gradient of leakyRelu reads its result for slopes of 0 or more, and its argument otherwise', async () => {
  for (const slope of [0, 0.2, -0.5]) {
    const t = input('x', [6]);
    const y = leakyRelu(t, slope);
    const [g] = vectorJacobian([y], [input('gy', [6])], [t]);
    expect((g as Tensor).node.inputs.a).toBe(slope < 0 ? t : y);
    const plan = await compile(engine, { g: g as Tensor });
    plan.run({ x: Float32Array.of(-2, -0, 0, 1e-30, 3, -1e-30), gy: Float32Array.of(1, 1, 1, 1, 1, 1) });
    const k = Math.fround(slope);
    expect([...(await plan.read('g'))]).toEqual([k, k, k, 1, 1, k]);
    plan.destroy();
  }
});

test('the label, cost and time of a fused kernel are those of all its work', async () => {
  const y = mul(relu(x), gy);
  const plan = await compile(engine, { y });
  const rows = await plan.profile(
    Object.fromEntries(Object.entries(feeds).filter(([n]) => plan.inputNames.includes(n))),
  );
  expect(rows.map((r) => r.label)).toEqual(['relu+mul/vec4[2×6×5×8]']);
  expect([rows[0]?.flops, rows[0]?.bytes]).toEqual([2 * 480, 4 * 3 * 480]);
  plan.destroy();
});

describe('a kernel that cannot take work', () => {
  const head = 'struct Params { n: u32 }\n@group(0) @binding(0) var<uniform> p: Params;\n';
  const of = (body: string) =>
    readShader(
      'mine',
      `${head}@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n@compute fn main() { ${body} }`,
    );
  const nothing = { fields: [], variables: [], functions: [] };
  test('is refused by name', async () => {
    const stores = async (body: string) => withStores(await of(body), 'y', 'f', nothing);
    await expect(stores('y[0] += 1.0;')).rejects.toThrow(/mine: y must only be stored to/);
    await expect(stores('y[0] = y[1];')).rejects.toThrow(/mine: y must only be stored to/);
    await expect(stores('let a = 1;')).rejects.toThrow(/mine: no store/);
    expect((await stores('y[p.n] = 1.0;')).code).toContain('y[fused_at] = f(fused_at, 1.0);');
  });
});
