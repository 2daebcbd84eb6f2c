import { UsageError } from '../gpu/errors.js';
import { hashWords } from '../hash.js';
import { shown } from './json-scan.js';
import { type HeaderEntry, headerLength, parseSafetensorsHeader } from './safetensors-header.js';

/**
 * A tensor of a safetensors file. The file has 8 bytes with the little-endian header length, a JSON header {name: {dtype,
 * shape, data_offsets}, __metadata__}, and the data. https://github.com/huggingface/safetensors#format
 */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The little-endian bytes of the values. */
  readonly bytes: Uint8Array;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Reads a file. Throws `UsageError` that names it `name` and says what is wrong. */
export function readSafetensors(file: Uint8Array, name = 'file'): Safetensors {
  try {
    const length = headerLength(file);
    if (8 + length > file.length)
      throw new Error(`its header of ${length} bytes does not fit into ${file.length} bytes: it is cut short`);
    const { metadata, entries, size } = parseSafetensorsHeader(file.subarray(8, 8 + length));
    const data = file.subarray(8 + length);
    if (size > data.length)
      throw new Error(`it is cut short: its values take ${size} bytes, but it has ${data.length}`);
    if (size < data.length) throw new Error(`its last ${data.length - size} bytes belong to no tensor`);
    const tensors = new Map<string, StoredTensor>();
    for (const [key, entry] of entries) tensors.set(key, storedTensor(key, entry, data.subarray(entry.from, entry.to)));
    return { metadata, tensors };
  } catch (error) {
    throw new UsageError(`${name} is not a usable safetensors file: ${(error as Error).message}`);
  }
}

/**
 * A tensor of a header with its bytes. Throws an `Error` for types whose values this library cannot read, and for
 * values that do not match their checksum.
 */
export function storedTensor(name: string, { dtype, shape, checksum }: HeaderEntry, bytes: Uint8Array): StoredTensor {
  if (!Object.hasOwn(READERS, dtype))
    throw new Error(`tensor ${shown(name)} has the type ${dtype}, which is not read here; save it as F32`);
  // Only this library writes checksums, and only for these two types.
  if (checksum !== undefined && (dtype === 'F32' || dtype === 'U8') && checksumOf(bytes) !== checksum)
    throw new Error(`the values of tensor ${shown(name)} do not match its checksum: it is damaged; use another copy`);
  return { dtype, shape, bytes };
}

function checksumOf({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array): string {
  const aligned = byteOffset % 4 === 0;
  const words = aligned ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  return hashWords(new Uint32Array(words, aligned ? byteOffset : 0, byteLength >> 2));
}

/** Functions that read the values of each supported type. */
const READERS: Readonly<Record<string, (view: DataView, i: number) => number>> = {
  F64: (view, i) => view.getFloat64(8 * i, true),
  F32: (view, i) => view.getFloat32(4 * i, true),
  F16: (view, i) => halfToNumber(view.getUint16(2 * i, true)),
  BF16: (view, i) => bfloatToNumber(view.getUint16(2 * i, true)),
  I64: (view, i) => Number(view.getBigInt64(8 * i, true)),
  U64: (view, i) => Number(view.getBigUint64(8 * i, true)),
  I32: (view, i) => view.getInt32(4 * i, true),
  U32: (view, i) => view.getUint32(4 * i, true),
  I16: (view, i) => view.getInt16(2 * i, true),
  U16: (view, i) => view.getUint16(2 * i, true),
  I8: (view, i) => view.getInt8(i),
  U8: (view, i) => view.getUint8(i),
  BOOL: (view, i) => view.getUint8(i),
};

/** The values of a stored tensor as numbers. */
export function toFloat64({ dtype, bytes, shape }: StoredTensor): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const read = READERS[dtype] as (view: DataView, i: number) => number;
  for (let i = 0; i < out.length; i++) out[i] = read(view, i);
  return out;
}

/** Whether this machine is little-endian as the format is. Today every machine with WebGPU is. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The values of a stored tensor as 32-bit floats, always in a copy (`slice` of Node's Buffer does not copy). */
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

/** A tensor to write: 32-bit floats, or bytes, as many as a multiple of 4. */
export interface WrittenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array;
}

/**
 * Writes tensors in the given order. The header is padded so that the data start at a multiple of 8. Each tensor gets
 * a checksum of its values. The format does not have this field; other readers ignore it and other writers omit it.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, WrittenTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // The header has no prototype, so that no tensor name is special.
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  let at = 0;
  for (const [name, { shape, data }] of tensors) {
    const dtype = data instanceof Float32Array ? 'F32' : 'U8';
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength], checksum: checksumOf(data) };
    at += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + length + at).fill(0x20, 8, 8 + length);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(length), true);
  file.set(text, 8);
  let to = 8 + length;
  for (const { data } of tensors.values()) {
    if (LITTLE_ENDIAN || data instanceof Uint8Array)
      file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
    else for (const [i, x] of data.entries()) view.setFloat32(to + 4 * i, x, true);
    to += data.byteLength;
  }
  return file;
}
