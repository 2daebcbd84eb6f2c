/** Where an entry of a zip file lies. */
export interface ZipEntry {
  readonly name: string;
  /** 0: stored as it is. */
  readonly method: number;
  readonly size: number;
  /** Offset of its local header. */
  readonly header: number;
}

const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX32 = 0xffffffff;

/**
 * The directory of a zip file, of more than 4 GiB too (PKWARE's APPNOTE 4.3, 4.5.3). Throws `Error` where it is
 * damaged.
 */
export function zipEntries(file: Uint8Array): Map<string, ZipEntry> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const cut = () => new Error('the zip file is cut short or damaged: it has no directory at its end');
  // The end record is 22 bytes and a comment of at most 65535.
  let end = file.length - 22;
  const first = Math.max(0, end - 65535);
  while (end >= first && view.getUint32(end, true) !== END) end--;
  if (end < first) throw cut();
  const big = (at: number) => Number(view.getBigUint64(at, true));
  let [count, at] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  if (end >= 20 && view.getUint32(end - 20, true) === END64_LOCATOR) {
    const end64 = big(end - 20 + 8);
    if (end64 + 56 > file.length || view.getUint32(end64, true) !== END64) throw cut();
    [count, at] = [big(end64 + 32), big(end64 + 48)];
  }
  const entries = new Map<string, ZipEntry>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > file.length || view.getUint32(at, true) !== CENTRAL) throw cut();
    const [nameLength, extraLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
    const extraAt = at + 46 + nameLength;
    const next = extraAt + extraLength + view.getUint16(at + 32, true);
    if (next > file.length) throw cut();
    const name = new TextDecoder().decode(file.subarray(at + 46, extraAt));
    const wide = wideFields(view, extraAt, extraAt + extraLength);
    const field = (value: number) => (value === MAX32 ? (wide.shift() ?? value) : value);
    // The wide fields come in this order, each only where its 32-bit field is all ones.
    const size = field(view.getUint32(at + 24, true));
    field(view.getUint32(at + 20, true));
    const header = field(view.getUint32(at + 42, true));
    entries.set(name, { name, method: view.getUint16(at + 10, true), size, header });
    at = next;
  }
  return entries;
}

/** The 64-bit numbers of the zip64 extra field, in order. */
function wideFields(view: DataView, from: number, to: number): number[] {
  for (let at = from; at + 4 <= to; ) {
    const size = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && at + 4 + size <= to)
      return Array.from({ length: Math.floor(size / 8) }, (_, i) => Number(view.getBigUint64(at + 4 + 8 * i, true)));
    at += 4 + size;
  }
  return [];
}

/** The bytes of a stored entry, not copied. Throws `Error` when it is compressed or damaged. */
export function zipBytes(file: Uint8Array, entry: ZipEntry): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (entry.method !== 0) throw new Error(`${entry.name} is compressed; torch.save stores without compression`);
  const damaged = () => new Error(`the zip file is cut short or damaged at ${entry.name}`);
  if (entry.header + 30 > file.length || view.getUint32(entry.header, true) !== LOCAL) throw damaged();
  const from = entry.header + 30 + view.getUint16(entry.header + 26, true) + view.getUint16(entry.header + 28, true);
  if (from + entry.size > file.length) throw damaged();
  return file.subarray(from, from + entry.size);
}
