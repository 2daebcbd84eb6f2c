import { beforeAll, describe, expect, test } from 'vitest';
import { loadRooms } from '../src/bench/ops.js';
import { sanitizeKernel } from '../src/bench/sanitizer/sanitize.js';
import { findingText } from '../src/bench/sanitizer/text.js';
import { type KernelOptions, userKernel } from '../src/bench/user-kernel.js';
import type { Engine } from '../src/gpu/engine.js';
import { rooms } from '../src/kernels/rooms.js';
import { CHUNKS, conv, LAYER, PAST, replaced, SPLIT, SUM, smallScratch, sum, TREE } from './faulty-kernels.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

const line = (code: string, part: string) => code.slice(0, code.indexOf(part)).split('\n').length;
const sanitize = async (options: KernelOptions, cases: string) =>
  sanitizeKernel(engine, await userKernel(engine, rooms, options), { cases });

describe('the sanitizer finds nothing in right kernels', () => {
  test.each<[string, KernelOptions, string]>([
    ['a convolution', conv('var sum = 0.0;', 'var sum = 0.0; '), LAYER],
    ['a sum by a tree', sum(TREE), SUM],
    ['a sum by chunks', sum(CHUNKS), SUM],
  ])('%s', async (_, options, cases) => {
    const found = await sanitize(options, cases);
    expect(found).toMatchObject({ passed: true, findings: [], untested: [] });
    expect(found.cases.length).toBeGreaterThan(0);
  });
});

describe('the sanitizer names races with both lines', () => {
  const loop = replaced(CHUNKS, /(part \+= s\[j\]; } }\n) {4}workgroupBarrier\(\);/, '$1');
  const tail = replaced(TREE, /\n {4}workgroupBarrier\(\);/, '\n    if (step > 16u) { workgroupBarrier(); }');
  test.each<[string, KernelOptions, string, string, string]>([
    [
      'a second barrier that is missing',
      sum(loop),
      's',
      `line ${line(loop, 's[l] = 0.0')}`,
      `line ${line(loop, 'part += s[j]')}`,
    ],
    [
      'the end of a tree without barriers',
      sum(tail),
      's',
      `line ${line(tail, 's[l] += ')}`,
      `line ${line(tail, 's[l] += ')}`,
    ],
  ])('%s', async (_, options, variable, one, other) => {
    const { findings } = await sanitize(options, SUM);
    const races = findings.filter((f) => f.kind === 'race');
    expect(races.length).toBeGreaterThan(0);
    for (const race of races) expect(race).toMatchObject({ variable, space: 'workgroup', file: 'my.wgsl' });
    const texts = races.map(findingText);
    expect(
      texts.some((text) => text.includes(one) && text.includes(other)),
      texts.join('\n'),
    ).toBe(true);
    expect(texts[0]).toMatch(/without a workgroupBarrier\(\) between them/);
  });

  test('workgroups that add to one element of scratch', async () => {
    const sources = ['zero', 'add', 'finish'].map((entry) => ({
      ...{ name: 'my.wgsl', code: SPLIT, entry },
      workgroups: entry === 'add' ? 'y.rows * y.channels, 4' : 'y.rows * y.channels',
    }));
    const { findings } = await sanitize({ op: 'sum', sources, scratch: 'part = y.rows * y.channels' }, SUM);
    expect(findings).toMatchObject([
      {
        ...{ kind: 'race', variable: 'part', space: 'storage' },
        file: 'my.wgsl (add)',
        line: line(SPLIT, 'part[group.x] +='),
      },
    ]);
    expect(findingText(findings[0] as (typeof findings)[number])).toMatch(/no barrier can order two workgroups/);
  });
});

