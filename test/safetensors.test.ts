import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSafetensors, toFloat64, writeSafetensors } from '../src/data/safetensors.js';
import { UsageError } from '../src/gpu/errors.js';

const floats = fc.array(fc.float({ noNaN: true }), { maxLength: 40 });

test('a written file is read back bit for bit', () => {
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

test('bytes of another kind give an error, never a crash or a wrong tensor', () => {
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
  ['that is cut short', (f: Uint8Array) => f.subarray(0, f.length - 1), /cut short/],
  ['without a header', () => Uint8Array.of(1, 2, 3), /3 bytes/],
  ['whose header extends beyond its end', (f: Uint8Array) => f.subarray(0, 12), /does not fit/],
])('a file %s is refused', (_, damage, message) => {
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

/** Makes a file of this header and this many bytes of data. `length` can give a wrong length of the header. */
function raw(header: string | Uint8Array, data = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + data);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}
const u8 = (from: number, to: number, shape = `[${to - from}]`) =>
  `{"dtype":"U8","shape":${shape},"data_offsets":[${from},${to}]}`;
const one = (shape: string, from = 0, to = 1) => raw(`{"a":${u8(from, to, shape)}}`, to);
const surrogate = `${String.fromCharCode(0x5c)}ud800`;

/** The reference reader (huggingface/safetensors 0.8) accepts these files and gives the same shapes. */
test.each<[string, Uint8Array, Record<string, number[]>]>([
  ['tensors in another order than their values', raw(`{"b":${u8(1, 2)},"a":${u8(0, 1)}}`, 2), { b: [1], a: [1] }],
  [
    'an empty tensor between others',
    raw(`{"e":${u8(1, 1)},"a":${u8(0, 1)},"b":${u8(1, 2)}}`, 2),
    { e: [0], a: [1], b: [1] },
  ],
  ['a single value', one('[]'), { a: [] }],
  ['no tensor', raw('{}'), {}],
  ['space around the header', raw(` {"a":${u8(0, 1)}}   `, 1), { a: [1] }],
  ['fields of no meaning', raw('{"a":{"dtype":"U8","x":{"y":[]},"shape":[1],"data_offsets":[0,1]}}', 1), { a: [1] }],
  ['metadata of null', raw(`{"__metadata__":null,"a":${u8(0, 1)}}`, 1), { a: [1] }],
  ['an empty name', raw(`{"":${u8(0, 1)}}`, 1), { '': [1] }],
  [
    'an empty tensor with one huge dimension',
    raw('{"a":{"dtype":"U8","shape":[0,9007199254740991,2],"data_offsets":[0,0]}}'),
    { a: [0, 2 ** 53 - 1, 2] },
  ],
])('a file with %s is read', (_, file, shapes) => {
  expect(Object.fromEntries([...readSafetensors(file).tensors].map(([k, t]) => [k, t.shape]))).toEqual(shapes);
});

test('__proto__ is a name like any other for tensors and metadata', () => {
  const { tensors, metadata } = readSafetensors(raw(`{"__proto__":${u8(0, 2)},"__metadata__":{"__proto__":"m"}}`, 2));
  expect([...tensors.keys()]).toEqual(['__proto__']);
  expect(tensors.get('__proto__')?.bytes).toHaveLength(2);
  expect(Object.entries(metadata)).toEqual([['__proto__', 'm']]);
  expect(({} as Record<string, unknown>).m).toBeUndefined();
});

/** The reference reader refuses these files. After the line are duplicates, which it resolves to either of the two. */
test.each<[string, Uint8Array, RegExp]>([
  ['a hole', raw(`{"a":${u8(5, 6)}}`, 6), /hole before tensor "a": bytes 0 to 5/],
  ['a hole in the middle', raw(`{"a":${u8(0, 1)},"b":${u8(2, 3)}}`, 3), /hole before tensor "b": bytes 1 to 2/],
  [
    'an overlap',
    raw(`{"a":${u8(0, 2)},"b":${u8(1, 3)}}`, 3),
    /"b" overlaps another one: it begins at 1, but the other ends at 2/,
  ],
  ['two names for the same values', raw(`{"a":${u8(0, 2)},"b":${u8(0, 2)}}`, 2), /"b" overlaps/],
  ['bytes behind the last tensor', raw(`{"a":${u8(0, 1)}}`, 3), /its last 2 bytes belong to no tensor/],
  ['values that are cut short', raw(`{"a":${u8(0, 9)}}`, 3), /cut short: its values take 9 bytes, but it has 3/],
  ['an empty tensor beyond the end', raw(`{"a":${u8(5, 5)},"b":${u8(0, 1)}}`, 1), /hole before tensor "a"/],
  ['offsets the wrong way round', raw(`{"a":${u8(2, 0, '[2]')}}`, 2), /needs 2 bytes, its data_offsets give -2/],
  ['another size than the shape’s', raw(`{"a":${u8(0, 3, '[2]')}}`, 3), /needs 2 bytes, its data_offsets give 3/],
  ['a shape beyond all files', one('[9007199254740991,9007199254740991]'), /larger than any file/],
  ['a shape beyond all files times 0', one('[9007199254740991,2,0]', 0, 0), /larger than any file/],
  ['a size beyond 2^53', one('[9007199254740993]'), /the shape \[9007199254740992\], not a list of sizes/],
  ['a size of 1.0', one('[1.0]'), /\[1\.0\].* is not a count/],
  ['a size of 1e0', one('[1e0]'), /\[1e0\].* is not a count/],
  ['a size of -0', one('[-0]', 0, 0), /\[-0\].* is not a count/],
  ['a size that is text', one('["1"]'), /the shape \["1"\], not a list/],
  [
    'half a byte',
    raw('{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}', 1),
    /needs 0.5 bytes, its data_offsets give 1/,
  ],
  ['an unknown type', raw('{"a":{"dtype":"X8","shape":[1],"data_offsets":[0,1]}}', 1), /unknown type "X8"/],
  [
    'a type that every object has',
    raw('{"a":{"dtype":"constructor","shape":[1],"data_offsets":[0,1]}}', 1),
    /unknown type/,
  ],
  [
    'a type that is not read here',
    raw('{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', 1),
    /F8_E4M3, which is not read here; save it as F32/,
  ],
  ['no offsets', raw('{"a":{"dtype":"U8","shape":[1]}}', 1), /data_offsets nothing, not two offsets/],
  ['three offsets', raw('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 2), /not two offsets/],
  ['null for a tensor', raw('{"a":null}'), /tensor "a" has no dtype/],
  ['metadata that is not a text', raw('{"__metadata__":{"x":1}}'), /metadata "x" is 1, not a text/],
  ['metadata that is a list', raw('{"__metadata__":[]}'), /__metadata__ is \[\], not an object/],
  ['a header that is a list', raw('[  ]'), /not a JSON object/],
  [
    'a header in Latin-1',
    raw(
      Uint8Array.from(`{"\xff":${u8(0, 1)}}`, (c) => c.charCodeAt(0)),
      1,
    ),
    /not UTF-8/,
  ],
  ['a byte order mark', raw(`\ufeff{"a":${u8(0, 1)}}`, 1), /not usable JSON/],
  ['zeros behind the header', raw(`{"a":${u8(0, 1)}}\0\0`, 1), /not usable JSON/],
  ['half a surrogate pair', raw(`{"${surrogate}":${u8(0, 1)}}`, 1), /not Unicode text/],
  ['lists 1000 deep', raw(`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`), /nests more than 64 levels/],
  ['a header longer than the file', raw('{}', 0, 100n), /header of 100 bytes does not fit into 10 bytes/],
  ['a header of 100 MB and one byte', raw('{}', 0, 100_000_001n), /header of 100000001 bytes; 2 … 100000000/],
  ['a header of 2^63 bytes', raw('{}', 0, 1n << 63n), /header of 9223372036854776000 bytes/],
  ['a header of nothing', raw('', 3, 0n), /header of 0 bytes/],
  [
    'a field twice',
    raw('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
    /"dtype" occurs twice/,
  ],
  ['metadata twice', raw('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" occurs twice/],
  // ---
  ['a name twice, of other sizes', raw(`{"a":${u8(0, 1)},"a":${u8(0, 2)}}`, 2), /the name "a" occurs twice/],
  [
    'a name twice, one escaped',
    raw(`{"a":${u8(0, 1)},"${String.fromCharCode(0x5c)}u0061":${u8(1, 2)}}`, 2),
    /the name "a" occurs twice/,
  ],
  ['a name of metadata twice', raw('{"__metadata__":{"x":"1","x":"2"}}'), /the name "x" occurs twice/],
])('a file with %s is refused by its name', (_, file, message) => {
  expect(() => readSafetensors(file, 'w.safetensors')).toThrow(message);
  expect(() => readSafetensors(file, 'w.safetensors')).toThrow(/^w\.safetensors /);
  expect(() => readSafetensors(file, 'w.safetensors')).toThrow(UsageError);
});

test('the error for another kind of file shows how it begins', () => {
  const page = new TextEncoder().encode('<!doctype html><title>Log in</title>');
  expect(() => readSafetensors(page, 'w')).toThrow(/It begins with "<!doctype html>/);
});

test('a flipped bit of a file that this library wrote is found, wherever it is in the values', () => {
  const data = Float32Array.from({ length: 100 }, (_, i) => i / 7);
  const file = writeSafetensors(new Map([['w', { shape: [100], data }]]));
  const begin = file.length - 400;
  for (let at = begin; at < file.length; at++) {
    const damaged = file.slice();
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
    expect(() => readSafetensors(damaged, 'c')).toThrow(
      /values of tensor "w" do not match its checksum: it is damaged/,
    );
  }
  // Where it begins in memory changes nothing.
  const moved = new Uint8Array(file.length + 1);
  moved.set(file, 1);
  expect(readSafetensors(moved.subarray(1)).tensors.get('w')?.bytes).toHaveLength(400);
});
