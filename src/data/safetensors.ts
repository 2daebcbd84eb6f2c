import { UsageError } from '../gpu/errors.js';

/**
 * safetensors: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}, __metadata__},
 * then the data. https://github.com/huggingface/safetensors#format
 */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Little-endian bytes of the values. */
  readonly bytes: Uint8Array;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const SIZES: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

const isCount = (x: unknown): x is number => typeof x === 'number' && Number.isSafeInteger(x) && x >= 0;

/** Reads a file. `name` is for errors, which tell what is wrong with it. */
export function readSafetensors(file: Uint8Array, name = 'file'): Safetensors {
  const fail = (what: string) => new UsageError(`${name} is not a usable safetensors file: ${what}`);
  if (file.length < 8) throw fail(`it has ${file.length} bytes, its header length alone takes 8`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (8 + length > file.length) throw fail(`its header of ${length} bytes does not fit into ${file.length} bytes`);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, 8 + length)));
  } catch (error) {
    throw fail(`its header is not JSON (${(error as Error).message})`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw fail('its header is no JSON object');
  const data = file.subarray(8 + length);
  const tensors = new Map<string, StoredTensor>();
  for (const [key, value] of Object.entries(header)) {
    if (key === '__metadata__') continue;
    const { dtype, shape, data_offsets: range } = (value ?? {}) as Record<string, unknown>;
    const size = SIZES[String(dtype)];
    if (size === undefined) throw fail(`tensor ${key} has the unknown type ${String(dtype)}`);
    if (!Array.isArray(shape) || !shape.every(isCount))
      throw fail(`tensor ${key} has the shape ${JSON.stringify(shape)}`);
    if (!Array.isArray(range) || range.length !== 2 || !range.every(isCount))
      throw fail(`tensor ${key} has no data_offsets`);
    const [from, to] = range as [number, number];
    const bytes = size * (shape as number[]).reduce((a, b) => a * b, 1);
    if (to - from !== bytes) throw fail(`tensor ${key} needs ${bytes} bytes, its offsets give ${to - from}`);
    if (to > data.length) throw fail(`tensor ${key} ends at byte ${to} of ${data.length}: the file is cut short`);
    tensors.set(key, { dtype: String(dtype), shape: shape as number[], bytes: data.subarray(from, to) });
  }
  return { metadata: (header.__metadata__ as Record<string, string> | undefined) ?? {}, tensors };
}

/** Values of a stored tensor as numbers. */
export function toFloat64({ dtype, bytes, shape }: StoredTensor): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const get: Record<string, (i: number) => number> = {
    F64: (i) => view.getFloat64(8 * i, true),
    F32: (i) => view.getFloat32(4 * i, true),
    F16: (i) => halfToNumber(view.getUint16(2 * i, true)),
    BF16: (i) => bfloatToNumber(view.getUint16(2 * i, true)),
    I64: (i) => Number(view.getBigInt64(8 * i, true)),
    U64: (i) => Number(view.getBigUint64(8 * i, true)),
    I32: (i) => view.getInt32(4 * i, true),
    U32: (i) => view.getUint32(4 * i, true),
    I16: (i) => view.getInt16(2 * i, true),
    U16: (i) => view.getUint16(2 * i, true),
    I8: (i) => view.getInt8(i),
    U8: (i) => view.getUint8(i),
    BOOL: (i) => view.getUint8(i),
  };
  const read = get[dtype] as (i: number) => number;
  for (let i = 0; i < out.length; i++) out[i] = read(i);
  return out;
}

/** Whether this machine keeps numbers as the format does; every machine that has WebGPU today does. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Values of a stored tensor as 32-bit floats, always a copy (Node's Buffer has a slice that is none). */
export function toFloat32(tensor: StoredTensor): Float32Array {
  if (tensor.dtype === 'F32' && LITTLE_ENDIAN) return new Float32Array(new Uint8Array(tensor.bytes).buffer);
  return Float32Array.from(toFloat64(tensor));
}

function halfToNumber(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function bfloatToNumber(h: number): number {
  return new Float32Array(Uint32Array.of(h << 16).buffer)[0] as number;
}

/**
 * Writes f32 tensors. Names are kept in the order given; the header is padded so that data start at a multiple of 8.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // Without a prototype, so that no tensor name is special.
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  let at = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + 4 * data.length] };
    at += 4 * data.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + length + at).fill(0x20, 8, 8 + length);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(length), true);
  file.set(text, 8);
  let to = 8 + length;
  for (const { data } of tensors.values()) {
    if (LITTLE_ENDIAN) file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
    else for (const [i, x] of data.entries()) view.setFloat32(to + 4 * i, x, true);
    to += 4 * data.length;
  }
  return file;
}
