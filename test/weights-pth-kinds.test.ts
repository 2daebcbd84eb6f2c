import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readPth } from '../src/data/pth.js';
import { toFloat64 } from '../src/data/safetensors.js';
import { zipEntries } from '../src/data/zip.js';
import { UsageError } from '../src/gpu/errors.js';
import { join, latin, legacy, pickle, text, u16, u32, zip } from './pth-files.js';

const { call, dict, int, list, rebuilt, storage, tuple, view } = pickle;
const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => i + 0.5);
const values = (file: Uint8Array) =>
  Object.fromEntries([...readPth(file, 'w.pth')].map(([k, t]) => [k, { shape: t.shape, values: [...toFloat64(t)] }]));
/** Makes a zip file of this pickle and one storage of 6 floats. */
const zipped = (value: string) =>
  zip({ 'a/data.pkl': latin(pickle.of(value)), 'a/data/0': new Uint8Array(numbers(6).buffer) });
const six = rebuilt(storage('0', 6), 0, [6], [1]);

describe('files of PyTorch 0.1', () => {
  test('torch.FloatTensor with its state after it, in an OrderedDict of Python 2, is read', () => {
    const transposed = pickle.built(view(storage('94', 6), 0, [3, 2], [1, 3]));
    const bias = pickle
      .built(view(storage('95', 2), 1, [1], [1]), 'cuda.FloatTensor')
      .replace('torch\ncuda.', 'torch.cuda\n');
    const pairs = list(list(pickle.text('w'), transposed), list(pickle.text('b'), bias));
    const file = legacy(call('collections', 'OrderedDict', pairs), { 94: numbers(6), 95: numbers(2) });
    expect(values(file)).toEqual({
      w: { shape: [3, 2], values: [0.5, 3.5, 1.5, 4.5, 2.5, 5.5] },
      b: { shape: [1], values: [1.5] },
    });
  });

  test('parts of one storage are read from where they begin', () => {
    const part = (offset: number) => rebuilt(storage('1', 6, [offset, 3]), 1, [2], [1]);
    expect(values(legacy(dict({ a: part(0), b: part(3) }), { 1: numbers(6) }))).toEqual({
      a: { shape: [2], values: [1.5, 2.5] },
      b: { shape: [2], values: [4.5, 5.5] },
    });
  });

  test('sizes may be a torch.Size', () => {
    const size = call('torch', 'Size', tuple(int(2), int(3)));
    const tensor = call('torch._utils', '_rebuild_tensor', storage('0', 6), int(0), size, tuple(int(3), int(1)));
    expect(values(legacy(dict({ a: tensor }), { 0: numbers(6) })).a?.shape).toEqual([2, 3]);
  });
});

test('several tensors of one storage all have their values', () => {
  const shared = dict({ a: six, b: rebuilt(storage('0', 6), 4, [2], [1]), c: six });
  const got = values(zipped(shared));
  expect(got.b?.values).toEqual([4.5, 5.5]);
  expect(got.c).toEqual(got.a);
});

test('a training state beside the weights is ignored, because numbers name no tensor', () => {
  const optimizer = dict({ state: `}(${int(0)}${dict({ exp_avg: six })}u` });
  expect(Object.keys(values(zipped(dict({ state_dict: dict({ w: six }), optimizer }))))).toEqual(['state_dict.w']);
});

test('only the chosen tensors are read', () => {
  const file = zipped(dict({ a: six, b: rebuilt(storage('missing', 6), 0, [6], [1]) }));
  expect([...readPth(file, 'w', (names) => names.filter((n) => n === 'a')).keys()]).toEqual(['a']);
  expect(() => readPth(file, 'w')).toThrow(/data\/missing are missing/);
});

