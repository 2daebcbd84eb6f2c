import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { exampleSource } from '../src/bench/contract.js';
import { knownOps, loadRooms, variantsOf } from '../src/bench/ops.js';
import { checkKernel } from '../src/bench/user-check.js';
import { type KernelOptions, type KernelSource, userKernel } from '../src/bench/user-kernel.js';
import { withTimeout } from '../src/bench/user-run.js';
import { checkText } from '../src/bench/user-text.js';
import type { Engine } from '../src/gpu/engine.js';
import { AdapterError, KernelTimeoutError, ShaderError, UsageError } from '../src/gpu/errors.js';
import { rooms } from '../src/kernels/rooms.js';
import { sharedEngine } from './gpu.js';
import { plainCalls } from './plain-calls.js';
import { shaderText } from './shader-files.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

const conv = readFileSync('shaders/conv2d/naive.wgsl', 'utf8');
const GRID = 'grid(y.rows * y.channels, 64)';

/** Returns the naive convolution of this package with one change, as a user's kernel. */
function changed(from: string | RegExp, to: string, more: Partial<KernelSource> = {}): KernelOptions {
  const code = conv.replace(from, to);
  if (code === conv && from !== '') throw new Error(`nothing to replace: ${from}`);
  return { op: 'conv2d', sources: [{ name: 'my.wgsl', code, workgroups: GRID, ...more }] };
}

const check = async (options: KernelOptions, cases?: string) =>
  checkKernel(engine, await userKernel(engine, rooms, options), { cases });

