import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { deviation, deviationOnCases } from '../src/bench/accuracy.js';
import { parseBench } from '../src/bench/document.js';
import { knownOps, loadRooms } from '../src/bench/ops.js';
import { Suite, selectedCases, selects } from '../src/bench/suite.js';
import { caseText, suspicious } from '../src/bench/text.js';
import { bench } from '../src/cli/bench.js';
import { runCommand } from '../src/cli/command.js';
import { clockOf, stepOf, timingText } from '../src/gpu/clock.js';
import { Engine } from '../src/gpu/engine.js';
import { UsageError } from '../src/gpu/errors.js';
import { geometricMean, measure, summarise } from '../src/gpu/measure.js';
import type { Room } from '../src/kernels/room.js';
import { rooms } from '../src/kernels/rooms.js';
import { shareDevice, sharedEngine } from './gpu.js';

shareDevice();

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

/** Returns the room of an op with one small case to time. */
function tiny(name: string): Room {
  const room = rooms.find((r) => r.name === name) as Room;
  return {
    ...room,
    bench: [room.cases.find((c) => !c.kink && c.name.includes('2×3×5×8')) ?? room.cases[1]].slice(
      0,
      1,
    ) as Room['cases'],
  };
}

describe('times', () => {
  test('median, quartiles and extremes are right, even if they lie between two samples', () => {
    expect(summarise([5, 1, 4, 2, 3])).toMatchObject({ median: 3, q1: 2, q3: 4, min: 1, max: 5, samples: 5 });
    expect(summarise([4, 1, 2, 3])).toMatchObject({ median: 2.5, q1: 1.75, q3: 3.25 });
    expect(summarise([7])).toMatchObject({ median: 7, q1: 7, q3: 7, samples: 1 });
    expect(geometricMean([2, 8])).toBeCloseTo(4);
  });

  test('work that exceeds its budget is timed by one run', async () => {
    const [from, to] = [engine.buffer('from', 2 ** 20, 0x4), engine.buffer('to', 2 ** 20, 0x8)];
    const work = { encode: (e: GPUCommandEncoder) => e.copyBufferToBuffer(from, 0, to, 0, 2 ** 20) };
    const [once] = await measure(engine, [work], { samples: 3, budgetMs: 0 });
    const [thrice] = await measure(engine, [work], { samples: 3, sampleMs: 0.1 });
    expect(once).toMatchObject({ samples: 1, repeats: 1 });
    expect(once?.median).toBe(once?.first);
    expect(thrice?.samples).toBe(3);
    from.destroy();
    to.destroy();
  });
});

