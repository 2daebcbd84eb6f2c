import { crc32 } from './crc32.js';
import { shownName } from './json-scan.js';

/** An entry of a zip file. */
export interface ZipEntry {
  readonly name: string;
  /** The compression method; 0 if the entry is stored. */
  readonly method: number;
  readonly size: number;
  /** The checksum, or 0 if the file was written without checksums. */
  readonly crc: number;
  /** The bytes [from, to) of its values. */
  readonly from: number;
  readonly to: number;
}

const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX16 = 0xffff;
const MAX32 = 0xffffffff;
/** A flag of an encrypted entry. */
const ENCRYPTED = 1;
/** A flag of an entry whose sizes and checksum follow the values. */
const DESCRIPTOR = 8;
/** The largest number of entries, more than any checkpoint has. Each takes memory here. */
const MAX_ENTRIES = 200_000;

const cut = () => new Error('the zip file is cut short or damaged: it has no directory at its end');

/**
 * The directory of a zip file, including files of more than 4 GiB (PKWARE's APPNOTE 4.3, 4.5.3), checked against the header
 * before each entry's values. Throws `Error` if it is damaged, if a name occurs twice, or if entries overlap.
 */
export function zipEntries(file: Uint8Array): Map<string, ZipEntry> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const { count, start, end } = directory(view);
  const entries = new Map<string, ZipEntry>();
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw cut();
    const [nameLength, extraLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
    const extraAt = at + 46 + nameLength;
    const next = extraAt + extraLength + view.getUint16(at + 32, true);
    if (next > end) throw cut();
    const entry = entryAt(file, view, at, file.subarray(at + 46, extraAt), [extraAt, extraAt + extraLength], start);
    if (entries.has(entry.name)) throw new Error(`the zip file has two entries ${shownName(entry.name)}`);
    entries.set(entry.name, entry);
    at = next;
  }
  if (at !== end) throw new Error(`the zip file's directory is damaged: ${count} entries do not fill it`);
  let free = 0;
  for (const { name, from, to } of [...entries.values()].sort((a, b) => a.from - b.from)) {
    if (from < free) throw new Error(`the zip file's entry ${shownName(name)} overlaps another one`);
    free = to;
  }
  return entries;
}

/** The number of entries and the position of the directory, from the records at the end of the file. */
function directory(view: DataView): { count: number; start: number; end: number } {
  const length = view.byteLength;
  // The end record has 22 bytes and a comment of at most 65535 bytes.
  let at = length - 22;
  const first = Math.max(0, at - MAX16);
  while (at >= first && !(view.getUint32(at, true) === END && at + 22 + view.getUint16(at + 20, true) === length)) at--;
  if (at < first) throw cut();
  let count = view.getUint16(at + 10, true);
  let [size, start] = [view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
  let [disks, limit] = [view.getUint16(at + 4, true), at];
  if (at >= 20 && view.getUint32(at - 20, true) === END64_LOCATOR) {
    const big = (from: number) => Number(view.getBigUint64(from, true));
    limit = big(at - 12);
    if (limit + 56 > at - 20 || view.getUint32(limit, true) !== END64) throw cut();
    [count, size, start] = [big(limit + 32), big(limit + 40), big(limit + 48)];
    disks = view.getUint32(limit + 16, true);
  }
  if (disks !== 0) throw new Error('it is one part of a zip file that is split into several');
  if (count > MAX_ENTRIES) throw new Error(`the zip file has ${count} entries; at most ${MAX_ENTRIES} are read`);
  if (start + size > limit) throw cut();
  return { count, start, end: start + size };
}

/** Reads an entry from its record in the directory at `at`. Its values must end before `limit`, where the directory begins. */
function entryAt(
  file: Uint8Array,
  view: DataView,
  at: number,
  nameBytes: Uint8Array,
  extra: readonly [number, number],
  limit: number,
): ZipEntry {
  const name = new TextDecoder().decode(nameBytes);
  const damaged = (what: string) => new Error(`the zip file is damaged at ${shownName(name)}: ${what}`);
  const wide = wideFields(view, ...extra);
  const field = (value: number) => (value === MAX32 ? (wide.shift() ?? value) : value);
  const [flags, method, crc] = [
    view.getUint16(at + 8, true),
    view.getUint16(at + 10, true),
    view.getUint32(at + 16, true),
  ];
  // The wide fields come in this order, each only if its 32-bit field is all ones.
  const size = field(view.getUint32(at + 24, true));
  const packed = field(view.getUint32(at + 20, true));
  const header = field(view.getUint32(at + 42, true));
  if (flags & ENCRYPTED) throw new Error(`the zip file's entry ${shownName(name)} is encrypted`);
  if (header + 30 > limit || view.getUint32(header, true) !== LOCAL)
    throw damaged('its header is not where it should be');
  const localName = header + 30;
  const from = localName + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
  const to = from + packed;
  if (!(to <= limit)) throw damaged('its values reach into the directory');
  const sameName = nameBytes.every((b, i) => file[localName + i] === b);
  if (view.getUint16(header + 26, true) !== nameBytes.length || !sameName) throw damaged('its two names differ');
  if (view.getUint16(header + 8, true) !== method) throw damaged('its two headers differ');
  if (method === 0 && size !== packed) throw damaged(`it stores ${packed} bytes and claims ${size}`);
  // The header has sizes of 0 if the values were written before their size was known, and all ones for zip64.
  const unknown = (view.getUint16(header + 6, true) & DESCRIPTOR) !== 0;
  const sums = [crc, view.getUint32(header + 14, true)].filter((sum) => sum !== 0);
  if (new Set(sums).size > 1) throw damaged('its two headers differ');
  for (const [position, value] of [
    [18, packed],
    [22, size],
  ] as const) {
    const local = view.getUint32(header + position, true);
    if (local !== value && local !== MAX32 && !(unknown && local === 0)) throw damaged('its two headers differ');
  }
  return { name, method, size, crc: sums[0] ?? 0, from, to };
}

/** The 64-bit numbers of the zip64 extra field, in order. */
function wideFields(view: DataView, from: number, to: number): number[] {
  for (let at = from; at + 4 <= to; ) {
    const size = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && at + 4 + size <= to)
      return Array.from({ length: Math.min(3, Math.floor(size / 8)) }, (_, i) =>
        Number(view.getBigUint64(at + 4 + 8 * i, true)),
      );
    at += 4 + size;
  }
  return [];
}

/** The bytes of a stored entry, not copied. Throws `Error` if it is compressed or does not match its checksum. */
export function zipBytes(file: Uint8Array, { name, method, crc, from, to }: ZipEntry): Uint8Array {
  if (method !== 0)
    throw new Error(
      `its entry ${shownName(name)} is compressed, but torch.save does not compress: unpack the zip and pack it with zip -0`,
    );
  const bytes = file.subarray(from, to);
  if (crc !== 0 && crc32(bytes) !== crc)
    throw new Error(`its entry ${shownName(name)} does not match its checksum: it is damaged`);
  return bytes;
}
