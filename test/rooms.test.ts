import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompileOptions, compile, nodesOf } from '../src/autograd/compile.js';
import { vectorJacobian } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import type { Call, Op } from '../src/autograd/op.js';
import type { Tensor, TensorData } from '../src/autograd/tensor.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError } from '../src/gpu/errors.js';
import { type Nd, nd, testNormal, testRandom } from '../src/kernels/oracle.js';
import type { Case, InputSpec, Room } from '../src/kernels/room.js';
import { rooms } from '../src/kernels/rooms.js';
import { slice } from '../src/kernels/slice/slice.js';
import { dot, nmse, norm } from './compare.js';
import { sharedEngine } from './gpu.js';

const MAX_NMSE = 1e-7;

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** Variants that exist, and those that some case ran. */
const known = new Map<string, Op>();
const ran = new Set<string>();

function data(specs: Readonly<Record<string, InputSpec>>, seed: number): Record<string, Nd> {
  const random = testRandom(seed);
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, fill, dtype }]) => [
      name,
      nd(shape, (i) => {
        const v = fill ? fill(i, random) : testNormal(random);
        return dtype === 'u32' ? v : Math.fround(v);
      }),
    ]),
  );
}

/**
 * Graph inputs for a case. With a margin, an f32 input is the middle of a wider one, so that kernels read it at an offset and
 * with a stride; what lies beside it is NaN.
 */
const leavesOf = (specs: Readonly<Record<string, InputSpec>>, margin = 0): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(specs).map(([n, s]) => [n, leafOf(n, s, margin)]));

function leafOf(name: string, { shape, dtype }: InputSpec, margin: number): Tensor {
  if (dtype === 'u32' || !margin) return input(name, shape, dtype);
  const channels = shape[shape.length - 1] ?? 1;
  const wide = input(name, [...shape.slice(0, -1), channels + 2 * margin]);
  return slice(wide, margin, margin + channels);
}

function toDevice(x: Nd, dtype: InputSpec['dtype'], margin: number): TensorData {
  if (dtype === 'u32') return Uint32Array.from(x.data);
  const channels = x.shape[x.shape.length - 1] ?? 1;
  const stride = channels + 2 * margin;
  const wide = new Float32Array((x.data.length / channels) * stride).fill(Number.NaN);
  for (const [i, v] of x.data.entries()) wide[Math.floor(i / channels) * stride + margin + (i % channels)] = v;
  return wide;
}

function upstream(results: Record<string, Nd>, seed: number): Record<string, Nd> {
  const random = testRandom(seed);
  return Object.fromEntries(
    Object.entries(results).map(([n, y]) => [n, nd(y.shape, () => Math.fround(testNormal(random)))]),
  );
}

interface Prepared {
  c: Case;
  inputs: Record<string, Nd>;
  expected: Record<string, Nd>;
  gy: Record<string, Nd>;
  gradients: Record<string, Nd>;
}

function prepare(room: Room, c: Case): Prepared {
  const inputs = data(c.inputs, 7);
  const expected = room.forward(inputs, c.attrs);
  const gy = upstream(expected, 11);
  return { c, inputs, expected, gy, gradients: room.backward?.(inputs, c.attrs, gy) ?? {} };
}

function graph(room: Room, { c, expected, gradients }: Prepared, margin = 0) {
  const leaves = leavesOf(c.inputs, margin);
  const results = room.build(leaves, c.attrs);
  const names = Object.keys(expected);
  const wanted = Object.keys(gradients);
  const outputs: Record<string, Tensor> = Object.fromEntries(names.map((n) => [n, results[n] as Tensor]));
  if (wanted.length) {
    const gys = names.map((n) => leafOf(`gy_${n}`, { shape: (expected[n] as Nd).shape }, margin));
    const gs = vectorJacobian(
      Object.values(outputs),
      gys,
      wanted.map((n) => leaves[n] as Tensor),
    );
    for (const [i, n] of wanted.entries()) outputs[`g_${n}`] = gs[i] as Tensor;
  }
  return outputs;
}

