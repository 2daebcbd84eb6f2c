import { describe, expect, it } from 'vitest';
import { readShader } from '../src/gpu/shader.js';
import { unroll } from '../src/gpu/unroll.js';
import { unrolledShader } from '../src/software/unroll.js';
import { sharedEngine } from './gpu.js';
import { shaderText } from './shader-files.js';

const kernels = ['software/conv2d', 'software/convTranspose2d', 'software/weight-gradient'];

describe('unroll', () => {
  it('unrolls loops, arrays and constants', () => {
    const code = `const N = 2u;
const M = N * 2u + 1u;
fn f() {
  var a = array<vec4f, M / N>();
  for (var i = 0u; i < N; i++) {
    for (var k = 0u; k < 2u; k++) { a[(i + k) % 2u] += subgroupShuffle(own[i], i * 2u + k) * s.i; }
  }
}`;
    const lines = unroll(code.replace('own[i]', 'own'), {}).replace(/[{}\s]+/g, ' ');
    expect(lines).toBe(
      'const N = 2u; const M = 5u; fn f() var a_0 = vec4f(); var a_1 = vec4f(); ' +
        'a_0 += subgroupBroadcast(own, 0u) * s.i; a_1 += subgroupBroadcast(own, 1u) * s.i; ' +
        'a_1 += subgroupBroadcast(own, 2u) * s.i; a_0 += subgroupBroadcast(own, 3u) * s.i; ',
    );
  });

  it('uses the given values and the constants that follow from them', () => {
    expect(unroll('const A = 8u;\nconst B = A * 4u;', { A: 3 })).toBe('const A = 3u;\nconst B = 12u;');
    expect(() => unroll('const A = 8u;', { LANES: 4 })).toThrow('the shader has no constant LANES');
  });

  it('leaves loops with other bounds alone, and refuses an index that depends on them', () => {
    const loop = 'for (var i = 0u; i < p.count; i++) { y += x[i]; }';
    expect(unroll(loop, {})).toBe(loop);
    expect(() => unroll(`var x = array<f32, 2u>(); ${loop}`, {})).toThrow('x[i]: the index is not constant');
    expect(() => unroll('for (var i = 0u; i < 2u; i++) { y += 1.0;', {})).toThrow('no } closes');
  });

  it.each(kernels)('%s is unrolled, so that no loop and no array of registers remains', (name) => {
    const code = unroll(shaderText(name), { LANES: 4, QUADS: 4 }).replace(/\/\/.*/g, '');
    expect(code).not.toMatch(/< [A-Z0-9][^;]*; \w+\+\+|= array<|subgroupShuffle/);
    expect(code).toMatch(/subgroupBroadcast\(\w+, 3u\)/);
    expect(code).not.toMatch(/subgroupBroadcast\(\w+, 4u\)/);
  });
});

describe('on the adapter', () => {
  it.each(kernels)('%s compiles as it stands', async (name) => {
    const engine = await sharedEngine();
    await expect(engine.pipeline(await readShader(name, shaderText(name)))).resolves.toBeDefined();
  });
});

it.each([
  ['software/conv2d', { ROWS: 32, QUADS: 1 }],
  ['software/convTranspose2d', { ROWS: 32, QUADS: 1 }],
  ['software/weight-gradient', { BLOCKS: 1, QUADS: 1 }],
  ['software/weight-gradient-narrow', { WIDTH: 3, STEP: 6 }],
])(
  '%s reads storage textures with eight lanes, sampled ones with four, and is unrolled once',
  async (name, constants) => {
    const kernel = unrolledShader(name, await readShader(name, shaderText(name)));
    const count = (LANES: number, text: string) => kernel({ LANES, ...constants }).code.split(text).length - 1;
    expect([count(8, ': texture_storage_2d<rgba32float, read>'), count(8, ': texture_2d<f32>')]).toEqual([2, 0]);
    expect([count(8, 'texel(t))'), count(8, 'texel(t), 0)')]).toEqual([2, 0]);
    expect([count(4, ': texture_storage_2d<rgba32float, read>'), count(4, 'texel(t), 0)')]).toEqual([0, 2]);
    expect(kernel({ LANES: 8, ...constants })).toBe(kernel({ LANES: 8, ...constants }));
  },
);
