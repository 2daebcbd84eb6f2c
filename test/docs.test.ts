import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import type { Room } from '../src/kernels/room.js';
import { sum } from '../src/kernels/sum/sum.js';
import { sharedEngine } from './gpu.js';
import { checkCase, checkRefusal } from './room-checks.js';
import { shaderFiles, shaderText } from './shader-files.js';

/** The code blocks of a page that begin with the name of a file in a comment, by that name. */
function filesOf(page: string): Map<string, string> {
  const blocks = readFileSync(page, 'utf8').matchAll(/^( *)```\w+\n([\s\S]*?)^ *```/gm);
  const files = new Map<string, string>();
  for (const [, indent = '', text = ''] of blocks) {
    const code = text.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const name = /^\/\/ (\S+\.\w+)\n/.exec(code)?.[1];
    if (name) files.set(name, code);
  }
  return files;
}

describe('the op that docs/engine.md shows', () => {
  const folder = resolve('out/docs-test');
  let engine: Engine;
  let square: (x: Tensor) => Tensor;
  let room: Room;

  beforeAll(async () => {
    engine = await sharedEngine();
    for (const [name, code] of filesOf('docs/engine.md')) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      // What is not on the page is this repository's.
      writeFileSync(
        path,
        code.replaceAll(/'(?:\.\.\/){1,2}(?=[a-z])/g, (up) => `'${resolve('src/kernels/square', up.slice(1))}/`),
      );
    }
    ({ square } = await import(join(folder, 'src/kernels/square/square.ts')));
    ({
      rooms: [room],
    } = await import(join(folder, 'src/kernels/square/cases.ts')));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('passes what every op passes', async () => {
    for (const c of room.cases) expect((await checkCase(engine, room, c)).problems).toEqual([]);
    for (const r of room.refuses) expect(checkRefusal(room, r)).toBeUndefined();
  });

  test('squares each of 5,000,000 elements, and gives the gradient of each', async () => {
    const n = 5_000_000;
    const x = input('x', [n]);
    const y = square(x);
    const [gx] = gradients(sum(y), [x]) as [Tensor];
    const plan = await compile(engine, { y, gx });
    const values = Float32Array.from({ length: n }, (_, i) => (i % 4093) - 2046);
    plan.run({ x: values });
    const [got, gradient] = [await plan.read('y'), await plan.read('gx')];
    plan.destroy();
    // Products of integers below 2^12 are exact in f32.
    expect(got.findIndex((v, i) => v !== (values[i] as number) ** 2)).toBe(-1);
    expect(gradient.findIndex((v, i) => v !== 2 * (values[i] as number))).toBe(-1);
  });
});

test('the op with attributes in docs/engine.md computes powers and their gradients, and refuses other exponents', async () => {
  const folder = resolve('out/docs-test-attributes');
  mkdirSync(folder, { recursive: true });
  try {
    const code = filesOf('docs/engine.md').get('power.ts') ?? '';
    writeFileSync(join(folder, 'power.ts'), code.replace('webgpu-pose-gan/node', resolve('src/node.ts')));
    const { power } = (await import(join(folder, 'power.ts'))) as { power: (x: Tensor, n: number) => Tensor };
    const x = input('x', [3]);
    const y = power(x, 3);
    const [gx] = gradients(sum(y), [x]) as [Tensor];
    const plan = await compile(await sharedEngine(), { y, gx });
    plan.run({ x: Float32Array.of(-1, 2, 3) });
    expect([...(await plan.read('y')), ...(await plan.read('gx'))]).toEqual([-1, 8, 27, 3, 12, 27]);
    plan.destroy();
    expect(() => power(x, -1)).toThrow(/power: n must be an integer from 1 to 64, got -1/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('every kernel that a grid launches uses its second dimension', () => {
  // These are launched with a number of workgroups that the launch bounds.
  const bounded = [
    'bceWithLogits/naive',
    'conv2d/bias-gradient-naive',
    'globalNorm/finish',
    'globalNorm/finish-tree',
    'instanceNorm/gradient-parameters',
    'l1/naive',
    'l1/tree',
    'sum/tree-combine',
  ];
  const flat = shaderFiles().filter((name) => !/\b(id|group)\.y\b/.test(shaderText(name)));
  expect(flat).toEqual(bounded);
});
