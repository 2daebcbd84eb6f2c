import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../src/autograd/gradients.js';
import type { Kernels, Launch, Variant } from '../src/autograd/kernel.js';
import { input } from '../src/autograd/leaves.js';
import { node as applied, type Op } from '../src/autograd/op.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { loadRooms } from '../src/bench/ops.js';
import { compile, plannedCalls } from '../src/compiler/compile.js';
import type { LaunchedCall } from '../src/compiler/kernel-call.js';
import { launchOf } from '../src/compiler/kernel-call.js';
import { kernelsOf, loadKernels } from '../src/compiler/load.js';
import type { CompileOptions } from '../src/compiler/options.js';
import { candidates, shapeClass } from '../src/compiler/shape-class.js';
import { choose, type TuneProgress, tune } from '../src/compiler/tune.js';
import { type Engine, GPU_BUFFER } from '../src/gpu/engine.js';
import { measure } from '../src/gpu/measure.js';
import { Tuning } from '../src/gpu/tuner.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { square } from '../src/kernels/elementwise/elementwise.js';
import { maxPool2d } from '../src/kernels/maxPool2d/maxPool2d.js';
import { rooms } from '../src/kernels/rooms.js';
import { slice } from '../src/kernels/slice/slice.js';
import { mean } from '../src/kernels/sum/sum.js';
import { sharedEngine } from './gpu.js';
import { launchesOf } from './passes.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});
afterEach(() => {
  engine.tuning = undefined;
});

/** Returns a convolution of n images of 8 × 8 with c channels and a 3 × 3 kernel. */
function layer(n: number, c: number, size = 8): { x: Tensor; y: Tensor } {
  const x = input('x', [n, size, size, c]);
  return { x, y: conv2d(x, input('w', [3, 3, c, 8]), { pad: 1 }) };
}

/** Returns a copy of an op with other kernels, which are loaded. */
async function withKernels(op: Op, kernels: Kernels): Promise<Op> {
  const copy: Op = { ...op, kernels: async () => ({ kernels }) };
  await loadKernels([copy], engine);
  return copy;
}

/** Returns a copy of an op of which one variant is launched in another way. */
function withLaunches(op: Op, name: string, edit: (launch: Launch) => Launch): Promise<Op> {
  const { variants, choose, candidates, ...rest } = kernelsOf(op, engine);
  const edited = new Map(
    variants.map((v): [Variant, Variant] => {
      if (v.name !== name) return [v, v];
      return [
        v,
        { name, launch: (call) => (typeof v.launch(call) === 'string' ? v.launch(call) : edit(launchOf(v, call))) },
      ];
    }),
  );
  const now = (v: Variant) => edited.get(v) ?? v;
  return withKernels(op, {
    ...rest,
    variants: variants.map(now),
    choose: (call) => ({ ...choose(call), variant: now(choose(call).variant) }),
    candidates: candidates && ((call) => candidates(call).map(now)),
  });
}

const callOf = (y: Tensor): LaunchedCall => {
  const calls = launchesOf(engine, { y }).filter((c) => c.op === y.node.op);
  expect(calls.length).toBe(1);
  return calls[0] as LaunchedCall;
};
const keyOf = (y: Tensor) => {
  const { op, kernel } = callOf(y);
  const { call } = kernel;
  return shapeClass(op, call, candidates(op, call));
};
const variantOf = async (y: Tensor, options?: CompileOptions) => {
  const plan = await compile(engine, { y }, options);
  const step = plan.steps.find((s) => s.call.op.name === 'conv2d');
  plan.destroy();
  return step?.call.kernel.variant.name;
};

