import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { constant } from '../src/autograd/leaves.js';
import { apply } from '../src/autograd/op.js';
import { checkKernel } from '../src/bench/user-check.js';
import { type KernelSource, userKernel } from '../src/bench/user-kernel.js';
import { compile } from '../src/compiler/compile.js';
import { type Engine, GPU_BUFFER } from '../src/gpu/engine.js';
import { readShader, type Shader } from '../src/gpu/shader.js';
import { rooms } from '../src/kernels/rooms.js';
import { customOp } from './custom-op.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** Makes a kernel that declares p, x, w and y. `uses` names those variables, and those of `head`, that `body` uses. */
const kernel = (head: string, body: string, attributes = '@compute @workgroup_size(64)') => `${head}
struct Params { n: u32, m: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
${attributes} fn main(@builtin(global_invocation_id) i: vec3u) { ${body} }`;

/**
 * Throws unless the bindings that were read are those of the pipeline. The WGSL compiler knows which ones the entry
 * point uses.
 */
async function compare(of: Shader): Promise<void> {
  const pipeline = await engine.pipeline(of);
  const buffer = (usage: number) => engine.buffer('test', 256, usage);
  const entries = of.bindings.map(({ index, type }) => ({
    binding: index,
    resource: { buffer: buffer(type === 'uniform' ? GPU_BUFFER.UNIFORM : GPU_BUFFER.STORAGE) },
  }));
  engine.bindGroup(of.label, pipeline, entries);
  await engine.idle();
}

