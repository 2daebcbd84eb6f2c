import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPth } from '../src/data/pth.js';
import { type StoredTensor, toFloat64 } from '../src/data/safetensors.js';
import { zipBytes, zipEntries } from '../src/data/zip.js';
import { UsageError } from '../src/gpu/errors.js';
import { join, text, u32, zip } from './pth-files.js';

const fixture = (name: string) => new Uint8Array(readFileSync(`test/fixtures/torch/${name}.pth`));
const values = (t: StoredTensor | undefined) => (t ? [...toFloat64(t)] : undefined);
/** Makes the pickle of {name: tensor of f32 in storage 0}. */
function pickled(shape: readonly number[], strides: readonly number[], offset = 0, length = 24): Uint8Array {
  const string = (s: string) => join([0x58], u32(s.length), text(s));
  const integer = (n: number) => [0x4a, ...u32(n)];
  const tuple = (items: readonly number[]) => join([0x28], ...items.map(integer), [0x74]);
  const storage = join(
    [0x28],
    string('storage'),
    text('ctorch\nFloatStorage\n'),
    string('0'),
    string('cpu'),
    integer(length),
    [0x74, 0x51],
  );
  const made = join(
    text('ctorch._utils\n_rebuild_tensor_v2\n'),
    join([0x28], storage, integer(offset), tuple(shape), tuple(strides), [0x89, 0x7d, 0x74, 0x52]),
  );
  return join([0x80, 2, 0x7d, 0x28], string('x'), made, [0x75, 0x2e]);
}

const floats = new Uint8Array(Float32Array.from({ length: 24 }, (_, i) => i).buffer);
const file = (pickle: Uint8Array, options = {}) => zip({ 'a/data.pkl': pickle, 'a/data/0': floats }, options);

test.each(['zip', 'legacy'])('the %s format of torch.save is read: views, parameters, all kinds of numbers', (name) => {
  const tensors = readPth(fixture(name), name);
  const at = (key: string) => tensors.get(`state_dict.${key}`);
  expect([...tensors.keys()].filter((k) => !k.startsWith('state_dict.'))).toEqual([]);
  expect(at('layer.weight')?.shape).toEqual([2, 3, 2, 2]);
  expect(values(at('layer.weight'))).toEqual(Array.from({ length: 24 }, (_, i) => i));
  expect(at('layer.transposed')?.shape).toEqual([3, 2]);
  expect(values(at('layer.transposed'))).toEqual([0, 3, 1, 4, 2, 5]);
  expect(values(at('layer.tail'))).toEqual([7, 8, 9]);
  expect(values(at('layer.parameter'))).toEqual([0.5, -2]);
  expect(values(at('half'))).toEqual([1, -0.25]);
  expect(values(at('brain'))).toEqual([1.5]);
  expect(at('double')?.shape).toEqual([]);
  expect(values(at('double'))).toEqual([3.25]);
  expect(values(at('long'))).toEqual([-7]);
  expect(values(at('bool'))).toEqual([1, 0]);
  expect(tensors.size).toBe(9);
});

test('a file of more than 4 GiB has its sizes elsewhere, and they are read', () => {
  const wide = file(pickled([2, 3], [3, 1], 4), { wide: true });
  expect(values(readPth(wide).get('x'))).toEqual([4, 5, 6, 7, 8, 9]);
  const entry = zipEntries(wide).get('a/data/0');
  expect(entry && zipBytes(wide, entry)).toEqual(floats);
});

test('strided views are read by their strides', () => {
  const size = fc.integer({ min: 1, max: 4 });
  const stride = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(fc.tuple(size, size), fc.tuple(stride, stride), (shape, strides) => {
      const [h, w] = shape;
      const [a, b] = strides;
      const expected = Array.from({ length: h * w }, (_, k) => 2 + Math.floor(k / w) * a + (k % w) * b);
      expect(values(readPth(file(pickled(shape, strides, 2))).get('x'))).toEqual(expected);
    }),
  );
});

const call = (name: string) =>
  join([0x80, 2], text(`c${name}\n`), [0x28, 0x58], u32(4), text('true'), [0x74, 0x52, 0x2e]);

test.each([
  ['a whole model', () => fixture('model'), /needs torch\.nn\.modules\.container\.Sequential/],
  ['a call of anything else', () => file(call('os\nsystem')), /needs os\.system/],
  [
    'an unknown storage',
    () => file(Uint8Array.from([...pickled([1], [1])].map((b) => (b === 0x46 ? 0x47 : b)))),
    /GloatStorage/,
  ],
  ['a view beyond its values', () => file(pickled([5, 5], [5, 1])), /x reaches beyond/],
  ['a view that repeats values', () => file(pickled([1000, 1000], [0, 0])), /x repeats its values/],
  ['compressed entries', () => file(pickled([1], [1]), { method: 8 }), /compressed/],
  ['no pickle', () => zip({ 'a/b': floats }), /without data\.pkl/],
  ['no values', () => zip({ 'data.pkl': pickled([1], [1]) }), /data\/0 are missing/],
  ['big-endian numbers', () => zip({ 'data.pkl': pickled([1], [1]), byteorder: text('big') }), /big-endian/],
  ['no tensor', () => file(Uint8Array.of(0x80, 2, 0x7d, 0x2e)), /holds no tensor/],
  ['another pickle', () => Uint8Array.of(0x80, 2, 0x4b, 1, 0x2e), /not one of torch\.save/],
  ['text', () => text('hello, this is not a file of weights'), /neither a zip file nor a pickle/],
])('%s is refused, with what to do', (_, make, message) => {
  expect(() => readPth(make(), 'w.pth')).toThrow(message);
  expect(() => readPth(make(), 'w.pth')).toThrow(/^w\.pth is not a usable PyTorch file.*state_dict/);
});

test('files that are cut short or damaged give an error, never a crash', () => {
  for (const name of ['zip', 'legacy'])
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean(), (at, cut, byte, cuts) => {
        const bytes = fixture(name);
        bytes[at % bytes.length] = byte;
        try {
          readPth(cuts ? bytes.subarray(0, cut % bytes.length) : bytes, name);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 300 },
    );
});
