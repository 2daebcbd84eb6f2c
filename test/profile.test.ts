import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { GROUPINGS, groupBy, type Profile, profilePlan } from '../src/bench/profile.js';
import { type TraceEvent, traceOf } from '../src/bench/trace.js';
import { main } from '../src/cli/main.js';
import { costOf } from '../src/compiler/cost.js';
import type { Engine } from '../src/gpu/engine.js';
import { modelConfig } from '../src/model/config.js';
import { Trainer } from '../src/model/trainer.js';
import { shareDevice, sharedEngine } from './gpu.js';

shareDevice();

const config = modelConfig({ preset: 'authors', size: 'small', ablation: 'dsc', width: 1 / 16 });
const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
const RUNS = 2;

let engine: Engine;
let trainer: Trainer;
let profile: Profile;
const counts: [number, number][] = [];
const zeros = () => Object.fromEntries(trainer.plan.inputNames.map((n) => [n, new Float32Array(sizes()[n] as number)]));
const sizes = (): Record<string, number> => {
  const pixels = config.height * config.width * 3;
  const { joints, parts } = config;
  return {
    ...{ source: pixels, target: pixels, sourceJoints: 2 * joints, targetJoints: 2 * joints },
    ...{ affine: 6 * parts, planes: 12 * parts },
  };
};

beforeAll(async () => {
  engine = await sharedEngine();
  trainer = await Trainer.create(engine, { config, seed: 1, batch: 1 });
  const { plan, phases } = trainer;
  const onRun = (done: number, total: number) => counts.push([done, total]);
  profile = await profilePlan(engine, plan, zeros(), { phases, runs: RUNS, hostRuns: 5, onRun });
});
afterAll(() => trainer.destroy());