describe('the bindings that an entry point uses are read as the compiler sees them', () => {
  test.each<[string, string, string, uses: string]>([
    // In these sources, names are shadowed where they are used.
    ['a local of a block', '', '{ let x = 1.0; y[0] = x; } y[1] = x[0];', 'x y'],
    ['a local of an inner block alone', '', '{ let w = 1.0; y[0] = w; }', 'y'],
    ['a local that is made from its namesake', '', 'let x = x[0]; y[0] = x;', 'x y'],
    ['a constant of a function', '', 'const x = 3u; y[x] = 1.0;', 'y'],
    ['a loop’s variable', '', 'for (var w = 0u; w < 3u; w++) { y[w] = 1.0; }', 'y'],
    ['a loop’s variable, and its namesake behind', '', 'for (var w = 0u; w < 3u; w++) {} y[1] = w[0];', 'w y'],
    ['a parameter', 'fn f(w: f32) -> f32 { { let x = w; return x; } }', 'y[0] = f(1.0);', 'y'],
    ['fields', 'struct S { x: f32, w: f32 }', 'var s: S; s.x = 1.0; y[0] = s.x + s.w;', 'y'],
    ['components', '', 'let v = vec4f(1.0); y[0] = v.x + v.w + v.xyzw.y;', 'y'],
    ['a loop’s continuing block', '', 'loop { let w = 1.0; y[0] = w; continuing { break if w > 0.0; } }', 'y'],
    ['one branch of two', '', 'if (i.x > 0u) { let w = 2.0; y[0] = w; } else { y[0] = w[0]; }', 'w y'],
    ['words that are reserved elsewhere', '', 'var storage = 1.0; var read = 2.0; y[0] = storage + read;', 'y'],
    // In these sources, variables are used in all kinds of places.
    ['a function that is declared later', '', 'y[0] = later();', 'y'],
    ['a function of a function', 'fn a() -> f32 { return b(); } fn b() -> f32 { return w[0]; }', 'y[0] = a();', 'w y'],
    ['a switch’s selector', '', 'switch u32(x[0]) { case 1u, default: { y[0] = w[0]; } }', 'x w y'],
    ['the end of a loop', '', 'loop { continuing { break if x[0] > 1.0; } } y[0] = 1.0;', 'x y'],
    ['a loop’s head', '', 'for (var k = u32(w[0]); k < p.n; k += u32(x[1])) { y[k] = 1.0; }', 'p x w y'],
    ['a length', '', 'y[0] = f32(arrayLength(&x));', 'x y'],
    ['a pointer', '', 'let q = &w; let r = &(*q)[3]; y[0] = *r;', 'w y'],
    [
      'a pointer argument',
      'fn at(q: ptr<storage, array<f32>, read>) -> f32 { return (*q)[0]; }',
      'y[0] = at(&w);',
      'w y',
    ],
    ['an assignment to nothing', '', '_ = x[0]; y[0] = 1.0;', 'x y'],
    ['an index of an index', '', 'y[u32(x[u32(w[i.x-1])])] -= -1.0-x[0]- -2.0;', 'x w y'],
    // These sources have unusual syntax.
    [
      'shifts and comparisons',
      '',
      'var a = array<vec2<u32>,2>(); a[0].x>>=1u; if (a[0].x<p.n&&i.y>=2u>>1u) { y[0] = 1.0; }',
      'p y',
    ],
    [
      'nested template lists',
      'var<private> v: array<array<vec4<f32>,2>,(8>>1)>=array<array<vec4<f32>,2>,4>();',
      'y[0] = v[1][1].x;',
      'y',
    ],
    ['nested comments', '/* a /* // */ b */ // /* c\n', 'y[0] = x[0]; /* w[0] */', 'x y'],
    ['line breaks of Windows', '// a\r\n/* b\r\n*/\r\n', 'y[0] = x[0];\r\n', 'x y'],
    ['line breaks of old Macs, and others', '// a\r\u2028\u0085\v\f', '// w[0]\ry[0] = x[0];', 'x y'],
    ['letters of every script', 'fn größe(ψ: f32) -> f32 { return ψ; }', 'let 値 = x[0]; y[0] = größe(値);', 'x y'],
    [
      'directives',
      'diagnostic(off, derivative_uniformity,);\nrequires readonly_and_readwrite_storage_textures,;',
      'y[0] = 1.0;',
      'y',
    ],
    ['attributes of statements', '', '@diagnostic(off, derivative_uniformity) if (true) { y[0] = 1.0; }', 'y'],
    ['assertions', 'const_assert 1 < 2;', 'const_assert(2 > 1); y[0] = 1.0;', 'y'],
    ['a result that must be used', '@must_use fn f() -> f32 { return x[0]; }', 'y[0] = f();', 'x y'],
    [
      'other stages',
      '@vertex fn v() -> @builtin(position) vec4f { return vec4f(w[0]); } @fragment fn f() {}',
      'y[0] = 1.0;',
      'y',
    ],
    [
      'variables of the workgroup',
      'override N = 4; var<workgroup> t: array<atomic<u32>, N * 2>;',
      'y[0] = f32(atomicLoad(&t[1]));',
      'y',
    ],
    ['aliases', 'alias F = f32; alias A = array<F>; @group(0) @binding(4) var<storage> z: A;', 'y[0] = z[0];', 'z y'],
    [
      'arrays of structures',
      'struct S { @size(16) a: f32, @align(16) b: vec3f, } @group(0) @binding(4) var<storage,> z: array<S>;',
      'y[0] = z[1].b.y;',
      'z y',
    ],
  ])('%s', async (_, head, body, uses) => {
    const of = await readShader('mine', `${kernel(head, body)} fn later() -> f32 { return 1.0; }`);
    expect(of.bindings.map((b) => b.name).sort()).toEqual(uses.split(' ').sort());
    await compare(of);
  });
});

