import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { contractOf, exampleSource, meaningOf } from '../src/bench/contract.js';
import { knownOps, loadRooms, variantsOf } from '../src/bench/ops.js';
import { checkKernel } from '../src/bench/user-check.js';
import { userKernel } from '../src/bench/user-kernel.js';
import { contractText } from '../src/bench/user-text.js';
import { timeKernel } from '../src/bench/user-time.js';
import { bench } from '../src/cli/bench.js';
import { main } from '../src/cli/main.js';
import type { Engine } from '../src/gpu/engine.js';
import { rooms, terms } from '../src/kernels/rooms.js';
import { originalSource } from '../src/node/shader-sources.js';
import { shareDevice, sharedEngine } from './gpu.js';
import { plainCalls } from './plain-calls.js';

shareDevice();

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

const conv = readFileSync('shaders/conv2d/naive.wgsl', 'utf8');
const GRID = 'grid(y.rows * y.channels, 64)';

test('the contract explains every name of every launch, and the layout of every dimension', () => {
  const silent: string[] = [];
  for (const [name, { op }] of knownOps(rooms)) {
    for (const t of Object.keys({ ...op.args, ...op.results }))
      if (!terms.get(name)?.layout[t]) silent.push(`${name}: layout of ${t}`);
    for (const call of plainCalls(engine, name))
      for (const software of [true, false])
        for (const subgroupSize of [4, 8]) {
          const there = { ...call, device: { ...call.device, software, subgroupSize } };
          for (const variant of variantsOf(op)) {
            const launch = variant.launch(there);
            if (typeof launch === 'string') continue;
            const { dispatches, scratch } = launch;
            const given = dispatches.flatMap(({ shader, params, constants }) => [
              ...[...shader.params.map((p) => p.name), ...Object.keys(params ?? {})].filter(
                (n) => !/_(offset|stride)$/.test(n),
              ),
              ...shader.overrides.map((o) => o.name),
              ...Object.keys(constants ?? {}),
            ]);
            for (const n of [...given, ...Object.keys(scratch ?? {})])
              if (!meaningOf(op, n)) silent.push(`${name}/${variant.name}: ${n}`);
          }
        }
  }
  expect([...new Set(silent)]).toEqual([]);
});

test('a contract lists the fields with values of an example, and its text and example are complete', () => {
  const contract = contractOf(engine, rooms, 'conv2d');
  expect(contract.formula).toMatch(/^y\[n, i, j, o\] = Σ/);
  expect(contract.tensors).toMatchObject([
    { name: 'x', kind: 'argument', dtype: 'f32', layout: 'N H W C', strided: true },
    { name: 'w', layout: 'KH KW C O', strided: false },
    { name: 'bias', kind: 'optional argument' },
    { name: 'y', kind: 'result', layout: 'N Ho Wo O' },
  ]);
  const [, , , C] = contract.tensors[0]?.shape ?? [];
  expect(contract.names.find((n) => n.name === 'C')).toEqual({
    name: 'C',
    kind: 'param',
    type: 'u32',
    value: C,
    meaning: 'number of channels of x',
  });
  expect(contract.others.find((n) => n.name === 'partials')).toMatchObject({ kind: 'scratch' });
  expect(contract.device.limits.maxComputeInvocationsPerWorkgroup).toBeGreaterThanOrEqual(256);
  expect(contract.example).toBe(conv);
  for (const { name } of [...contract.names, ...contract.others, ...contract.variants])
    expect(contractText(contract)).toContain(name);
  expect(() => contractOf(engine, rooms, 'conv4d')).toThrow(/there is no op conv4d; choose one of/);
  expect(() => exampleSource(engine, rooms, 'sum', { like: 'split' })).toThrow(/sum\/split has 2 kernels.*--part 1/);
});

test('a source is found as it was written, although the build strips it', () => {
  const strip = (code: string) =>
    code
      .split('\n')
      .map((l) => l.replace(/\/\/.*$/, '').trim())
      .filter(Boolean)
      .join('\n');
  expect(originalSource(strip(conv))).toBe(conv);
  const leaky = exampleSource(engine, rooms, 'leakyRelu');
  expect(originalSource(strip(leaky)).trimEnd()).toBe(leaky.trimEnd());
  expect(originalSource('fn other() {}')).toBe('fn other() {}');
});