describe('a shape class', () => {
  test('contains batches up to the next power of two, whatever the names of their inputs', () => {
    expect(keyOf(layer(3, 8).y)).toBe(keyOf(layer(4, 8).y));
    expect(keyOf(layer(5, 8).y)).toBe(keyOf(layer(8, 8).y));
    expect(keyOf(layer(4, 8).y)).not.toBe(keyOf(layer(5, 8).y));
  });

  test('differs for other channels, kernels, strides, padding or bias', () => {
    const x = input('x', [4, 8, 8, 8]);
    const w = input('w', [3, 3, 8, 8]);
    const calls = [
      layer(4, 8).y,
      layer(4, 12).y,
      conv2d(x, input('w', [3, 3, 8, 12]), { pad: 1 }),
      conv2d(x, input('w', [4, 4, 8, 8]), { pad: [1, 1, 2, 2] }),
      conv2d(x, input('w', [4, 4, 8, 8]), { pad: [2, 2, 1, 1] }),
      conv2d(x, w, { pad: 1, stride: 2 }),
      conv2d(x, w, { pad: 1, bias: input('b', [8]) }),
    ];
    expect(new Set(calls.map(keyOf)).size).toBe(calls.length);
  });

  test('differs for aligned and unaligned rows', () => {
    const key = (x: Tensor) => keyOf(maxPool2d(x, { kernel: 2 }));
    const whole = key(input('x', [4, 8, 8, 8]));
    expect(key(slice(input('wide', [4, 8, 8, 11]), 0, 8))).not.toBe(whole);
    expect(key(slice(input('wide', [4, 8, 8, 12]), 0, 8))).toBe(whole);
  });

  test('changes with a kernel, but not with its comments', async () => {
    const { op, kernel } = callOf(layer(4, 8).y);
    const { call } = kernel;
    const edited = (edit: (code: string) => string) =>
      withLaunches(op, 'scalar', (launch) => {
        const dispatches = launch.dispatches.map((d) => ({ ...d, shader: { ...d.shader, code: edit(d.shader.code) } }));
        return { ...launch, dispatches };
      });
    const key = (o: Op) => shapeClass(o, call, candidates(o, call));
    expect(candidates(op, call).map((v) => v.name)).toContain('scalar');
    expect(key(await edited((code) => `// another remark\n  ${code}`))).toBe(key(op));
    expect(key(await edited((code) => `${code}\nconst more = 1u;`))).not.toBe(key(op));
  });

  test('leaves naive kernels out, and puts the rule’s choice first', async () => {
    const { op, kernel } = callOf(layer(4, 8).y);
    const names = candidates(op, kernel.call).map((v) => v.name);
    expect(names.length).toBeGreaterThan(1);
    expect(names).not.toContain('naive');
    expect(names[0]).toBe(await variantOf(layer(4, 8).y));
  });
});

describe('a choice', () => {
  test('is the rule’s unless another is faster by more than 3 %', () => {
    expect(choose({ a: 100, b: 97.5, c: 200 }, 'a').variant).toBe('a');
    expect(choose({ a: 100, b: 96, c: 95 }, 'a').variant).toBe('c');
    expect(choose({ c: 50, a: 100 }, 'a')).toEqual({ variant: 'c', rule: 'a', times: { a: 100, c: 50 } });
  });

  test('is what compile runs unless a variant is given', async () => {
    const { y } = layer(4, 8);
    const { op, kernel } = callOf(y);
    const [rule, other, third] = candidates(op, kernel.call).map((v) => v.name);
    const wanted = other as string;
    const tuning = new Tuning(engine.adapter);
    tuning.set(keyOf(y), { variant: wanted, rule: rule as string, times: { [wanted]: 1 } });
    engine.tuning = tuning;
    expect(await variantOf(y)).toBe(wanted);
    expect(await variantOf(layer(3, 8).y)).toBe(wanted);
    expect(await variantOf(layer(4, 12).y)).not.toBe(wanted);
    const explicit = third ?? 'naive';
    expect(await variantOf(y, { variant: (o) => (o === 'conv2d' ? explicit : undefined) })).toBe(explicit);
  });

  test('that does not fit or is unknown gives way to the rule', async () => {
    const { node } = layer(4, 8).y;
    const { op } = node;
    const never: Variant = { name: 'never', launch: () => 'it never fits' };
    const kernels = kernelsOf(op, engine);
    const more = await withKernels(op, { ...kernels, variants: [never, ...kernels.variants] });
    const y = applied(more, node.inputs, node.attrs).outputs.y as Tensor;
    const { call } = callOf(y).kernel;
    const among = candidates(op, call).map((v) => v.name);
    expect(among.length).toBeGreaterThan(1);
    for (const variant of ['never', 'gone', among[1] as string]) {
      engine.tuning = new Tuning(engine.adapter);
      engine.tuning.set(keyOf(y), { variant, rule: among[0] as string, times: { [variant]: 1 } });
      expect(await variantOf(y)).toBe(variant === among[1] ? variant : among[0]);
    }
  });
});