describe('numbers of attributes', () => {
  test.each([
    ['@binding(5) @group(0)', 5],
    ['@group(0u) @binding(5u)', 5],
    ['@group(0x0) @binding(0x1F)', 31],
    ['@group(0i,) @binding(5i,)', 5],
    ['@group(G) @binding(B * 2 - 1)', 7],
    ['@group(G) @binding(max(B, 9) + array(1, 2, 3)[1])', 11],
    ['@group(0) @binding(select(1, 6, B > 2))', 6],
    ['@group(0) @binding((1u << 3u) | 1u)', 9],
    ['@group(0) @binding(C)', 8],
  ])('%s', async (attributes, index) => {
    const head = `const B = 4; const G = 0i; alias T = u32; ${attributes} var<storage, read_write> z: array<f32>; const C: T = T(B) * 2;`;
    const of = await readShader('mine', kernel(head, 'z[0] = 1.0;'));
    expect(of.bindings).toEqual([{ index, name: 'z', type: 'storage' }]);
    await compare(of);
  });

  test('an override is set by its number if it has one', async () => {
    const head = 'const K = 7; @id(K) override SIZE: u32 = 64u; override OTHER: f32; @id(0x9u) override LAST = true;';
    const of = await readShader(
      'mine',
      kernel(head, 'y[0] = f32(SIZE) + OTHER;', '@compute @workgroup_size(SIZE / 2, 1u,)'),
    );
    expect(of.overrides).toEqual([{ name: 'SIZE', id: 7 }, { name: 'OTHER' }, { name: 'LAST', id: 9 }]);
    await expect(engine.pipeline(of, { SIZE: 32, OTHER: 2, LAST: 0 })).resolves.toBeDefined();
    expect(() => engine.pipeline(of, { '7': 32 })).toThrow('mine: the shader has no override 7');
  });
});

test('the numbers of a uniform variable are written at their offsets in WGSL', async () => {
  const of = await readShader(
    'mine',
    `struct Inner { a: u32, v: vec3f, @size(32) b: i32 }
alias Numbers = All;
struct All { first: f32, inner: Inner, @align(32) list: array<vec4u, 2>, two: vec2<i32>, last: f32, }
@group(0) @binding(0) var<uniform> settings: Numbers;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main() {
  let s = settings;
  y[0] = s.first; y[1] = f32(s.inner.a); y[2] = s.inner.v.x; y[3] = s.inner.v.y; y[4] = s.inner.v.z; y[5] = f32(s.inner.b);
  for (var k = 0u; k < 4u; k++) { y[6u + k] = f32(s.list[0][k]); y[10u + k] = f32(s.list[1][k]); }
  y[14] = f32(s.two.x); y[15] = f32(s.two.y); y[16] = s.last;
}`,
  );
  const lanes = (name: string) => [...'xyzw'].map((c) => `${name}.${c}`);
  const names = [
    'first',
    'a',
    'v.x',
    'v.y',
    'v.z',
    'b',
    ...lanes('list[0]'),
    ...lanes('list[1]'),
    'two.x',
    'two.y',
    'last',
  ];
  expect(of.params.map((p) => p.name)).toEqual(names);
  const values = names.map((_, i) => 3 * i - (names[i] === 'b' || names[i] === 'two.x' ? 100 : 0));
  const params = Object.fromEntries(names.map((name, i) => [name, values[i] as number]));
  const op = customOp('numbers', () => ({ dispatches: [{ shader: of, params, workgroups: [1, 1, 1] }] }));
  const plan = await compile(engine, { y: apply(op, { x: constant(new Float32Array(17), [17]) }, null).y });
  plan.run();
  expect([...(await plan.read('y'))]).toEqual(values);
  plan.destroy();
});

test('more than 256 bytes of numbers do not overwrite those of other kernels', async () => {
  const fields = Array.from({ length: 100 }, (_, i) => `f${i}: f32`).join(', ');
  const of = await readShader(
    'mine',
    `struct Params { ${fields} } @group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main() { y[0] = p.f0; y[1] = p.f99; }`,
  );
  const op = (k: number) =>
    customOp(`op${k}`, () => {
      const params = Object.fromEntries(of.params.map(({ name }, i) => [name, 1000 * k + i]));
      return { dispatches: [{ shader: of, params, workgroups: [1, 1, 1] }] };
    });
  const x = constant(new Float32Array(2), [2]);
  const plan = await compile(engine, { a: apply(op(1), { x }, null).y, b: apply(op(2), { x }, null).y });
  plan.run();
  expect([...(await plan.read('a')), ...(await plan.read('b'))]).toEqual([1000, 1099, 2000, 2099]);
  plan.destroy();
});