async function runCase(room: Room, p: Prepared, options: CompileOptions): Promise<void> {
  const margin = options.guard?.gap ?? 0;
  const plan = await compile(engine, graph(room, p, margin), options);
  try {
    for (const s of plan.steps) ran.add(`${s.op.name}/${s.variant}`);
    const feeds: Record<string, TensorData> = {};
    for (const [n, x] of Object.entries(p.inputs))
      if (plan.inputNames.includes(n)) feeds[n] = toDevice(x, p.c.inputs[n]?.dtype, margin);
    for (const [n, g] of Object.entries(p.gy))
      if (plan.inputNames.includes(`gy_${n}`)) feeds[`gy_${n}`] = toDevice(g, 'f32', margin);
    const once: Record<string, TensorData> = {};
    for (const round of [0, 1]) {
      plan.fillGuards();
      plan.run(feeds);
      for (const [name, t] of Object.entries(plan.outputs)) {
        const want = (name.startsWith('g_') ? p.gradients[name.slice(2)] : p.expected[name]) as Nd;
        const got = t.dtype === 'u32' ? await plan.readUint(t) : await plan.read(t);
        if (t.dtype === 'u32') expect(got, `${name} of ${p.c.name}`).toEqual(Uint32Array.from(want.data));
        else expect(nmse(got, want.data), `${name} of ${p.c.name}`).toBeLessThanOrEqual(MAX_NMSE);
        if (round === 0) once[name] = got;
        else expect(got, `${name} must have the same bits every time`).toEqual(once[name]);
      }
      expect(await plan.guardViolations()).toEqual([]);
    }
  } finally {
    plan.destroy();
  }
}

/** Every choice of variants that fits the case, the k-th of each op. */
function choices(room: Room, p: Prepared): number {
  const ops = nodesOf(Object.values(graph(room, p))).map((n) => n.op);
  for (const op of ops) if (op.variants.length) known.set(op.name, op);
  return Math.max(1, ...ops.map((o) => o.variants.length));
}

const pick = (k: number) => (op: string, call: Call) => {
  const fitting = known.get(op)?.variants.filter((v) => !v.rejects?.(call)) ?? [];
  return fitting[k % Math.max(1, fitting.length)]?.name;
};

describe.each(rooms.map((r) => [r.name, r] as const))('%s', (_, room) => {
  test.each(room.cases.map((c) => [c.name, c] as const))('%s: every variant equals the oracle', async (_name, c) => {
    const p = prepare(room, c);
    const count = choices(room, p);
    for (let k = 0; k < count; k++) await runCase(room, p, { variant: pick(k), guard: { gap: 4 } });
    await runCase(room, p, { guard: { gap: 3 } });
  });

  if (room.backward) {
    const smooth = room.cases.filter((c) => !c.kink);
    test.each(smooth.map((c) => [c.name, c] as const))(
      '%s: the oracle’s gradient equals finite differences',
      (_name, c) => {
        const p = prepare(room, c);
        const step = 1e-6;
        for (const [name, g] of Object.entries(p.gradients)) {
          for (let seed = 0; seed < 3; seed++) {
            const random = testRandom(100 + seed);
            const v = nd(g.shape, () => testNormal(random));
            const moved = (sign: number) => {
              const x = p.inputs[name] as Nd;
              const inputs = {
                ...p.inputs,
                [name]: nd(x.shape, (i) => (x.data[i] as number) + sign * step * (v.data[i] as number)),
              };
              const y = room.forward(inputs, c.attrs);
              return Object.entries(p.gy).reduce((s, [n, gy]) => s + dot(gy, y[n] as Nd), 0);
            };
            const numeric = (moved(1) - moved(-1)) / (2 * step);
            const scale = (norm(g) * norm(v)) / Math.sqrt(v.data.length) + 1e-3;
            expect(Math.abs(numeric - dot(g, v)) / scale, `g_${name} of ${c.name}`).toBeLessThan(1e-5);
          }
        }
      },
    );
  }

  if (room.refuses.length)
    test.each(room.refuses.map((r) => [String(r.error), r] as const))('refuses with %s', (_name, r) => {
      const attempt = () => room.build(leavesOf(r.inputs), r.attrs);
      expect(attempt).toThrow(ShapeError);
      expect(attempt).toThrow(r.error);
    });
  else test('says what it refuses', () => expect(room.refuses.length).toBeGreaterThan(0));
});

afterAll(() => {
  const missed = [...known.values()]
    .flatMap((op) => op.variants.map((v) => `${op.name}/${v.name}`))
    .filter((v) => !ran.has(v));
  expect(missed, 'variants that no case ran').toEqual([]);
});
