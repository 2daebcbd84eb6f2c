import { beforeAll, describe, expect, test } from 'vitest';
import type { TensorData } from '../src/autograd/tensor.js';
import { prepare } from '../src/bench/check-case.js';
import { composedComparison, composedGraph } from '../src/bench/composed.js';
import { compositions } from '../src/bench/compositions.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { UsageError } from '../src/gpu/errors.js';
import type { Nd } from '../src/kernels/oracle.js';
import type { Room } from '../src/kernels/room.js';
import { rooms } from '../src/kernels/rooms.js';
import { nmse } from './compare.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const composed = rooms.filter((r) => compositions.has(r.name));
const named = (name: string) => rooms.find((r) => r.name === name) as Room;

test('every composition belongs to an op', () => {
  expect(composed.map((r) => r.name).sort()).toEqual([...compositions.keys()]);
});

// Every pipeline of a composition belongs to one of its ops, whose own rooms check it on odd shapes.
describe.each(composed.map((r) => [r.name, r] as const))('the composition of %s', (_, room) => {
  test.each(room.cases.map((c) => [c.name, c] as const))(
    '%s: results and gradients equal those of the oracle',
    async (_n, c) => {
      const p = prepare(room, c);
      const feeds: Record<string, TensorData> = {};
      for (const [name, x] of Object.entries(p.inputs))
        feeds[name] = c.inputs[name]?.dtype === 'u32' ? Uint32Array.from(x.data) : Float32Array.from(x.data);
      for (const [name, g] of Object.entries(p.gy)) feeds[`gy_${name}`] = Float32Array.from(g.data);
      const graph = composedGraph(room, c, feeds, Object.keys(p.gradients));
      const plan = await compile(engine, graph.outputs);
      try {
        plan.run(Object.fromEntries(Object.entries(graph.feeds).filter(([n]) => plan.inputNames.includes(n))));
        for (const [name, want] of Object.entries(p.expected))
          expect(nmse(await plan.read(name), (want as Nd).data), name).toBeLessThanOrEqual(1e-7);
        for (const [name, want] of Object.entries(p.gradients))
          expect(nmse(await plan.read(`g_${name}`), (want as Nd).data), `g_${name}`).toBeLessThanOrEqual(1e-7);
      } finally {
        plan.destroy();
      }
    },
  );
});

describe('composedComparison', () => {
  test('times both sides, forward and in training, and compares their memory', async () => {
    const room = named('nearestNeighbourDistance');
    const c = { name: 'small', inputs: { generated: shape(16, 8), reference: shape(16, 8) }, attrs: { window: 3 } };
    const found = await composedComparison(engine, room, c, { samples: 1, sampleMs: 1 });
    for (const contest of [found.forward, found.training]) {
      if (!contest) throw new Error('a pass is missing');
      expect(contest.difference).toBeLessThanOrEqual(1e-7);
      expect(contest.timeRatio).toBe(contest.composed.times.median / contest.fused.times.median);
      expect(contest.composed.dispatches).toBeGreaterThan(contest.fused.dispatches);
    }
    // The forward pass stores a distance and a window position for every pixel, whatever the channels.
    expect(found.forward.fused.activations).toBe(2 * 4 * 16 * 8);
    // The backward pass needs all nine differences of the images.
    expect(found.training?.composed.activations).toBeGreaterThanOrEqual(9 * 4 * 16 * 8 * 8);
  });

  test('refuses an op without a composition before any GPU work', async () => {
    const room = named('relu');
    const [c] = room.cases;
    const { submits } = engine.counters;
    await expect(composedComparison(engine, room, c as (typeof room.cases)[number])).rejects.toThrow(UsageError);
    await expect(composedComparison(engine, room, c as (typeof room.cases)[number])).rejects.toThrow(
      /relu has no composition; choose one of bceWithLogits, deformableSkip, l1, nearestNeighbourDistance/,
    );
    expect(engine.counters.submits).toBe(submits);
  });
});

const shape = (height: number, width: number) => ({ shape: [1, height, width, 8] });