describe('a profile of a training iteration', () => {
  test('has every dispatch once, with the costs of its node, and makes real runs', () => {
    expect(profile.dispatches.map((d) => d.step)).toEqual([...trainer.plan.steps]);
    expect(profile.dispatches.every((d) => d.ms > 0)).toBe(true);
    expect(profile.ms).toBeCloseTo(sum(profile.dispatches.map((d) => d.ms)), 9);
    const known = trainer.plan.steps.filter((s) => s.first && s.call.op.cost);
    const flops = sum(known.map((s) => costOf(s.call).flops as number));
    expect(sum(profile.dispatches.map((d) => d.flops))).toBe(flops);
    const queued = engine.software ? 0 : 5;
    expect(trainer.step).toBe(1 + 2 * RUNS + queued);
    expect(counts).toEqual([1, 2, 3, 4, 5].map((n) => [n, 5]));
    const { host, whole, profiled } = profile;
    expect(host.recordingAtRest.samples).toBe(5);
    const { run, inputs, recording, submission, readBack } = host;
    const samples = engine.software ? RUNS : 5;
    for (const part of [run, inputs, recording, submission, readBack]) expect(part.samples).toBe(samples);
    for (const part of [inputs, recording, submission, readBack]) expect(part.min).toBeGreaterThan(0);
    expect(run.max).toBeGreaterThanOrEqual(Math.max(inputs.max, recording.max, submission.max));
    expect([whole.samples, profiled.samples]).toEqual([RUNS, RUNS]);
    expect(profiled.max).toBeGreaterThan(profile.recording.dispatches.at(-1)?.end as number);
  });

  test.each(GROUPINGS)('adds up by %s to the whole', (by) => {
    const peaks = { gflops: 100, gbs: 10 };
    const groups = groupBy(profile, by, peaks);
    expect(sum(groups.map((g) => g.ms))).toBeCloseTo(profile.ms, 6);
    expect(sum(groups.map((g) => g.share))).toBeCloseTo(1, 9);
    expect(sum(groups.map((g) => g.dispatches))).toBe(trainer.plan.steps.length);
    expect(sum(groups.map((g) => g.calls))).toBe(trainer.plan.steps.filter((s) => s.first).length);
    expect(new Set(groups.map((g) => g.name)).size).toBe(groups.length);
    const flops = sum(profile.dispatches.map((d) => d.flops));
    expect(sum(groups.map((g) => (g.gflops ?? 0) * g.ms * 1e6)) / flops).toBeCloseTo(1, 9);
    for (const g of groups) expect(g.ofRoof).toBeCloseTo(Math.max((g.gflops ?? 0) / 100, (g.gbs ?? 0) / 10), 9);
    if (by !== 'phase') expect(groups.map((g) => g.ms)).toEqual(groups.map((g) => g.ms).sort((a, b) => b - a));
  });

  test('shows the phases in order, and the layer of each kernel', () => {
    expect(groupBy(profile, 'phase').map((g) => g.name)).toEqual([
      'generator forward',
      'discriminator forward',
      'discriminator backward',
      'optimiser',
      'generator losses',
      'generator backward',
      'results',
    ]);
    const phasesOf = (op: string, layer: string) =>
      profile.dispatches
        .filter((d) => d.step.first && d.step.call.op.name === op && d.layer === layer)
        .map((d) => d.phase);
    // The D step runs the real and the fake images as one batch, and the G step runs the fake ones again.
    expect(phasesOf('conv2d', 'discriminator.1')).toEqual(['discriminator forward', 'generator losses']);
    expect(phasesOf('conv2dWeightGradient', 'discriminator.1')).toEqual(['discriminator backward']);
    // The gradient of a transposed convolution's input is a convolution.
    expect(phasesOf('conv2d', 'generator/decoder.2')).toEqual(['generator backward']);
    expect(phasesOf('convTranspose2d', 'generator/decoder.2')).toEqual(['generator forward']);
    const weighted = profile.dispatches.filter((d) => d.step.call.op.name === 'conv2dWeightGradient' && d.step.first);
    const layers = [...trainer.sets.generator.names, ...trainer.sets.discriminator.names].filter((n) =>
      n.endsWith('.weight'),
    );
    const known = layers.map((n) => n.replace('.weight', '')).map((n) => (/^disc/.test(n) ? n : `generator/${n}`));
    expect(new Set(weighted.map((d) => d.layer))).toEqual(new Set(known));
    expect(profile.dispatches.filter((d) => d.layer === 'adam generator').map((d) => d.phase)).toContain('optimiser');
  });

  test('reports the memory, with moments apart from weights', () => {
    const { memory } = profile;
    const { peak, parameterSets, gradients, largestLiveSet } = trainer.plan.memory();
    const bytes = (pattern: RegExp) => sum(parameterSets.filter((s) => pattern.test(s.name)).map((s) => s.bytes));
    expect(memory.moments).toBe(bytes(/\.[mv]$/));
    expect(memory.moments).toBe(2 * memory.weights);
    expect(memory.weights).toBe(bytes(/^(generator|discriminator)$/));
    expect(memory.ratio).toBeCloseTo(peak / (3 * memory.weights + gradients + largestLiveSet), 9);
  });
});

describe('a trace', () => {
  const read = () => JSON.parse(JSON.stringify(traceOf(profile, { adapter: 'a "quoted" name' })));
  const tracks = (events: TraceEvent[], name: string) =>
    events.filter((e) => e.name === 'thread_name' && e.args.name === name).map((e) => e.tid);

  test('has every dispatch once, each after the end of the previous one, and all within a phase', () => {
    const events: TraceEvent[] = read().traceEvents;
    const gpu = events.filter((e) => e.ph === 'X' && tracks(events, 'GPU').includes(e.tid));
    expect(gpu.map((e) => e.args.dispatch)).toEqual(trainer.plan.steps.map((_, i) => i));
    for (const tid of tracks(events, 'GPU')) {
      const lane = gpu.filter((e) => e.tid === tid);
      for (const [i, e] of lane.entries()) {
        const before = lane[i - 1];
        expect(e.dur).toBeGreaterThan(0);
        // The clock counts nanoseconds, and the error of a float64 sum of microseconds is smaller than one.
        if (before) expect(e.ts).toBeGreaterThan((before.ts as number) + (before.dur as number) - 1e-3);
      }
    }
    const spans = profile.recording.dispatches;
    for (const [i, e] of gpu.entries()) {
      expect(e.dur).toBeCloseTo(1000 * ((spans[i]?.end as number) - (spans[i]?.begin as number)), 6);
      expect((e.ts as number) - (gpu[0]?.ts as number)).toBeCloseTo(1000 * (spans[i]?.begin as number), 3);
    }
    const phases = events.filter((e) => e.ph === 'X' && tracks(events, 'phase').includes(e.tid));
    for (const e of gpu) {
      const around = phases.filter((p) => (p.ts as number) <= (e.ts as number)).at(-1);
      expect(around?.name).toBe(e.args.phase);
    }
    const first = gpu.find((e) => e.args.op === 'conv2d');
    expect(first?.name).toMatch(/^conv2d\/\w+.*\[1×64×32×\d+\]$/);
    expect(first?.args).toMatchObject({ layer: 'generator/appearance.0', workgroups: expect.stringMatching(/×/) });
    expect(first?.args['GFLOP/s']).toBeGreaterThan(0);
  });

  test('shows the work of the host before the device started, and the live intermediates', () => {
    const events: TraceEvent[] = read().traceEvents;
    const host = events.filter((e) => e.ph === 'X' && tracks(events, 'host').includes(e.tid));
    expect(host.map((e) => e.name)).toEqual(['write inputs', 'encode', 'submit', 'wait']);
    const submit = host[2] as TraceEvent;
    const gpu = events.find((e) => e.args.dispatch === 0);
    expect(gpu?.ts).toBeCloseTo((submit.ts as number) + (submit.dur as number), 6);
    const live = events.filter((e) => e.ph === 'C').map((e) => e.args.MiB as number);
    expect(live.length).toBe(trainer.plan.steps.length);
    expect(Math.max(...live) * 2 ** 20).toBeLessThanOrEqual(profile.memory.largestLiveSet);
    expect(Math.max(...live) * 2 ** 20).toBeGreaterThan(0.5 * profile.memory.largestLiveSet);
    expect(Math.min(...live)).toBeGreaterThanOrEqual(0);
  });
});