describe('bombs', () => {
  test('dictionaries that contain each other 2^40 times count once each', () => {
    const file = new Uint8Array(readFileSync('test/fixtures/cases/tensors/laughs-dict.pth'));
    const deepest = Array(40).fill('a').join('.');
    expect([...readPth(file).keys()]).toEqual([deepest, `${deepest.slice(0, -1)}b`]);
  });

  /**
   * Nests a dictionary, list or tuple `n` times, each level containing the previous one twice, under memo keys from 1
   * on.
   */
  const doubled = (n: number, twice: (inner: string) => string) =>
    Array.from(
      { length: n },
      (_, i) => `${twice(i ? `h${String.fromCharCode(i)}` : int(1))}q${String.fromCharCode(i + 1)}0`,
    ).join('');
  const last = (n: number) => `h${String.fromCharCode(n)}`;

  test.each([
    ['lists', doubled(60, (x) => list(x, x)) + dict({ w: six, x: last(60) })],
    ['tuples', doubled(60, (x) => tuple(x, x)) + dict({ w: six, x: last(60) })],
  ])('%s that contain themselves are no tensors', (_, value) => {
    expect(Object.keys(values(zipped(value)))).toEqual(['w']);
  });

  test.each([
    ['as the name of a class', `${doubled(60, (x) => list(x, x))}${last(60)}${last(60)}\x93)R`, /damaged near/],
    [
      'as a shape',
      `${doubled(60, (x) => tuple(x, x))}${call('torch._utils', '_rebuild_tensor', storage('0', 6), int(0), last(60), last(60))}`,
      /a tensor is damaged/,
    ],
    ['as a key', `${doubled(60, (x) => tuple(x, x))}}(${last(60)}${six}u`, /holds no tensor/],
    [
      'as the key of a storage',
      `${doubled(60, (x) => tuple(x, x))}${storage('0', 6).replace(pickle.text('0'), last(60))}`,
      /a storage is damaged/,
    ],
    ['a dictionary that holds itself', `}q\x01(${pickle.text('a')}h\x01u`, /holds itself/],
    ['two that hold each other', `}q\x01(${pickle.text('a')}}q\x02(${pickle.text('b')}h\x01uu`, /holds itself/],
    [
      'a hundred and one dictionaries deep',
      `${`}(${pickle.text('a')}`.repeat(101)}${six}${'u'.repeat(101)}`,
      /more than 100 levels/,
    ],
    [
      'a name of five thousand characters',
      `}(X${String.fromCharCode(0x88, 0x13, 0, 0)}${'n'.repeat(5000)}${six}u`,
      /longer than 4096/,
    ],
    [
      'a tensor of 65 dimensions',
      rebuilt(storage('0', 6), 0, Array(65).fill(1), Array(65).fill(1)),
      /a tensor is damaged/,
    ],
    [
      'a shape beyond all files',
      dict({ a: rebuilt(storage('0', 6), 0, Array(40).fill(2 ** 31 - 1), Array(40).fill(0)) }),
      /a repeats its values/,
    ],
    ['copies of one OrderedDict', `${call('collections', 'OrderedDict', dict({ a: six }))}`, /OrderedDict is damaged/],
    ['a quarter of a million dictionaries', '}'.repeat(250_001), /more than .* objects/],
    ['a class name without an end', `c${'x'.repeat(2000)}`, /damaged near/],
    ['two tensors of one name', dict({ a: dict({ b: six }), 'a.b': six }), /two tensors have the name a\.b/],
    [
      'a tensor without its state',
      dict({ a: `${pickle.global('torch', 'FloatTensor')})\x81` }),
      /the tensor a has no values/,
    ],
    ['state for a number', `${int(1)}${tuple()}b`, /gives state to something/],
    ['a storage of two sizes', dict({ a: six, b: rebuilt(storage('0', 5), 0, [5], [1]) }), /storage 0 is named twice/],
    [
      'a storage that is too short',
      dict({ a: rebuilt(storage('0', 7), 0, [6], [1]) }),
      /storage 0 has 24 bytes, but its 7 values need 28/,
    ],
    ['a part beyond its storage', dict({ a: rebuilt(storage('0', 6, [4, 3]), 0, [3], [1]) }), /reaches beyond it/],
    ['a view beyond its part', dict({ a: rebuilt(storage('0', 6, [0, 3]), 1, [3], [1]) }), /a reaches beyond/],
  ])('%s is an error that names the file', (_, value, message) => {
    expect(() => readPth(zipped(value), 'w.pth')).toThrow(message);
    expect(() => readPth(zipped(value), 'w.pth')).toThrow(/^w\.pth is not a usable PyTorch file/);
  });

  test('copies of many views of one storage are limited to the size of the file and 16 MiB', () => {
    const side = 256;
    const big = (name: string) => pickle.text(name) + rebuilt(storage('0', side ** 2), 0, [side, side], [1, side]);
    const names = Array.from({ length: 80 }, (_, i) => `t${i}`);
    const file = zip({
      'data.pkl': latin(pickle.of(`}(${names.map(big).join('')}u`)),
      'data/0': new Uint8Array(numbers(side ** 2).buffer),
    });
    expect(() => readPth(file)).toThrow(/many times larger than the file/);
    expect(readPth(file, 'w', () => names.slice(0, 60)).size).toBe(60);
  });
});

