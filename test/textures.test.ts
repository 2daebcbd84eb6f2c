import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call, Variant } from '../src/autograd/kernel.js';
import { constant, input } from '../src/autograd/leaves.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { BufferSpec } from '../src/compiler/kernel-call.js';
import { kernelsOf } from '../src/compiler/load.js';
import { TEXELS } from '../src/gpu/shader.js';
import type { TextureRead, TextureUser } from '../src/gpu/texture-reads.js';
import { conv2d, conv2dOp } from '../src/kernels/conv2d/conv2d.js';
import { planTextures } from '../src/software/textures.js';
import { sharedEngine } from './gpu.js';

const ROW = 16 * TEXELS;
const buffers = Array.from({ length: 5 }, (_, i): BufferSpec => ({ label: `buffer ${i}`, kind: 'pool', elements: 64 }));
const buffer = (i: number) => buffers[i] as BufferSpec;
const read = (i: number, rows = 1, offset = 0) => ({ buffer: buffer(i), offset, bytes: rows * ROW - 16 });
const copied = (users: readonly TextureUser<BufferSpec>[]) =>
  planTextures(users).uses.map((u) => u.map((x) => x.copied));

describe('textures of a list of dispatches', () => {
  test('a value in a texture is not copied again unless it was written since', () => {
    const [a, b, c] = [read(0, 4), read(1, 2), read(2, 2)];
    const users = [
      { reads: [a, b], writes: [] },
      { reads: [c, a], writes: [buffer(0)] },
      { reads: [a, c], writes: [] },
    ];
    expect(copied(users)).toEqual([
      [0, 0],
      [1, undefined],
      [2, undefined],
    ]);
    expect(planTextures(users).rows).toEqual([4, 2]);
  });

  test('another range of the same buffer is copied by itself', () => {
    const users = [read(0), read(0, 1, 256), read(0, 1, 256)].map((r) => ({ reads: [r], writes: [] }));
    expect(copied(users)).toEqual([[0], [0], [undefined]]);
  });

  test('one more texture is used only where it saves copies', () => {
    const [a, b, c] = [read(0, 2), read(1, 2), read(2)];
    const turns = [a, b, a, c, a, c].map((r) => ({ reads: [r], writes: [] }));
    expect(planTextures(turns).rows).toEqual([2, 1]);
    expect(copied(turns)).toEqual([[0], [1], [2], [2], [undefined], [undefined]]);
    expect(planTextures(turns.slice(0, 2)).rows).toEqual([2]);
    expect(planTextures([{ reads: [], writes: [] }]).rows).toEqual([]);
  });

  test('a copy joins earlier ones if its source is written by then', () => {
    const [a, b, c] = [read(0, 2), read(1, 2), read(2)];
    const users = (written: number) => [
      { reads: [a, b], writes: [buffer(written)] },
      { reads: [a, c], writes: [] },
    ];
    expect(copied(users(4))).toEqual([
      [0, 0],
      [undefined, 0],
    ]);
    expect(copied(users(2))).toEqual([
      [0, 0],
      [undefined, 1],
    ]);
  });

  test('every read finds its own range as last written, in a texture that is large enough', () => {
    const anyRead = fc.record({ i: fc.nat(4), rows: fc.integer({ min: 1, max: 6 }), offset: fc.constantFrom(0, 256) });
    const dispatch = fc.record({
      reads: fc.array(anyRead, { maxLength: 3 }),
      writes: fc.array(fc.nat(4), { maxLength: 1 }),
    });
    const check = (list: { reads: { i: number; rows: number; offset: number }[]; writes: number[] }[]) => {
      const users = list.map(({ reads, writes }) => ({
        reads: reads.map((r) => read(r.i, r.rows, r.offset)),
        writes: writes.map(buffer),
      }));
      const { rows, uses } = planTextures(users);
      const content = rows.map(() => '');
      const version = buffers.map(() => 0);
      for (const [d, { reads, writes }] of list.entries()) {
        const here = uses[d] ?? [];
        expect(here.map((u) => u.read)).toEqual(users[d]?.reads);
        expect(new Set(here.map((u) => u.texture)).size).toBe(reads.length);
        const name = (r: TextureRead<BufferSpec>) =>
          [r.buffer.label, r.offset, r.bytes, version[buffers.indexOf(r.buffer)]].join();
        for (const { read: r, texture, copied: when } of uses.flat()) if (when === d) content[texture] = name(r);
        for (const [k, { read: r, texture }] of here.entries()) {
          expect(rows[texture]).toBeGreaterThanOrEqual(reads[k]?.rows as number);
          expect(content[texture]).toBe(name(r));
        }
        for (const w of writes) version[w] = (version[w] as number) + 1;
      }
    };
    fc.assert(fc.property(fc.array(dispatch, { maxLength: 12 }), check), { numRuns: 300 });
  });
});

/**
 * Returns the first variant of the convolution that reads from textures, if the device has one that can run the call.
 */
const textured = (op: string, call: Call) => {
  if (op !== 'conv2d') return undefined;
  const readsTexture = (v: Variant) => {
    const launch = v.launch(call);
    if (typeof launch === 'string') return false;
    return launch.dispatches.some((d) => d.shader.bindings.some((b) => b.type === 'texture'));
  };
  return kernelsOf(conv2dOp, call.device).variants.find(readsTexture)?.name;
};

test('a value read from a texture by several kernels is copied there once', async () => {
  const engine = await sharedEngine();
  const weight = (seed: number) =>
    constant(
      Float32Array.from({ length: 9 * 8 * 8 }, (_, i) => Math.sin(seed + i) / 6),
      [3, 3, 8, 8],
    );
  const layer = (x: Tensor, seed: number) => conv2d(x, weight(seed), { stride: 1, pad: 1 });
  const x = input('x', [1, 9, 7, 8]);
  const [first, second] = [layer(x, 1), layer(x, 2)];
  const outputs = { a: layer(layer(first, 3), 4), b: layer(layer(second, 5), 6) };
  const values = Float32Array.from({ length: 9 * 7 * 8 }, (_, i) => Math.cos(i));
  const plan = await compile(engine, outputs, { variant: textured });
  const plain = await compile(engine, outputs, { variant: () => 'naive' });
  plan.run({ x: values });
  plain.run({ x: values });
  const reads = plan.steps.map(({ call }) => call.kernel.launch.dispatches.flatMap((d) => d.shader.bindings));
  const isTextured = reads.some((bindings) => bindings.some((b) => b.type === 'texture'));
  // On a device with texture kernels the second layer reads x from the texture that was filled for the first.
  if (isTextured) {
    const uploads = plan.steps.map((s) => s.uploads.length);
    const [one = 0, two = 0] = plan.steps.flatMap(({ call }, i) => (call.inputs.x === x ? [uploads[i] ?? 0] : []));
    expect(one).toBeGreaterThan(two);
  }
  for (const name of ['a', 'b']) {
    const [got, want] = [await plan.read(name), await plain.read(name)];
    expect(Math.max(...got.map((v, i) => Math.abs(v - (want[i] as number))))).toBeLessThan(1e-5);
  }
  plan.destroy();
  plain.destroy();
});