describe('a kernel author’s file', () => {
  const conv = readFileSync('shaders/conv2d/naive.wgsl', 'utf8');
  const check = async (code: string, more: Partial<KernelSource>[] = [{}]) => {
    const sources = more.map((m) => ({ name: 'my.wgsl', code, workgroups: 'grid(y.rows * y.channels, 64)', ...m }));
    return checkKernel(engine, await userKernel(engine, rooms, { op: 'conv2d', sources }), { cases: '2×5×3×3' });
  };
  test.each<[string, (code: string) => string, Partial<KernelSource>?]>([
    ['attributes in the other order', (c) => c.replace(/(@group\(0\)) (@binding\(\d\))/g, '$2 $1')],
    ['numbers with suffixes', (c) => c.replace(/@(group|binding)\((\d)\)/g, '@$1($2u)')],
    [
      'an override with a number',
      (c) => `@id(7) override SIZE: u32 = 1u;\n${c.replace('size(64)', 'size(SIZE)')}`,
      { constants: 'SIZE=64' },
    ],
    ['block comments', (c) => `/* after https://example.org/conv */${c.replace('@compute', '/* one */ @compute')}`],
    ['numbers of another name', (c) => c.replaceAll('Params', 'Launch').replace(/\bp(?=[.:])/g, 'launch')],
    ['a byte order mark and Windows line breaks', (c) => `\uFEFF${c.replaceAll('\n', '\r\n')}`],
    [
      'locals called like arguments',
      (c) => c.replace('let n = row', 'let w0 = w[0]; { let w = w0; _ = w; } let n = row'),
    ],
    [
      'numbers in a structure of their own',
      (c) =>
        c
          .replace('KH: u32, KW: u32,', 'taps: Taps,')
          .replace(/p\.(K[HW])/g, 'p.taps.$1')
          .replace('struct Params', 'struct Taps { KH: u32, KW: u32 }\nstruct Params'),
    ],
    [
      'a vector of numbers',
      (c) => c.replace('sh: u32, sw: u32', 's: vec2u').replaceAll('p.sh', 'p.s.x').replaceAll('p.sw', 'p.s.y'),
      { params: 's.x = sh, s.y = sw' },
    ],
    [
      'variables that another entry point uses',
      (c) => `@group(1) @binding(0) var t: texture_3d<f32>; @fragment fn f() { _ = textureLoad(t, vec3u(), 0); }\n${c}`,
    ],
  ])('with %s', async (_, edit, more = {}) => {
    expect(edit(conv)).not.toBe(conv);
    const { passed, worst } = await check(edit(conv), [more]);
    expect(passed).toBe(true);
    expect(worst).toBeLessThan(1e-12);
  });

  test('with several entry points runs each as a dispatch', async () => {
    const clear = conv
      .slice(conv.indexOf('@compute'))
      .replace('fn main', 'fn clear')
      .replace(/let row =[\s\S]*/, 'y[p.y_offset + index / p.O * p.y_stride + index % p.O] = 0.0;\n}\n');
    const both = `${conv.replace('+ o] = sum;', '+ o] += sum;')}\n${clear}`;
    expect((await check(both, [{ entry: 'clear' }, { entry: 'main' }])).passed).toBe(true);
    const other = await check(both, [{ entry: 'main' }, { entry: 'clear' }]);
    expect(other.failures[0]).toMatchObject({ output: 'y', got: 0, differing: 150, total: 150 });
  });

  test.each([
    [
      'a sampler',
      '@group(0) @binding(9) var s: sampler;',
      '_ = s;',
      /my\.wgsl: line 1: variable s must be uniform, storage, a texture_2d/,
    ],
    [
      'two uniform variables',
      '@group(0) @binding(9) var<uniform> q: vec4f;',
      '_ = q;',
      /line \d+: variable p is uniform, as is q; a kernel can have only one/,
    ],
  ])('with %s is refused by name', async (_, head, use, message) => {
    await expect(check(`${head}\n${conv.replace('let n = row', `${use} let n = row`)}`)).rejects.toThrow(message);
  });
});