describe('names of classes', () => {
  const needs = (module: string, name: string) => zipped(`${pickle.global(module, name)})\x81}b`);
  test.each([
    ['torch.nn.modules.container', 'Sequential', /whole model/],
    ['torchvision.models.vgg', 'VGG', /whole model/],
    ['__main__', 'Net', /whole model/],
    ['__torch__.torchvision.models.vgg', 'VGG', /whole model/],
    ['torch._utils', '_rebuild_sparse_tensor', /a tensor in it is not a plain array/],
    ['argparse', 'Namespace', /more than tensors/],
    ['numpy.core.multiarray', 'scalar', /more than tensors/],
    ['builtins', 'eval', /more than tensors/],
    ['constructor', '__proto__', /more than tensors/],
  ])('%s.%s stays a name: %s', (module, name, message) => {
    expect(() => readPth(needs(module, name), 'w.pth')).toThrow(message);
    expect(() => readPth(needs(module, name), 'w.pth')).toThrow(`it needs ${module}.${name}`);
    expect(() => readPth(needs(module, name), 'w.pth')).toThrow(/model\.state_dict\(\)/);
  });

  test('a module that a file of PyTorch 0.1 contains with its source stays a name, too', () => {
    const id = tuple(
      pickle.text('module'),
      pickle.global('__main__', 'Net'),
      pickle.text('net.py'),
      pickle.text('pass'),
    );
    expect(() => readPth(legacy(`${id}Q`, {}), 'w.pth')).toThrow(/__main__\.Net: it holds a whole model/);
  });
});

describe('the older format', () => {
  const file = (options = {}) => legacy(dict({ a: six }), { 0: numbers(6) }, options);
  test.each([
    ['big-endian numbers', file({ littleEndian: false }), /big-endian.*little-endian machine/],
    ['another version', file({ version: 1002 }), /version 1002, not 1001/],
    ['a length that lies', file({ lengths: { 0: 5 } }), /storage "0" has 5 values, its tensors say 6/],
    ['values that are cut short', file().subarray(0, file().length - 1), /cut short/],
    [
      'values of no tensor',
      legacy(dict({ a: six }), { 0: numbers(6), 1: numbers(1) }),
      /no tensor uses the values "1"/,
    ],
    ['no values', legacy(dict({ a: six }), {}), /the values 0 are missing/],
  ])('%s is an error', (_, bytes, message) => {
    expect(() => readPth(bytes, 'w.pth')).toThrow(message);
  });
});