/** Returns an engine whose device seems to lack `timestamp-query`. */
function withoutTimestamps(): Engine {
  const features = new Set([...engine.device.features].filter((f) => f !== 'timestamp-query'));
  const device = new Proxy(engine.device, {
    get: (of, key) => {
      if (key === 'features') return features;
      const value: unknown = Reflect.get(of, key, of);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
  return new Engine(device, { software: engine.software });
}

describe('clocks', () => {
  test('the step of timestamps is the number that all of them are multiples of', () => {
    const coarse = [7n, 12n, 3n, 41n, 8n].map((k) => 12345n + k * 65536n);
    expect(stepOf(coarse)).toBe(65536);
    expect(stepOf([...coarse, 12346n])).toBe(1);
    expect(stepOf([5n, 5n, 5n])).toBe(1e5);
    expect(timingText({ source: 'timestamps', stepMs: 0.065536 })).toContain('in steps of 66 µs');
    expect(timingText({ source: 'timestamps', stepMs: 1e-6 })).toBe('Timed by GPU timestamps.');
  });

  test('without timestamps, the wall clock times work, and says so', async () => {
    const plain = withoutTimestamps();
    expect((await clockOf(engine)).source).toBe('timestamps');
    const clock = await clockOf(plain);
    expect(clock.source).toBe('wall clock');
    expect(timingText(clock)).toMatch(/wall clock.*no timestamp-query/);
    const size = 2 ** 24;
    const [from, to] = [engine.buffer('from', size, 0x4), engine.buffer('to', size, 0x8)];
    const copy = (bytes: number) => ({
      encode: (e: GPUCommandEncoder) => e.copyBufferToBuffer(from, 0, to, 0, bytes),
    });
    // How long the copies take depends on what else the machine does, so only the form of the times is known.
    for (const t of await measure(plain, [copy(size / 8), copy(size)], { samples: 5 })) {
      expect([t.samples, Number.isInteger(t.repeats)]).toEqual([5, true]);
      expect(t.repeats).toBeGreaterThanOrEqual(1);
      expect(t.min).toBeGreaterThan(0);
      expect([t.min, t.q1, t.median, t.q3, t.max]).toEqual([t.min, t.q1, t.median, t.q3, t.max].sort((a, b) => a - b));
    }
    from.destroy();
    to.destroy();
  });

  test('a whole case can be timed without timestamps', async () => {
    const suite = await Suite.open(withoutTimestamps(), [tiny('relu')], { filter: 'relu naive', samples: 1 });
    const [first] = suite.cases;
    if (!first) throw new Error('no case');
    const { rows } = await suite.run(first);
    suite.destroy();
    expect(suite.timing.source).toBe('wall clock');
    expect(rows.length).toBeGreaterThan(0);
    for (const r of rows) {
      expect(r.speed?.times.median).toBeGreaterThan(0);
      expect(r.first?.runMs).toBeGreaterThan(0);
      expect(r.error?.nmse).toBeLessThan(1e-12);
    }
  });
});

test('kernels that need aligned rows are timed on five channels, too, as a plan would run them', async () => {
  const five = {
    name: 'five channels',
    attrs: { pad: 1 },
    inputs: { x: { shape: [1, 6, 7, 5] }, w: { shape: [3, 3, 5, 8] } },
  };
  const room = { ...(rooms.find((r) => r.name === 'conv2d') as Room), bench: [five] };
  const suite = await Suite.open(engine, [room], { filter: 'conv2d five', samples: 1 });
  const { rows } = await suite.run(suite.cases[0] as (typeof suite.cases)[0]);
  suite.destroy();
  expect(rows.some((r) => r.chosen)).toBe(true);
  expect(rows.filter((r) => r.untimed)).toEqual([]);
  for (const r of rows) expect(r.error?.nmse).toBeLessThan(1e-7);
}, 120_000);

describe('deviation', () => {
  test('mean and largest error are right, and an error that is not finite is null, not 0', () => {
    expect(deviation([1, 2, 2], [1, 2, 4])).toEqual({ nmse: 4 / 21, max: 0.5 });
    expect(deviation([0, 0], [0, 0])).toEqual({ nmse: 0, max: 0 });
    expect(deviation([1, Number.NaN], [1, 2])).toEqual({ nmse: null, max: null });
    expect(deviation([1, 0], [0, 0])).toEqual({ nmse: null, max: null });
    expect(deviation([1], [1, 2]).nmse).toBeNull();
  });

  test('a variant is checked on the small cases that it can run, and a wrong oracle is noticed', async () => {
    const { op, uses } = knownOps(rooms).get('leakyRelu') ?? {};
    if (!op || !uses) throw new Error('leakyRelu is not an op');
    const own = uses.filter((u) => u.room.name === 'leakyRelu');
    const vec4 = await deviationOnCases(engine, own, op, 'vec4');
    const naive = await deviationOnCases(engine, own, op, 'naive');
    expect(naive?.cases).toBe(own.length);
    expect(vec4?.cases).toBeLessThan(own.length);
    for (const found of [vec4, naive]) expect(found?.nmse).toBeLessThan(1e-12);
    const wrong = own.map(({ room, ...use }) => {
      const forward: Room['forward'] = (inputs, attrs) => {
        const { y } = room.forward(inputs, attrs);
        return { y: { shape: y?.shape ?? [], data: (y?.data ?? new Float64Array()).map((v) => v + 1) } };
      };
      return { ...use, room: { ...room, forward } };
    });
    expect((await deviationOnCases(engine, wrong, op, 'naive'))?.nmse).toBeGreaterThan(0.01);
    expect(await deviationOnCases(engine, [], op, 'naive')).toBeUndefined();
  });
});

describe('suite', () => {
  test('a case gives a row for every variant that can run it, timed and checked, with the chosen one marked', async () => {
    const suite = await Suite.open(engine, [tiny('instanceNorm')], { samples: 2 });
    try {
      expect(suite.peaks.gflops).toBeGreaterThan(0);
      expect(suite.peaks.gbs).toBeGreaterThan(0);
      const [s] = suite.cases;
      if (!s) throw new Error('no case');
      const result = await suite.run(s);
      const ops = new Set(result.rows.map((r) => r.op));
      expect([...ops]).toContain('instanceNorm');
      expect([...ops].some((o) => o.includes('Gradient'))).toBe(true);
      for (const op of ops) expect(result.rows.filter((r) => r.op === op && r.chosen).length, op).toBeGreaterThan(0);
      for (const r of result.rows) {
        const { speed, first, error } = r;
        if (!speed || !first || !error) throw new Error(`${r.op}/${r.variant} is not whole: ${JSON.stringify(r)}`);
        expect(speed.times.median).toBeGreaterThan(0);
        expect(speed.times.samples).toBe(2);
        expect(speed.gbs).toBeCloseTo(r.bytes / speed.times.median / 1e6);
        expect(speed.share.roof).toBeGreaterThan(0);
        expect(first.runMs).toBeGreaterThan(0);
        expect(error.oracle).toBe('this case');
        expect(error.nmse, `${r.op}/${r.variant}`).toBeLessThan(1e-9);
      }
      expect(caseText(result)).toMatch(/instanceNorm +\S+ \*/);
      expect(suspicious(result.rows)).toEqual([]);
      // A second run of the same case finds its pipelines.
      const again = await suite.run(s);
      expect(again.rows.map((r) => r.first?.pipelines)).toEqual(again.rows.map(() => 0));
    } finally {
      suite.destroy();
    }
  });

  test('a case too large for the oracle is checked on small ones and against the simplest variant', async () => {
    const suite = await Suite.open(engine, [tiny('tanh')], { samples: 1, oracleLimit: 0 });
    try {
      const { rows } = await suite.run(suite.cases[0] as Suite['cases'][number]);
      const forward = rows.filter((r) => r.op === 'tanh');
      expect(forward.map((r) => r.variant)).toEqual(['vec4', 'naive']);
      for (const r of forward) {
        expect(r.error).toMatchObject({ oracle: 'cases' });
        expect(r.error?.cases).toBeGreaterThan(0);
        expect(r.error?.nmse).toBeLessThan(1e-9);
      }
      expect(forward.map((r) => r.error?.beside?.variant)).toEqual(['naive', undefined]);
      expect(forward[0]?.error?.beside?.nmse).toBeLessThan(1e-9);
    } finally {
      suite.destroy();
    }
  });

  test('a variant that would take too long is left out with the reason, unless it is the chosen one', async () => {
    const suite = await Suite.open(engine, [tiny('relu')], { samples: 1, longestRun: 1e-9 });
    try {
      const s = suite.cases[0] as Suite['cases'][number];
      await suite.run(s);
      const { rows } = await suite.run(s);
      const [chosen, other] = [rows.find((r) => r.chosen), rows.find((r) => !r.chosen)];
      expect(chosen?.speed).toBeDefined();
      expect(other?.speed).toBeUndefined();
      expect(other?.untimed).toMatch(/a run would take .* s at its best speed so far/);
      expect(other?.error).toMatchObject({ oracle: 'cases' });
    } finally {
      suite.destroy();
    }
  });

  test('it filters by words of room, case, op and variant', () => {
    expect(selects('conv2d naive', 'conv2d', '4×8', 'conv2d', 'naive')).toBe(true);
    expect(selects('CONV2D 4x8', 'conv2d', '4×8', 'conv2d', 'naive')).toBe(true);
    expect(selects('conv2d tiled', 'conv2d', '4×8', 'conv2d', 'naive')).toBe(false);
    const found = selectedCases(rooms, 'leakyRelu/vec4');
    expect(found.length).toBeGreaterThan(0);
    for (const { kernels } of found) expect(kernels).toEqual([{ op: 'leakyRelu', variant: 'vec4' }]);
  });

  test('a filter that matches nothing and a run without samples are refused before any GPU work', async () => {
    await expect(Suite.open(engine, rooms, { filter: 'nothing like it' })).rejects.toThrow(
      /no case or kernel matches "nothing like it".*Rooms with cases are .*conv2d/,
    );
    await expect(Suite.open(engine, rooms, { filter: 'nothing like it' })).rejects.toThrow(UsageError);
    await expect(Suite.open(engine, rooms, { samples: 0 })).rejects.toThrow(/at least 1, got 0/);
  });

  test('every room that an op of the model has can be timed', () => {
    const timed = new Set(selectedCases(rooms).map((s) => s.room.name));
    for (const name of [
      'conv2d',
      'convTranspose2d',
      'instanceNorm',
      'relu',
      'leakyRelu',
      'tanh',
      'add',
      'dropout',
      'mean',
    ])
      expect(timed).toContain(name);
  });
});

describe('command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  afterEach(() => vi.restoreAllMocks());

  async function said(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const [out, err]: [string[], string[]] = [[], []];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void out.push(line));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => void err.push(String(text)) === undefined);
    const code = await runCommand(bench, args);
    vi.restoreAllMocks();
    return { code, out: out.join('\n'), err: err.join('') };
  }

  test.each([
    [['--samples', '0'], /--samples must be a whole number of at least 1, got "0"/],
    [['--filter', 'no such kernel'], /no case or kernel matches "no such kernel".*conv2d/],
    [['--compare', join(folder, 'none.json')], /cannot read the benchmark .*none\.json/],
    [['--out', folder], /--out .* is a folder/],
    [['--limit', '0'], /--limit must be a positive number/],
    [['conv2d'], /the command does not take "conv2d"/],
    [['--nonsense'], /--nonsense.*--help/],
  ])('%j is refused', async (args, error) => {
    const { code, out, err } = await said(...args);
    expect(code).toBe(2);
    expect(err).toMatch(error);
    expect(out).toBe('');
  });

  test('--list times nothing', async () => {
    const { code, out } = await said('--list', '--filter', 'tile', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toContainEqual(expect.objectContaining({ room: 'tile', case: '4×64 to 4×2' }));
  });

  test('it writes a document and a page, and compares a document with itself', async () => {
    const [json, page] = [join(folder, 'a.json'), join(folder, 'a.html')];
    const args = ['--filter', 'bceWithLogits 4x2x1', '--samples', '1'];
    const first = await said(...args, '--out', json, '--html', page);
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/peaks: .* GFLOP\/s.*\n\nbceWithLogits: /);
    const doc = parseBench(readFileSync(json, 'utf8'), json);
    expect(doc.complete).toBe(true);
    expect(doc.rows.length).toBeGreaterThan(1);
    expect(readFileSync(page, 'utf8')).toContain('bceWithLogitsGradient');
    writeFileSync(json, JSON.stringify({ ...doc, host: { ...doc.host, node: 'v1' } }));
    const second = await said(...args, '--compare', json, '--json');
    const found = JSON.parse(second.out);
    expect(found.comparison.rows.length).toBe(doc.rows.filter((r) => r.speed).length);
    expect(found.comparison.differences).toEqual([`node: v1 then, ${process.version} now`]);
    rmSync(folder, { recursive: true });
  });
});