describe('accesses out of bounds are found', () => {
  test.each<[string, KernelOptions, string, { variable: string; index?: number }]>([
    [
      'a tile of 32 for 64 invocations',
      sum(replaced(TREE, 's: array<f32, LANES>', 's: array<f32, 32>')),
      SUM,
      { variable: 's', index: 32 },
    ],
    [
      'an edge tested by <=',
      conv('if (index >= p.pixels * p.O)', 'if (index > p.pixels * p.O)'),
      LAYER,
      { variable: 'y' },
    ],
    [
      'a masked read behind w',
      conv('var sum = 0.0;', `var sum = select(0.0, ${PAST}, p.KH > 100u);`),
      LAYER,
      { variable: 'w' },
    ],
    ['a scratch that is a quarter too small', smallScratch(), LAYER, { variable: 's', index: 113 }],
  ])('%s by the sanitizer', async (_, options, cases, expected) => {
    const { findings, passed } = await sanitize(options, cases);
    expect(passed).toBe(false);
    const bounds = findings.filter((f) => f.kind === 'out of bounds' && f.variable === expected.variable);
    expect(bounds.length).toBeGreaterThan(0);
    expect(Math.min(...bounds.map((f) => f.index))).toBeGreaterThanOrEqual(expected.index ?? 0);
    expect(bounds.map(findingText).join('\n')).toMatch(/^out of bounds: my\.wgsl line \d+: /);
  });
});

describe('memory of every kind is followed', () => {
  /** The tree with its additions in other memory, whose declaration and place of element i are given. */
  const other = (declared: string, place: (i: string) => string) =>
    replaced(TREE, 'var<workgroup> s: array<f32, LANES>;', declared).replace(/\bs\[([^\]]*)\]/g, (_, i) => place(i));
  const places: [string, string, (i: string) => string][] = [
    ['rows of a tile', 'var<workgroup> s: array<array<f32, 16>, LANES / 16u>;', (i) => `s[(${i}) / 16u][(${i}) % 16u]`],
    [
      'members',
      'struct Pair { count: u32, value: f32 }\nvar<workgroup> s: array<Pair, LANES>;',
      (i) => `s[${i}].value`,
    ],
    [
      'a structure',
      'struct All { count: u32, values: array<f32, 64> }\nvar<workgroup> s: All;',
      (i) => `s.values[${i}]`,
    ],
    ['an alias', 'alias Tile = array<f32, LANES>;\nvar<workgroup> s: Tile;', (i) => `s[${i}]`],
  ];
  test.each(places)('%s', async (_, declared, place) => {
    const right = await sanitize(sum(other(declared, place)), SUM);
    expect(right).toMatchObject({ findings: [], untested: [] });
    const faulty = replaced(other(declared, place), /\n {4}workgroupBarrier\(\);/, '');
    const { findings } = await sanitize(sum(faulty), SUM);
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'race', variable: 's' }));
  });

  test('a uniform load is a barrier, and atomics do not race', async () => {
    const declared = 'var<workgroup> total: f32;\nvar<workgroup> count: atomic<u32>;';
    const head = replaced(TREE, '@compute', `${declared}\n@compute`);
    const end = (load: string) => `atomicAdd(&count, 1u);
  if (l == 0u) { total = s[0]; }
  let sum = ${load};
  if (l == 1u) { total = sum; }
  if (l == 0u) { y[group.x] = p.factor * sum; }`;
    const ended = (load: string) => sum(replaced(head, 'if (l == 0u) { y[group.x] = p.factor * s[0]; }', end(load)));
    expect(await sanitize(ended('workgroupUniformLoad(&total)'), SUM)).toMatchObject({ findings: [], untested: [] });
    const { findings } = await sanitize(ended('total'), SUM);
    expect(findings.map((f) => f.variable)).toContain('total');
  });

  test('what is used through a pointer is listed', async () => {
    const code = replaced(TREE, 's[l] = part;', 'let at = &s[l]; *at = part;');
    const { untested } = await sanitize(sum(code), SUM);
    expect(untested).toEqual([
      `line ${line(code, 'let at')}: s is used through a pointer; these accesses are not tested`,
    ]);
  });
});