describe('tune', () => {
  const quick = { samples: 1, sampleMs: 0.1 };
  const graph = (n: number) => {
    const { x, y } = layer(n, 8);
    const loss = mean(square(conv2d(y, input('v', [3, 3, 8, 4]), { pad: 1 })));
    const [gx] = gradients(loss, [x]);
    return { loss, gx: gx as Tensor };
  };

  test('chooses a candidate once for every call that has several, and compile then runs those', async () => {
    const made = engine.counters.buffers;
    const calls = await plannedCalls(engine, graph(4));
    expect(engine.counters.buffers, 'planning allocates nothing').toBe(made);
    const seen: TuneProgress[] = [];
    const first = await tune(engine, calls, { ...quick, onProgress: (p) => seen.push(p) });
    const open = calls.filter((c) => candidates(c.op, c.kernel.call).length > 1);
    expect(open.length).toBeGreaterThan(2);
    const { tuning } = engine;
    for (const { op, kernel } of open) {
      const { call } = kernel;
      const among = candidates(op, call);
      const names = among.map((v) => v.name).sort();
      const choice = tuning?.get(shapeClass(op, call, among));
      expect(names).toContain(choice?.variant);
      expect(choice?.rule).toBe(among[0]?.name);
      expect(Object.keys(choice?.times ?? {}).sort()).toEqual(names);
      expect(Object.values(choice?.times ?? {}).every((t) => t > 0)).toBe(true);
    }
    expect(first.timed).toBe(tuning?.size);
    expect(first.classes.reduce((n, c) => n + c.calls, 0)).toBe(open.length);
    expect(first.left).toBe(0);
    expect(seen.map((p) => p.done)).toEqual(seen.map((_, i) => i + 1));
    expect(seen.at(-1)?.total).toBe(first.timed);

    const { submits, pipelines } = engine.counters;
    for (const n of [4, 3]) {
      const again = await tune(engine, await plannedCalls(engine, graph(n)), quick);
      expect(again).toMatchObject({ timed: 0, left: 0 });
      expect(again.classes.map((c) => c.choice)).toEqual(first.classes.map((c) => c.choice));
    }
    expect(engine.counters, 'what is known is not timed again').toMatchObject({ submits, pipelines });

    const plan = await compile(engine, graph(4));
    const tuned = ({ op, kernel: { call } }: LaunchedCall) => {
      const among = candidates(op, call);
      return among.length > 1 ? tuning?.get(shapeClass(op, call, among))?.variant : undefined;
    };
    const launched = plan.steps.filter((s) => s.first && tuned(s.call)).map((s) => s.call);
    expect(launched.length).toBe(open.length);
    expect(launched.map((c) => c.kernel.variant.name)).toEqual(launched.map(tuned));
    plan.destroy();
  });

  test('frees its buffers, and times with the strides and offsets of the plan', async () => {
    const wide = input('wide', [2, 8, 8, 24]);
    const y = conv2d(slice(wide, 8, 16), input('w', [3, 3, 8, 8]), { pad: 1 });
    expect(callOf(y).kernel.call.arg.x).toMatchObject({ offset: 8, stride: 24 });
    const live = new Set<GPUBuffer>();
    const sizes: Record<string, number> = {};
    const { device } = engine;
    const create = device.createBuffer;
    device.createBuffer = (d) => {
      const buffer = create.call(device, d);
      live.add(buffer);
      sizes[d.label ?? ''] = d.size;
      const destroy = buffer.destroy;
      buffer.destroy = () => {
        live.delete(buffer);
        destroy.call(buffer);
      };
      return buffer;
    };
    try {
      const { timed, classes } = await tune(engine, await plannedCalls(engine, { y }), quick);
      expect(timed).toBe(1);
      expect(classes[0]?.refused).toEqual({});
      // The argument has 128 rows of 24, the last of which ends after the offset and eight channels, rounded up to 256
      // bytes.
      expect(sizes).toMatchObject({ 'tune conv2d x': 256 * Math.ceil((4 * (8 + 127 * 24 + 8)) / 256) });
      // Read-back buffers belong to the engine.
      expect([...live].filter((b) => !b.label.endsWith('read-back')).map((b) => b.label)).toEqual([]);
    } finally {
      device.createBuffer = create;
    }
  });

  test('drops a candidate that is three times slower at its second run', async () => {
    const { STORAGE, COPY_SRC, COPY_DST } = GPU_BUFFER;
    const [from, to] = [0, 1].map((i) => engine.buffer(`copy ${i}`, 2 ** 22, STORAGE | COPY_SRC | COPY_DST)) as [
      GPUBuffer,
      GPUBuffer,
    ];
    const counts = [0, 0];
    const work = [1, 60].map((copies, i) => ({
      encode: (encoder: GPUCommandEncoder) => {
        counts[i] = (counts[i] as number) + 1;
        for (let c = 0; c < copies; c++) encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
      },
    }));
    const [fast, slow] = await measure(engine, work, { samples: 4, sampleMs: 1e-3, hopeless: 3 });
    expect(counts).toEqual([6, 2]);
    expect([fast?.samples, slow?.samples]).toEqual([4, 1]);
    expect(slow?.median).toBeGreaterThan(3 * (fast?.median as number));
    for (const b of [from, to]) b.destroy();
  });

  test('starts nothing after its budget or an abort, and says how many classes are left', async () => {
    const calls = await plannedCalls(engine, graph(4));
    const none = await tune(engine, calls, { ...quick, budgetMs: -1 });
    expect(none).toMatchObject({ timed: 0, classes: [] });
    expect(none.left).toBeGreaterThan(2);
    expect(engine.tuning).toBeUndefined();
    const stop = new AbortController();
    const one = await tune(engine, calls, { ...quick, signal: stop.signal, onProgress: () => stop.abort() });
    expect(one).toMatchObject({ timed: 1, left: none.left - 1 });
  });

  test('leaves out a candidate that this device refuses, with the reason, but throws if it is the rule’s choice', async () => {
    const call = callOf(layer(2, 8).y);
    const [rule, other] = candidates(call.op, call.kernel.call).map((v) => v.name);
    const broken = async (name = ''): Promise<LaunchedCall> => {
      const op = await withLaunches(call.op, name, (launch) => {
        const dispatches = launch.dispatches.map((d) => {
          const code = `${d.shader.code}\nfn wrong() -> u32 { return 1.5; }`;
          return { ...d, shader: { ...d.shader, label: `broken/${name}`, code } };
        });
        return { ...launch, dispatches };
      });
      return { ...call, op };
    };
    const { classes } = await tune(engine, [await broken(other)], quick);
    expect(classes[0]?.refused[other as string]).toMatch(/return/);
    expect(classes[0]?.choice.times).not.toHaveProperty(other as string);
    await expect(tune(engine, [await broken(rule)], quick)).rejects.toThrow(/broken/);
  });
});
