import { crc32 } from '../../src/data/crc32.js';

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Writes the right checksum into every complete chunk of a PNG. */
export function repairPng(bytes: Uint8Array): Uint8Array {
  const data = view(bytes);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + data.getUint32(at);
    if (end + 4 > bytes.length) break;
    data.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
  return bytes;
}

/** Writes the right checksum into every stored entry of a zip file, both beside its data and in the directory. */
export function repairZip(bytes: Uint8Array): Uint8Array {
  const data = view(bytes);
  for (let at = 0; at + 46 <= bytes.length; at++) {
    if (data.getUint32(at, true) !== 0x02014b50) continue;
    const local = data.getUint32(at + 42, true);
    if (local + 30 > bytes.length || data.getUint32(local, true) !== 0x04034b50) continue;
    const from = local + 30 + data.getUint16(local + 26, true) + data.getUint16(local + 28, true);
    const sum = crc32(bytes.subarray(from, from + data.getUint32(at + 24, true)));
    data.setUint32(at + 16, sum, true);
    data.setUint32(local + 14, sum, true);
  }
  return bytes;
}
