import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompileOptions, compile, nodesOf } from '../src/autograd/compile.js';
import type { Call, Op } from '../src/autograd/op.js';
import type { TensorData } from '../src/autograd/tensor.js';
import {
  caseLeaves,
  checkFeeds,
  checkGraph,
  expectedOf,
  type Layout,
  layoutOptions,
  nmse,
  type Prepared,
  prepare,
} from '../src/bench/check-case.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError } from '../src/gpu/errors.js';
import { type Nd, nd, testNormal, testRandom } from '../src/kernels/oracle.js';
import { rooms } from '../src/kernels/rooms.js';
import { dot, norm } from './compare.js';
import { sharedEngine } from './gpu.js';

const MAX_NMSE = 1e-7;

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** Variants that exist, and those that some case ran. */
const known = new Map<string, Op>();
const ran = new Set<string>();

const spread = (gap: number): Layout => ({ name: `gap ${gap}`, margin: gap, gap });

async function runCase(p: Prepared, gap: number, options: CompileOptions = {}): Promise<void> {
  const layout = spread(gap);
  const plan = await compile(engine, checkGraph(p, layout), { ...layoutOptions(layout), ...options });
  try {
    for (const s of plan.steps) ran.add(`${s.op.name}/${s.variant}`);
    const feeds = checkFeeds(p, layout, plan);
    const once: Record<string, TensorData> = {};
    for (const round of [0, 1]) {
      plan.fillGuards();
      plan.run(feeds);
      for (const [name, t] of Object.entries(plan.outputs)) {
        const want = expectedOf(p, name);
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
function choices(p: Prepared): number {
  const ops = nodesOf(Object.values(checkGraph(p, spread(0)))).map((n) => n.op);
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
    const count = choices(p);
    for (let k = 0; k < count; k++) await runCase(p, 4, { variant: pick(k) });
    await runCase(p, 3);
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
      const attempt = () => room.build(caseLeaves(r, spread(0)), r.attrs);
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