test('a kernel is timed beside those of this package and compared with them at full size', async () => {
  const own = (code: string) =>
    userKernel(engine, rooms, { op: 'copy', like: 'scalar', sources: [{ name: 'my.wgsl', code }] });
  const code = exampleSource(engine, rooms, 'copy');
  const result = await timeKernel(engine, await own(code), { filter: '4x16x8x512', samples: 2 });
  expect(result).toMatchObject({ passed: true, refused: [] });
  const [timed] = result.cases;
  expect(timed?.rows.map((r) => [r.variant, r.yours])).toEqual([
    ['my.wgsl', true],
    ['vec4', false],
    ['scalar', false],
  ]);
  expect(timed?.rows.filter((r) => r.chosen)).toHaveLength(1);
  for (const { speed, ratio } of timed?.rows ?? []) {
    expect(speed.times.median).toBeGreaterThan(0);
    expect(ratio).toBeCloseTo(speed.times.median / (timed?.rows[0]?.speed.times.median ?? 0), 10);
  }
  // This kernel is wrong only beyond the size of every small case.
  const large = await own(code.replace(/= x\[(.*)\];/, '= x[$1] + select(0u, 0x00800000u, i == 200000u);'));
  expect(await checkKernel(engine, large)).toMatchObject({ passed: true });
  const { passed, cases } = await timeKernel(engine, large, { filter: '4x16x8x512', samples: 2 });
  expect(passed).toBe(false);
  expect(cases[0]?.wrong).toMatchObject({ result: 'y', index: 200000, differing: 1 });
  await expect(timeKernel(engine, large, { filter: '9x9' })).rejects.toThrow(/no case to time copy on contains "9x9"/);
});

describe('pose-gan bench', () => {
  let folder = '';
  afterEach(() => {
    vi.restoreAllMocks();
    if (folder) rmSync(folder, { recursive: true });
    folder = '';
  });
  const file = (code: string) => {
    folder = mkdtempSync(join(tmpdir(), 'kernel-'));
    const path = join(folder, 'my.wgsl');
    writeFileSync(path, code);
    return path;
  };

  test('checks a file, exits with 0, 1 or 2, and prints JSON', async () => {
    const out: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((text: string) => void out.push(text));
    const errors: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => errors.push(String(text)) > 0);
    const relu = exampleSource(engine, rooms, 'relu');
    const run = (code: string, ...more: string[]) =>
      main(['bench', '--op', 'relu', '--kernel', file(code), '--check-only', ...more]);
    expect(await run(relu, '--like', 'naive')).toBe(0);
    expect(out.join('\n')).toMatch(/my\.wgsl as relu\nright on \d+ cases \(\d+ plain/);
    out.length = 0;
    expect(await run(relu.replace('return ', 'return -'), '--workgroups', GRID, '--json')).toBe(1);
    expect(JSON.parse(out.join(''))).toMatchObject({ op: 'relu', check: { passed: false } });
    expect(await run(relu)).toBe(2);
    expect(errors.join('')).toMatch(/the number of workgroups is missing/);
    expect(await run(relu, '--like', 'naive', '--compare', 'x.json')).toBe(2);
    expect(errors.join('')).toMatch(/--compare is for our own kernels/);
    expect(await main(['bench', '--op', 'relu'])).toBe(2);
    expect(await run(relu, '--workgroups', '1', '--workgroups', '2')).toBe(2);
    expect(errors.join('')).toMatch(/--workgroups was given 2 times for 1 kernels/);
  });

  test('the kernel and the command of docs/kernels.md do what they say', async () => {
    const guide = readFileSync('docs/kernels.md', 'utf8');
    const code = /```wgsl\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';
    const command = /```sh\n(pose-gan bench --op [\s\S]*?--check-only)\n```/.exec(guide)?.[1] ?? '';
    const words = [...command.replace(/\\\n/g, ' ').matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? '');
    const args = words.slice(1).map((w) => (w === 'quad.wgsl' ? file(code) : w));
    const out: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((text: string) => void out.push(text));
    expect(await main(args)).toBe(0);
    expect(out.join('\n')).toMatch(/right on \d+ cases \(\d+ plain, \d+ strided by multiples of 4, 0 strided oddly\)/);
    for (const option of guide.match(/--[a-z][a-z-]*/g) ?? [])
      expect(Object.keys(bench.options), option).toContain(option === '--json' ? 'filter' : option.slice(2));
  });
});
