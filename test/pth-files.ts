import { crc32 } from '../src/data/crc32.js';

/** These functions make files of PyTorch for tests, byte by byte. */

export const text = (s: string) => new TextEncoder().encode(s);
export const join = (...parts: (Uint8Array | readonly number[])[]) => Uint8Array.from(parts.flatMap((p) => [...p]));
export const u16 = (n: number) => [n & 255, n >> 8];
export const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)];
const u64 = (n: number) => [...u32(n), ...u32(0)];

/** Makes a zip file of stored entries. `wide` writes sizes and offsets as zip64 does. */
export function zip(entries: Record<string, Uint8Array>, { wide = false, method = 0 } = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const all = 0xffffffff;
  for (const [name, data] of Object.entries(entries)) {
    const sizes = wide ? [...u32(all), ...u32(all)] : [...u32(data.length), ...u32(data.length)];
    const extra = wide ? [...u16(1), ...u16(24), ...u64(data.length), ...u64(data.length), ...u64(at)] : [];
    const common = [
      ...u16(20),
      ...u16(0),
      ...u16(method),
      ...u32(0),
      ...u32(crc32(data)),
      ...sizes,
      ...u16(name.length),
    ];
    const local = join(u32(0x04034b50), common, u16(0), text(name), data);
    const place = wide ? all : at;
    directory.push(
      join(
        u32(0x02014b50),
        u16(20),
        common,
        u16(extra.length),
        u16(0),
        u16(0),
        u16(0),
        u32(0),
        u32(place),
        text(name),
        extra,
      ),
    );
    parts.push(local);
    at += local.length;
  }
  const central = join(...directory);
  const count = directory.length;
  const end64 = join(
    u32(0x06064b50),
    u64(44),
    u16(45),
    u16(45),
    u64(0),
    u64(count),
    u64(count),
    u64(central.length),
    u64(at),
  );
  const locator = join(u32(0x07064b50), u32(0), u64(at + central.length), u32(1));
  const [n, offset] = wide ? [0xffff, all] : [count, at];
  const end = join(u32(0x06054b50), u32(0), u16(n), u16(n), u32(wide ? all : central.length), u32(offset), u16(0));
  return join(...parts, central, ...(wide ? [end64, locator] : []), end);
}

/** Returns Latin-1 text as bytes: opcodes of a pickle and their arguments. */
export const latin = (...parts: string[]) => Uint8Array.from(parts.join(''), (c) => c.charCodeAt(0));
const little = (n: number, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => String.fromCharCode(Math.floor(n / 256 ** i) % 256)).join('');

/** Parts of pickles of protocol 2 as Python 2 writes them, and of later protocols. */
export const pickle = {
  of: (value: string) => `\x80\x02${value}.`,
  text: (s: string) => `U${String.fromCharCode(s.length)}${s}`,
  int: (n: number) => `J${little(n, 4)}`,
  tuple: (...items: string[]) => `(${items.join('')}t`,
  list: (...items: string[]) => `](${items.join('')}e`,
  dict: (entries: Record<string, string>) =>
    `}(${Object.entries(entries)
      .map(([k, v]) => pickle.text(k) + v)
      .join('')}u`,
  global: (module: string, name: string) => `c${module}\n${name}\n`,
  call: (module: string, name: string, ...args: string[]) => `${pickle.global(module, name)}${pickle.tuple(...args)}R`,
  /** Makes a storage, or the part (offset, length) of one. */
  storage: (key: string, length: number, part?: readonly [number, number], type = 'FloatStorage') => {
    const { text, int, tuple, global } = pickle;
    const view = part ? tuple(text('9'), int(part[0]), int(part[1])) : 'N';
    return `${tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(length), view)}Q`;
  },
  /** (storage, offset, sizes, strides), the state of a tensor. */
  view: (storage: string, offset: number, shape: number[], strides: number[]) =>
    pickle.tuple(
      storage,
      pickle.int(offset),
      pickle.tuple(...shape.map(pickle.int)),
      pickle.tuple(...strides.map(pickle.int)),
    ),
  /** Makes a tensor as PyTorch 0.1.0 to 0.1.6 pickled it: an object of its class, then its state. */
  built: (state: string, type = 'FloatTensor') => `${pickle.global('torch', type)})\x81${state}b`,
  /** Makes a tensor as later versions pickle it. */
  rebuilt: (storage: string, offset: number, shape: number[], strides: number[]) =>
    pickle.call(
      'torch._utils',
      '_rebuild_tensor',
      storage,
      pickle.int(offset),
      pickle.tuple(...shape.map(pickle.int)),
      pickle.tuple(...strides.map(pickle.int)),
    ),
};

/**
 * Makes a file of torch.save from 0.1 to 1.5: `value` and the storages that it names, with their lengths and values.
 */
export function legacy(
  value: string,
  storages: Record<string, Float32Array>,
  { littleEndian = true, version = 1001, lengths = {} as Record<string, number> } = {},
): Uint8Array {
  const machine = pickle.dict({ protocol_version: pickle.int(version), little_endian: littleEndian ? '\x88' : '\x89' });
  const head = [
    '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19',
    pickle.int(version),
    machine,
    value,
    pickle.list(...Object.keys(storages).map(pickle.text)),
  ].map(pickle.of);
  const values = Object.entries(storages).map(([key, data]) =>
    join(u64(lengths[key] ?? data.length), new Uint8Array(data.buffer)),
  );
  return join(latin(...head), ...values);
}