describe('zip files', () => {
  const content = { 'a/data.pkl': latin(pickle.of(dict({ x: six }))), 'a/data/0': new Uint8Array(numbers(6).buffer) };
  const plain = zip(content);
  const view = new DataView(plain.buffer);
  /** Returns the offsets of the directory's records and of the headers before the values. */
  const directory = view.getUint32(plain.length - 6, true);
  const second = directory + 46 + 'a/data.pkl'.length;
  const header = view.getUint32(second + 42, true);
  const changed = (...changes: [number, readonly number[]][]) => {
    const bytes = plain.slice();
    for (const [at, to] of changes) bytes.set(to, at);
    return bytes;
  };
  const last = header + 30 + 'a/data/0'.length;

  test('the undamaged file is read, even with a comment after it', () => {
    expect(values(plain).x?.values).toEqual([...numbers(6)]);
    const comment = text('made by hand');
    const commented = join(changed([plain.length - 2, u16(comment.length)]), comment);
    expect(values(commented).x?.values).toEqual([...numbers(6)]);
  });

  test('sizes may be given only after the values', () => {
    const described = changed([header + 6, u16(8)], [header + 14, [...u32(0), ...u32(0), ...u32(0)]]);
    expect(values(described).x?.values).toEqual([...numbers(6)]);
  });

  test('a checksum of 0 is ignored if the other one is 0, too', () => {
    expect(values(changed([second + 16, u32(0)], [header + 14, u32(0)])).x?.values).toEqual([...numbers(6)]);
    const half = changed([second + 16, u32(0)], [last, [9]]);
    expect(() => readPth(half)).toThrow(/does not match its checksum/);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['a flipped bit of a weight', changed([last + 5, [0x17]]), /data\/0 does not match its checksum: it is damaged/],
    ['a flipped bit of the pickle', changed([40 + 4, [0x17]]), /data\.pkl does not match its checksum/],
    ['another checksum', changed([second + 16, u32(7)]), /two headers differ/],
    ['another size', changed([second + 24, u32(20)]), /stores 24 bytes and claims 20/],
    ['other sizes', changed([second + 20, u32(20)], [second + 24, u32(20)]), /two headers differ/],
    [
      'other sizes everywhere',
      changed([second + 20, [...u32(20), ...u32(20)]], [header + 18, [...u32(20), ...u32(20)]]),
      /does not match its checksum/,
    ],
    ['a size into the directory', changed([second + 20, u32(99)], [second + 24, u32(99)]), /reach into the directory/],
    ['two names for one entry', changed([header + 30, [...text('b')]]), /two names differ/],
    [
      'two entries at one place',
      changed([second + 42, u32(0)], [second + 46, [...text('a/data.p')]]),
      /two names differ/,
    ],
    ['an entry outside the file', changed([second + 42, u32(0x7fffffff)]), /header is not where it should be/],
    ['an encrypted entry', changed([second + 8, u16(1)]), /encrypted/],
    ['a part of several files', changed([plain.length - 18, u16(1)]), /one part of a zip file/],
    ['fewer entries than the directory holds', changed([plain.length - 12, [...u16(1)]]), /do not fill it/],
    ['more entries than the directory holds', changed([plain.length - 12, [...u16(3)]]), /no directory at its end/],
    ['no end', plain.subarray(0, plain.length - 1), /no directory at its end/],
    [
      'two pickles',
      zip({ ...content, 'b/data.pkl': latin(pickle.of(dict({}))) }),
      /two pickles, a\/data\.pkl and b\/data\.pkl/,
    ],
    ['an unknown byte order', zip({ ...content, 'a/byteorder': text('middle') }), /byte order is "middle"/],
    [
      'arrays of NumPy',
      zip({ 'conv1_1.npy': text('x') }),
      /without data\.pkl: it is a NumPy archive \(\.npz\)\. Load it with/,
    ],
  ])('%s is an error that names the file', (_, bytes, message) => {
    expect(() => readPth(bytes, 'w.pth')).toThrow(message);
    expect(() => readPth(bytes, 'w.pth')).toThrow(UsageError);
    expect(() => readPth(bytes, 'w.pth')).toThrow(/^w\.pth is not a usable/);
  });

  test('two entries with one name, and two that overlap, are errors', () => {
    const twice = zip({ 'a/data.pkl': text('1'), 'b/data.pkl': text('2') });
    const at = [...latin('b/data.pkl')];
    const renamed = Uint8Array.from(twice);
    for (let i = 0; i < renamed.length; i++) if (at.every((b, k) => twice[i + k] === b)) renamed[i] = 'a'.charCodeAt(0);
    expect(() => zipEntries(renamed)).toThrow(/two entries a\/data\.pkl/);
    // The second entry is moved to a copy of its header and values within the values of the first.
    const copy = zip({ x: text('abc') }).subarray(0, 30 + 1 + 3);
    const outer = zip({ holder: copy, x: text('abc') });
    const start = new DataView(outer.buffer).getUint32(outer.length - 6, true);
    const moved = outer.slice();
    moved.set(u32(30 + 'holder'.length), start + 46 + 'holder'.length + 42);
    expect([...zipEntries(outer).keys()]).toEqual(['holder', 'x']);
    expect(() => zipEntries(moved)).toThrow(/entry x overlaps another one/);
  });
});
