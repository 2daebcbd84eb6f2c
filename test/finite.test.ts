import { beforeAll, expect, test } from 'vitest';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Engine } from '../src/gpu/engine.js';
import { describeNonFinite } from '../src/gpu/errors.js';
import { ParameterStorage } from '../src/gpu/parameter-storage.js';
import { FiniteCheck } from '../src/kernels/finite/finite.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** The sizes are one value, sizes around the 64 to which tensors are padded, and one that takes several workgroups. */
const sizes = { one: [1], odd: [3, 3, 2, 7], whole: [64], long: [5, 7001], last: [66] };
const bits = (word: number) => new Float32Array(Uint32Array.of(word).buffer)[0] as number;
/** First both infinities, and quiet and signalling NaN of both signs; then the largest and smallest numbers and −0. */
const BAD = [0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff];
const GOOD = [0x7f7fffff, 0xff7fffff, 0x00000001, 0x807fffff, 0x80000000];

function setOf(name: string) {
  const set = new ParameterSet(name);
  for (const [tensor, shape] of Object.entries(sizes)) set.parameter(tensor, shape, (i) => Math.sin(i));
  return set;
}

test('it finds and counts NaN and infinities in the first, a middle and the last value of every tensor', async () => {
  const sets = [setOf('first'), setOf('second')];
  const check = await FiniteCheck.create(
    engine,
    sets.map((set) => ({ set, name: (p) => `${set.name}.${p}` })),
  );
  expect(await check.look()).toEqual([]);
  for (const set of sets) {
    const storage = ParameterStorage.of(engine, set);
    for (const tensor of set.names) {
      const { size } = set.get(tensor);
      const fine = set.initial(tensor);
      for (const at of new Set([0, size >> 1, size - 1])) {
        const values = fine.slice();
        const words = new Uint32Array(values.buffer);
        for (const word of BAD) {
          words[at] = word;
          storage.write(new Map([[tensor, values]]));
          expect(await check.look(), `${word.toString(16)} at ${at} of ${set.name}.${tensor}`).toEqual([
            { name: `${set.name}.${tensor}`, count: 1, size },
          ]);
        }
      }
      storage.write(new Map([[tensor, fine]]));
    }
  }
  for (const set of sets) storageOf(set).write(new Map([['long', new Float32Array(35005).fill(Number.NaN)]]));
  storageOf(sets[1] as ParameterSet).write(new Map([['one', Float32Array.of(Number.POSITIVE_INFINITY)]]));
  const found = await check.look();
  expect(found).toEqual([
    { name: 'first.long', count: 35005, size: 35005 },
    { name: 'second.one', count: 1, size: 1 },
    { name: 'second.long', count: 35005, size: 35005 },
  ]);
  expect(describeNonFinite(found)).toBe(
    '35005 of the 35005 values of first.long are NaN or infinite, as are some of 2 more tensors',
  );
  check.destroy();
});

const storageOf = (set: ParameterSet) => ParameterStorage.of(engine, set);

test('the largest and smallest numbers count as finite, and memory after a tensor is not checked', async () => {
  const set = setOf('finite');
  const storage = storageOf(set);
  const check = await FiniteCheck.create(engine, [{ set, name: (p) => p }]);
  storage.write(new Map([['whole', Float32Array.from({ length: 64 }, (_, i) => bits(GOOD[i % 5] as number))]]));
  for (const [name, { slab, offset }] of storage.layout.at) {
    const { size } = set.get(name);
    const padding = 64 * Math.ceil(size / 64) - size;
    if (!padding) continue;
    const words = new Float32Array(padding).fill(Number.NaN);
    engine.write(storage.buffers[slab] as GPUBuffer, 4 * (offset + size), words);
  }
  expect(await check.look()).toEqual([]);
  storage.write(new Map([['last', new Float32Array(66).fill(1).fill(Number.NaN, 65)]]));
  expect(await check.look()).toEqual([{ name: 'last', count: 1, size: 66 }]);
  check.destroy();
});

test('looks that are queued one after another see the values at their time', async () => {
  const set = setOf('queued');
  const check = await FiniteCheck.create(engine, [{ set, name: (p) => p }]);
  const before = check.look();
  storageOf(set).write(new Map([['one', Float32Array.of(Number.NaN)]]));
  const between = check.look();
  storageOf(set).write(new Map([['one', Float32Array.of(1)]]));
  const { bindGroups, buffers } = engine.counters;
  const after = check.look();
  expect((await Promise.all([before, between, after])).map((f) => f.length)).toEqual([0, 1, 0]);
  await check.look();
  expect(engine.counters.bindGroups).toBe(bindGroups);
  expect(engine.counters.buffers - buffers, 'read-back buffers at most').toBeLessThanOrEqual(1);
  check.destroy();
});