test('a device without timestamps is refused before anything runs', async () => {
  const blind = Object.create(engine, { device: { value: { features: new Set() } } }) as Engine;
  const before = trainer.step;
  const refused = profilePlan(blind, trainer.plan, zeros());
  await expect(refused).rejects.toThrow(/timing needs the feature timestamp-query/);
  await expect(refused).rejects.toMatchObject({ name: 'AdapterError' });
  expect(trainer.step).toBe(before);
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  async function command(...args: string[]) {
    let [out, err] = ['', ''];
    vi.spyOn(console, 'log').mockImplementation((line) => {
      out += `${line}\n`;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += text;
      return true;
    });
    const code = await main(['profile', ...args]).finally(() => vi.restoreAllMocks());
    return { code, out, err };
  }

  test.each([
    [['--by', 'colour'], /--by must be one of kernel, op, layer, phase, got "colour"/],
    [['--runs', '0'], /--runs must be a whole number of at least 1, got "0"/],
    [['--top', 'x'], /--top must be a whole number/],
    [['--size', 'huge'], /there is no size huge; known are market, small, fashion/],
    [['--trace', 'step.txt'], /--trace must name a .json file, got "step.txt"/],
    [['--features', 'resnet'], /there are no features "resnet"/],
    [['market'], /the command does not take "market"/],
  ])('%j is wrong usage', async (args, message) => {
    const { code, out, err } = await command(...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(out).toBe('');
  });

  test('profiles the generator alone, as JSON and as a trace', async () => {
    const path = join(folder, 'step.json');
    const small = ['--preset', 'authors', '--size', 'small', '--width', '0.0625', '--batch', '1', '--runs', '1'];
    const { code, out } = await command(
      ...small,
      '--generate',
      '--by',
      'layer',
      '--top',
      '3',
      '--json',
      '--trace',
      path,
    );
    expect(code).toBe(0);
    const result = JSON.parse(out);
    expect(result).toMatchObject({ by: 'layer', runs: 1, adapter: engine.adapterName });
    expect(result.groups.length).toBe(3);
    expect(result.phases.map((p: { name: string }) => p.name)).toEqual(['generator forward']);
    expect(result.phases[0].share).toBeCloseTo(1, 9);
    expect(result.peaks.gflops).toBeGreaterThan(0);
    expect(result.memory).toMatchObject({ moments: 0, gradients: 0 });
    const { traceEvents, otherData } = JSON.parse(readFileSync(path, 'utf8'));
    expect(otherData).toMatchObject({ adapter: engine.adapterName, what: 'generator, batch 1, 64×32' });
    const dispatches = traceEvents.filter((e: TraceEvent) => e.args.dispatch !== undefined);
    expect(dispatches.length).toBe(result.dispatches);
  });
});