describe('a right kernel passes', () => {
  test.each([
    ['conv2d', 'naive', 'conv2d: '],
    ['conv2dWeightGradient', 'naive', '1×2×7×4'],
    ['instanceNorm', 'naive', '2×3×5×8'],
    ['instanceNormGradient', 'naive', '1×17×1×4'],
    ['leakyRelu', 'naive', ''],
    ['leakyReluGradient', 'naive', ''],
    ['nearestNeighbourDistance', 'naive', '1×257×256×4'],
    ['nearestNeighbourDistance', 'naive', '3×5×7×3'],
    ['deformableSkip', 'naive', ''],
    ['sum', 'split', 'rows'],
  ])('%s/%s of this package, given as a user kernel', async (op, like, cases) => {
    const known = knownOps(rooms).get(op)?.op;
    const variant = known && variantsOf(known, engine).find((v) => v.name === like);
    const launches = [...plainCalls(engine, op)].flatMap((c) => variant?.launch(c) ?? []);
    const launch = launches.find((l) => typeof l !== 'string');
    const kernels = new Set(launch?.dispatches.map((d) => d.shader.label));
    const sources = [...kernels].map(
      (label, i): KernelSource => ({
        name: `${label}.wgsl`,
        code: exampleSource(engine, rooms, op, { like, part: i + 1 }),
      }),
    );
    const result = await check({ op, like, sources }, cases);
    expect(result).toMatchObject({ passed: true, failures: [], deterministic: true });
    expect(result.cases.length).toBeGreaterThan(0);
    expect(result.layouts.every((l) => l.cases > 0)).toBe(true);
    expect(result.worst).toBeLessThanOrEqual(1e-7);
  });

  test('without a dilation, on the calls that have none', async () => {
    const undilated = changed(/ \* p\.d[hw]|dh: u32, dw: u32, /g, '');
    const { passed, cases, refused } = await check(undilated, 'conv2d: ');
    expect(passed).toBe(true);
    expect(cases.filter((name) => name.includes('dilation'))).toEqual([]);
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatch(/^it does not read dh, which is [1-9]\d* here$/);
  });

  test('in two dispatches, with a scratch buffer and numbers of its own', async () => {
    const first = conv
      .replace('var<storage, read_write> y', 'var<storage, read_write> half')
      .replace(/y\[p\.y_offset.*/, 'half[index] = 0.5 * sum;');
    const second = `
struct Params { mine: u32, twice: f32, y_offset: u32, y_stride: u32 }
override WIDTH: u32 = 1;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> half: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn unused() {}
@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
  for (var o = 0u; o < WIDTH; o++) { y[p.y_offset + id.x * p.y_stride + o] = p.twice * half[id.x * p.mine + o]; }
}`;
    const sources: KernelSource[] = [
      { name: 'half.wgsl', code: first, workgroups: GRID },
      {
        ...{ name: 'twice.wgsl', code: second, entry: 'main', workgroups: 'y.rows * y.channels / WIDTH' },
        ...{ params: 'mine = O, twice = 2', constants: 'WIDTH = y.channels' },
      },
    ];
    const result = await check({ op: 'conv2d', sources, scratch: 'half = y.rows * y.channels' }, 'conv2d: ');
    expect(result.failures).toEqual([]);
    await expect(check({ op: 'conv2d', sources }, 'conv2d: ')).rejects.toThrow(
      /the variable half is neither an argument/,
    );
  });

  test('on what it takes; the rest is listed', async () => {
    const result = await check({ ...changed('', ''), require: 'C % 4 == 0' }, 'conv2d: ');
    expect(result.passed).toBe(true);
    expect(result.refused.length).toBeGreaterThan(0);
    expect(result.refused[0]).toEqual({ case: expect.stringContaining('1×1×1×1'), reason: 'not C % 4 == 0' });
    await expect(check({ ...changed('', ''), require: 'C > 1000' }, 'conv2d: 1×1')).rejects.toThrow(
      /my\.wgsl refuses every case/,
    );
  });
});

describe('a wrong kernel is found', () => {
  const ONE = 'conv2d: 2×5×3×3';
  test('with the wrong sign of a term', async () => {
    const { failures, looksLike } = await check(changed('sum += x[', 'sum -= x['), ONE);
    expect(failures[0]).toMatchObject({
      ...{ case: expect.stringContaining(ONE), layout: 'plain', kind: 'wrong', output: 'y', index: 0 },
      ...{ coordinates: { n: 0, i: 0, j: 0, o: 0 }, differing: 150, total: 150 },
    });
    expect(looksLike).toEqual(['the result is as if x had the opposite sign']);
  });

  test('with one wrong element, whose coordinates are reported', async () => {
    const result = await check(
      changed('sum += bias[p.bias_offset + o];', 'sum += bias[p.bias_offset + o] + select(0.0, 1.0, index == 97u);'),
      ONE,
    );
    // Element 97 of 2 × 5 × 3 × 5 is image 1, row 1, column 1, channel 2.
    expect(result.failures[0]).toMatchObject({ index: 97, coordinates: { n: 1, i: 1, j: 1, o: 2 }, differing: 1 });
    const { got, expected } = result.failures[0] ?? {};
    expect((got ?? 0) - (expected ?? 0)).toBeCloseTo(1, 5);
    expect(checkText(result, 1e-7)).toMatch(/y\[n=1, i=1, j=1, o=2\], element 97 of 2×5×3×5: got /);
  });

  test.each([
    ['if (p.biased != 0u)', 'if (false)', 'the result is as if bias were all zeros. Does the kernel use it?'],
    ['= sum;', '= -sum;', 'every element has the opposite sign'],
    ['= sum;', '= 3.0 * sum;', 'every element is 3 times what it should be'],
    [
      /\+ o;\n([\s\S]*)w\[k \+ c \* p\.O\]/,
      '+ o * p.C;\n$1w[k + c]',
      'the result is as if the last two dimensions of w were swapped',
    ],
    ['if (i >= p.H) { continue; }', '', 'only pixels at the border of the image are wrong; check the padding'],
    [
      '>= p.pixels * p.O)',
      '>= p.pixels * p.O - 9u)',
      '9 of 150 elements were never written, all from element 141 on. Are 3×1×1 workgroups enough?',
    ],
    [
      '>= p.pixels * p.O)',
      '>= p.pixels * p.O + 9u)',
      'y was written after its last row (as row 30; there are 30). Does every invocation past the end return early?',
    ],
    ['p.y_offset + row * p.y_stride + o', 'o * p.pixels + row', 'the result is stored as NCHW, but it must be NHWC'],
  ])('with %s replaced by %s', async (from, to, hint) => {
    const cases = hint.includes('NCHW') ? '1×2×3×4 *' : ONE;
    const result = await check(changed(from, to), cases);
    expect(result.passed).toBe(false);
    expect(result.looksLike).toEqual([hint]);
  });

  test('that ignores a stride, in the first strided layout, and the argument is named', async () => {
    const result = await check(changed('* p.x_stride', '* p.C'), ONE);
    expect(result.failures.map((f) => f.layout)).toEqual(['strided by multiples of 4']);
    expect(result.failures[0]).toMatchObject({ index: 0, got: null, differing: 150 });
    expect(result.looksLike).toEqual([
      expect.stringMatching(/^the results are right if x is contiguous, but wrong if it is a channel range/),
    ]);
    const y = await check(changed('row * p.y_stride', 'row * p.O'), ONE);
    expect(y.failures[0]).toMatchObject({ layout: 'plain', kind: 'wrong' });
    expect(y.looksLike).toEqual([
      'rows of y begin every y_stride = 8 elements, not every 5; the kernel seems to ignore the stride',
    ]);
  });

  test('with a wrong result that only a gradient reads', async () => {
    const code = shaderText('instanceNorm/naive').replace('+ g] = s[0].x;', '+ g] = 2.0 * s[0].x;');
    const { failures } = await check(
      { op: 'instanceNorm', like: 'naive', sources: [{ name: 'n.wgsl', code }] },
      '3×5×7×3',
    );
    expect(failures.length).toBeGreaterThan(0);
    expect(failures[0]).toMatchObject({ output: 'g_x' });
  });
});

describe('errors', () => {
  test('a compile error shows file, line and column with a caret', async () => {
    const error = await check(changed('var sum = 0.0;', 'var sum = 0.0 + foo;')).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ShaderError);
    const line = conv.split('\n').findIndex((l) => l.includes('var sum')) + 1;
    expect((error as Error).message).toContain(`my.wgsl: line ${line}:19: unresolved value 'foo'`);
    expect((error as Error).message).toContain(`\n    var sum = 0.0 + foo;\n                    ^`);
  });

  test.each<[string, KernelOptions, RegExp]>([
    ['unknown op', { op: 'conv3d', sources: [] }, /there is no op conv3d; choose one of abs, .*conv2d/],
    ['unknown variant', { ...changed('', ''), like: 'fast' }, /conv2d has no variant fast; it has .*naive/],
    [
      'no workgroups',
      changed('', '', { workgroups: undefined }),
      /the number of workgroups is missing. Give --workgroups.*--like naive/,
    ],
    ['bad workgroups', changed('', '', { workgroups: 'ceil(y.rows' }), /--workgroups: it ends too early/],
    ['unknown entry', changed('', '', { entry: 'start' }), /my\.wgsl has no @compute function start; it has main/],
    [
      'no entry',
      changed(
        '@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {',
        'fn main(id: vec3u, groups: vec3u) {',
      ),
      /my\.wgsl: no @compute function/,
    ],
    ['no result', changed(/y\[p\.y_offset.*/, '_ = sum;'), /no kernel writes the result y of conv2d/],
    [
      'an argument that is written',
      changed('read> x', 'read_write> x'),
      /x is an argument of conv2d; declare it var<storage, read> x/,
    ],
    [
      'a foreign variable',
      changed(/\bw\b(?=[:[])/g, 'weights'),
      /the variable weights is neither an argument \(x, w, bias\)/,
    ],
    ['a foreign constant', changed('', '', { constants: 'TILE=4' }), /has no override TILE; it has none/],
    ['a foreign field', changed('', '', { params: 'tile=4' }), /the uniform variable of my\.wgsl has no field tile/],
    [
      'scratch with the name of an argument',
      { ...changed('', ''), scratch: 'w=4' },
      /w is an argument or result of conv2d/,
    ],
    ['a matrix in Params', changed('pixels: u32,', 'pixels: u32, m: mat4x4f,'), /my\.wgsl: m is a matrix; the numbers/],
    ['another group', changed('@group(0) @binding(1)', '@group(1) @binding(1)'), /line \d+: variable x is in group 1/],
    [
      'a file with several entry points and no choice',
      changed('@compute', '@compute @workgroup_size(1) fn first() {}\n@compute'),
      /my\.wgsl has 2 @compute functions \(first, main\); choose one with --entry/,
    ],
  ])('%s is refused', async (_, options, message) => {
    await expect(userKernel(engine, rooms, options)).rejects.toThrow(message);
    await expect(userKernel(engine, rooms, options)).rejects.toThrow(UsageError);
  });

  test('an error that only a launch shows names the case', async () => {
    await expect(check(changed('pixels: u32,', 'pixels: u32, more: u32,'))).rejects.toThrow(
      /the field more has no value.*--params "more=EXPRESSION"\n {2}\(in the case conv2d: 1×1×1×1/,
    );
    await expect(check(changed('', '', { workgroups: 'y.rows / 64' }))).rejects.toThrow(
      /wrap it in ceil[\s\S]*\(in the case/,
    );
    await expect(check(changed('read> w: array<f32>', 'read> w: array<f32, 4000>'))).rejects.toThrow(
      /conv2d\/my\.wgsl on conv2d: 1×1×1×1.*smaller than the minimum binding size/,
    );
    await expect(check(changed('', ''), 'no such case')).rejects.toThrow(
      /no case of conv2d contains "no such case"; its cases are\n {2}conv2d: /,
    );
  });

  test('a feature that the adapter lacks', async () => {
    const plain = Object.create(engine, {
      device: { value: { ...{ limits: engine.device.limits }, features: new Set() } },
    });
    const asking = () => userKernel(plain, rooms, changed(/^/, 'enable f16;\n'));
    await expect(asking()).rejects.toThrow(AdapterError);
    await expect(asking()).rejects.toThrow(/my\.wgsl says "enable f16;", which needs the feature shader-f16/);
  });

  test('a kernel that does not end', async () => {
    const never = new Promise<void>(() => {});
    await expect(withTimeout(20, 'my.wgsl on a case', never)).rejects.toThrow(KernelTimeoutError);
    await expect(withTimeout(20, 'my.wgsl on a case', never)).rejects.toThrow(
      /my\.wgsl on a case did not finish in 0\.02 s/,
    );
    await expect(withTimeout(1000, 'quick', Promise.resolve(3))).resolves.toBe(3);
  });

  test('a variable that is declared and never used is not an obstacle', async () => {
    const unused = changed('if (p.biased != 0u) { sum += bias[p.bias_offset + o]; }', '');
    expect(await check(unused, '3×7×6×7')).toMatchObject({ passed: true });
  });
});
