import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSafetensors, toFloat64, writeSafetensors } from '../src/data/safetensors.js';
import { UsageError } from '../src/gpu/errors.js';

const floats = fc.array(fc.float({ noNaN: true }), { maxLength: 40 });

test('what is written is read back, bit for bit', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1 }), floats),
      fc.dictionary(fc.string(), fc.string()),
      (content, metadata) => {
        fc.pre(!('__metadata__' in content));
        const tensors = new Map(
          Object.entries(content).map(([k, v]) => [k, { shape: [v.length], data: Float32Array.from(v) }]),
        );
        const back = readSafetensors(writeSafetensors(tensors, metadata));
        expect({ ...back.metadata }).toEqual({ ...metadata });
        expect([...back.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
        for (const [k, t] of back.tensors) expect(Float32Array.from(toFloat64(t))).toEqual(tensors.get(k)?.data);
      },
    ),
  );
});

test('bytes that are no such file give an error, never a crash or a wrong tensor', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        readSafetensors(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }),
  );
});

test.each([
  ['cut short', (f: Uint8Array) => f.subarray(0, f.length - 1), /cut short/],
  ['no header', () => new Uint8Array(3), /3 bytes/],
  ['header beyond the end', (f: Uint8Array) => f.subarray(0, 12), /does not fit/],
])('%s', (_, damage, message) => {
  const file = writeSafetensors(new Map([['x', { shape: [2], data: Float32Array.of(1, 2) }]]));
  expect(() => readSafetensors(damage(file), 'x.safetensors')).toThrow(message);
});

test('all element types are read', () => {
  const header = (dtype: string, bytes: number) =>
    JSON.stringify({ x: { dtype, shape: [1], data_offsets: [0, bytes] } });
  const file = (dtype: string, data: Uint8Array) => {
    const text = new TextEncoder().encode(header(dtype, data.length));
    const all = new Uint8Array(8 + text.length + data.length);
    new DataView(all.buffer).setBigUint64(0, BigInt(text.length), true);
    all.set(text, 8);
    all.set(data, 8 + text.length);
    return all;
  };
  const bytesOf = (a: ArrayBufferView) => new Uint8Array(a.buffer);
  const values: [string, Uint8Array, number][] = [
    ['F64', bytesOf(Float64Array.of(-1.25)), -1.25],
    ['F16', bytesOf(Uint16Array.of(0xc500)), -5],
    ['F16', bytesOf(Uint16Array.of(1)), 2 ** -24],
    ['BF16', bytesOf(Uint16Array.of(0x3fc0)), 1.5],
    ['I64', bytesOf(BigInt64Array.of(-7n)), -7],
    ['U64', bytesOf(BigUint64Array.of(7n)), 7],
    ['I32', bytesOf(Int32Array.of(-8)), -8],
    ['U32', bytesOf(Uint32Array.of(4000000000)), 4000000000],
    ['I16', bytesOf(Int16Array.of(-9)), -9],
    ['U16', bytesOf(Uint16Array.of(65535)), 65535],
    ['I8', bytesOf(Int8Array.of(-3)), -3],
    ['U8', bytesOf(Uint8Array.of(200)), 200],
    ['BOOL', bytesOf(Uint8Array.of(1)), 1],
  ];
  for (const [dtype, data, value] of values) {
    const t = readSafetensors(file(dtype, data)).tensors.get('x');
    expect(toFloat64(t as NonNullable<typeof t>)[0], dtype).toBe(value);
  }
});
