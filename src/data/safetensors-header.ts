import { scanJson, shown } from './json-scan.js';

/** The type, shape and position of a tensor in a safetensors file. */
export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The bytes [from, to) of its values, counted from the end of the header. */
  readonly from: number;
  readonly to: number;
  /** `hashWords` of the values, which this library's files have and other readers ignore. */
  readonly checksum?: string;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  /** The size of all values in bytes. */
  readonly size: number;
}

/** The longest header that the reference reader takes. */
const MAX_HEADER = 100_000_000;

/** The bits of one value, for every type that the reference reader knows. */
const BITS: Readonly<Record<string, number>> = {
  ...{ C64: 64, F64: 64, I64: 64, U64: 64, F32: 32, I32: 32, U32: 32, F16: 16, BF16: 16, I16: 16, U16: 16 },
  ...{ I8: 8, U8: 8, BOOL: 8, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ F6_E2M3: 6, F6_E3M2: 6, F4: 4 },
};

const isCount = (x: unknown): x is number => typeof x === 'number' && Number.isSafeInteger(x) && x >= 0;

/** The length of the header, from the first 8 bytes of a file. Throws an `Error` that says what is wrong. */
export function headerLength(start: Uint8Array): number {
  if (start.length < 8) throw new Error(`it has ${start.length} bytes, but its header length alone takes 8`);
  const length = Number(new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true));
  if (length < 2 || length > MAX_HEADER)
    throw new Error(
      `its first 8 bytes give a header of ${length} bytes; 2 … ${MAX_HEADER} are possible. It begins with ` +
        shown(String.fromCharCode(...start.subarray(0, 40))),
    );
  return length;
}

/**
 * Reads a header and checks it as the reference reader does: every tensor has a known type and as many bytes as its
 * shape needs, no name occurs twice, and the tensors fill the data without a hole or an overlap, in any order. Throws
 * an `Error` that says what is wrong.
 */
export function parseSafetensorsHeader(bytes: Uint8Array): SafetensorsHeader {
  const header = parseJson(bytes);
  const entries = new Map<string, HeaderEntry>();
  for (const [name, value] of Object.entries(header))
    if (name !== '__metadata__') entries.set(name, entry(name, value));
  return { metadata: metadataOf(header.__metadata__), entries, size: filled(entries) };
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error('its header is not UTF-8 text');
  }
  let header: unknown;
  try {
    scanJson(text, { counts: true });
    header = JSON.parse(text);
  } catch (error) {
    throw new Error(`its header is not usable JSON (${(error as Error).message})`);
  }
  if (!isObject(header)) throw new Error('its header is not a JSON object');
  return header;
}

const isObject = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x);

function metadataOf(found: unknown): Readonly<Record<string, string>> {
  if (found === undefined || found === null) return {};
  if (!isObject(found)) throw new Error(`its __metadata__ is ${shown(found)}, not an object of texts`);
  for (const [key, value] of Object.entries(found))
    if (typeof value !== 'string') throw new Error(`its metadata ${shown(key)} is ${shown(value)}, not a text`);
  return found as Record<string, string>;
}

function entry(name: string, value: unknown): HeaderEntry {
  // Half of a surrogate pair, which UTF-8 cannot represent
  if (/\p{Surrogate}/u.test(name)) throw new Error(`the name ${shown(name)} is not Unicode text`);
  const { dtype, shape, data_offsets: range, checksum } = isObject(value) ? value : {};
  const bits = typeof dtype === 'string' && Object.hasOwn(BITS, dtype) ? (BITS[dtype] as number) : undefined;
  if (dtype === undefined) throw new Error(`tensor ${shown(name)} has no dtype`);
  if (bits === undefined) throw new Error(`tensor ${shown(name)} has the unknown type ${shown(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw new Error(`tensor ${shown(name)} has the shape ${shown(shape)}, not a list of sizes`);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isCount))
    throw new Error(`tensor ${shown(name)} has the data_offsets ${shown(range)}, not two offsets`);
  const [from, to] = range as [number, number];
  const needed = byteCount(shape, bits);
  if (needed === undefined)
    throw new Error(`tensor ${shown(name)} of the shape ${shown(shape)} is larger than any file`);
  if (to - from !== needed)
    throw new Error(`tensor ${shown(name)} needs ${needed} bytes, its data_offsets give ${to - from}`);
  const found = { dtype: dtype as string, shape: shape as number[], from, to };
  return typeof checksum === 'string' && /^[0-9a-f]{16}$/.test(checksum) ? { ...found, checksum } : found;
}

/** The size of a tensor in bytes, a fraction if packed bits do not fill them, or `undefined` if it is not a safe integer of bits. */
function byteCount(shape: readonly number[], bits: number): number | undefined {
  let total = bits;
  for (const n of shape) {
    total *= n;
    if (!Number.isSafeInteger(total)) return undefined;
  }
  return total / 8;
}

/** The size of all tensors in bytes. Throws if they do not follow each other without a hole or an overlap. */
function filled(entries: ReadonlyMap<string, HeaderEntry>): number {
  let end = 0;
  for (const [name, { from, to }] of [...entries].sort(([, a], [, b]) => a.from - b.from || a.to - b.to)) {
    if (from < end)
      throw new Error(`tensor ${shown(name)} overlaps another one: it begins at ${from}, but the other ends at ${end}`);
    if (from > end)
      throw new Error(`there is a hole before tensor ${shown(name)}: bytes ${end} to ${from} belong to no tensor`);
    end = to;
  }
  return end;
}
