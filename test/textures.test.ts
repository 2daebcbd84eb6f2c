import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile } from '../src/autograd/compile.js';
import { constant, input } from '../src/autograd/leaves.js';
import type { Call } from '../src/autograd/op.js';
import { newRoot } from '../src/autograd/placement.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { planTextures, type TextureRead, type TextureUser } from '../src/autograd/textures.js';
import { TEXELS } from '../src/gpu/shader.js';
import { conv2d, conv2dOp } from '../src/kernels/conv2d/conv2d.js';
import { sharedEngine } from './gpu.js';

const ROW = 16 * TEXELS;
const roots = Array.from({ length: 5 }, (_, i) => newRoot(`root ${i}`, 'pool', 64));
const root = (i: number) => roots[i] as (typeof roots)[0];
const read = (i: number, rows = 1, offset = 0) => ({ root: root(i), offset, bytes: rows * ROW - 16 });
const copied = (users: readonly TextureUser[]) => planTextures(users).uses.map((u) => u.map((x) => x.copied));

describe('textures of a list of dispatches', () => {
  test('what is there is not copied again, unless it was written since', () => {
    const [a, b, c] = [read(0, 4), read(1, 2), read(2, 2)];
    const users = [
      { reads: [a, b], writes: [] },
      { reads: [c, a], writes: [root(0)] },
      { reads: [a, c], writes: [] },
    ];
    expect(copied(users)).toEqual([
      [0, 0],
      [1, undefined],
      [2, undefined],
    ]);
    expect(planTextures(users).rows).toEqual([4, 2]);
  });

  test('another range of the same storage is something else', () => {
    const users = [read(0), read(0, 1, 256), read(0, 1, 256)].map((r) => ({ reads: [r], writes: [] }));
    expect(copied(users)).toEqual([[0], [0], [undefined]]);
  });

  test('one more texture is kept where it saves copies, and only there', () => {
    const [a, b, c] = [read(0, 2), read(1, 2), read(2)];
    const turns = [a, b, a, c, a, c].map((r) => ({ reads: [r], writes: [] }));
    expect(planTextures(turns).rows).toEqual([2, 1]);
    expect(copied(turns)).toEqual([[0], [1], [2], [2], [undefined], [undefined]]);
    expect(planTextures(turns.slice(0, 2)).rows).toEqual([2]);
    expect(planTextures([{ reads: [], writes: [] }]).rows).toEqual([]);
  });

  test('a copy is made with earlier ones, if its source is written by then', () => {
    const [a, b, c] = [read(0, 2), read(1, 2), read(2)];
    const users = (written: number) => [
      { reads: [a, b], writes: [root(written)] },
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

  test('every read finds its own range, as last written, in a texture of its own that is large enough', () => {
    const anyRead = fc.record({ i: fc.nat(4), rows: fc.integer({ min: 1, max: 6 }), offset: fc.constantFrom(0, 256) });
    const dispatch = fc.record({
      reads: fc.array(anyRead, { maxLength: 3 }),
      writes: fc.array(fc.nat(4), { maxLength: 1 }),
    });
    const check = (list: { reads: { i: number; rows: number; offset: number }[]; writes: number[] }[]) => {
      const users = list.map(({ reads, writes }) => ({
        reads: reads.map((r) => read(r.i, r.rows, r.offset)),
        writes: writes.map(root),
      }));
      const { rows, uses } = planTextures(users);
      const content = rows.map(() => '');
      const version = roots.map(() => 0);
      for (const [d, { reads, writes }] of list.entries()) {
        const here = uses[d] ?? [];
        expect(here.map((u) => u.read)).toEqual(users[d]?.reads);
        expect(new Set(here.map((u) => u.texture)).size).toBe(reads.length);
        const name = (r: TextureRead) =>
          [r.root.label, r.offset, r.bytes, version[roots.indexOf(r.root as never)]].join();
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

/** The first variant of the convolution that reads from textures, where the device has one that can run the call. */
const textured = (op: string, call: Call) =>
  op === 'conv2d'
    ? conv2dOp.variants.find(
        (v) =>
          !v.rejects?.(call as never) &&
          v.launch(call as never).dispatches.some((d) => d.shader.bindings.some((b) => b.type === 'texture')),
      )?.name
    : undefined;

test('a value that is computed once more brings along what its kernels read from textures', async () => {
  const engine = await sharedEngine();
  const weight = (seed: number) =>
    constant(
      Float32Array.from({ length: 9 * 8 * 8 }, (_, i) => Math.sin(seed + i) / 6),
      [3, 3, 8, 8],
    );
  const layer = (x: Tensor, seed: number) => conv2d(x, weight(seed), { stride: 1, pad: 1 });
  const x = input('x', [1, 9, 7, 8]);
  const first = layer(x, 1);
  const second = layer(x, 2);
  const outputs = { a: layer(layer(first, 3), 4), b: layer(layer(second, 5), 6) };
  const values = Float32Array.from({ length: 9 * 7 * 8 }, (_, i) => Math.cos(i));
  const plan = await compile(engine, outputs, { variant: textured });
  const kept = await compile(engine, outputs, { variant: textured, retain: 'all' });
  plan.run({ x: values });
  kept.run({ x: values });
  const elided = plan.steps.filter((s) => s.uploads.length < s.textures.length);
  // On a device with texture kernels the second layer finds x in a texture, which later layers take over.
  if (plan.steps.some((s) => s.textures.length)) expect(elided.map((s) => s.node)).toContain(second.node);
  // The second first: reading the other brings x along.
  for (const t of [second, first, outputs.a, outputs.b]) expect(await plan.read(t)).toEqual(await kept.read(t));
  plan.destroy();
  kept.destroy();
});
