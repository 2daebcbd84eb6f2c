import { CutShort } from './image-checks.js';

export const SOS = 0xda;
const EOI = 0xd9;

export const damaged = (what: string): Error => new Error(`it is damaged: ${what}`);

export interface Segment {
  readonly marker: number;
  readonly data: Uint8Array;
  /** The position after the segment. */
  readonly end: number;
}

/** The marker segments up to the end marker. The compressed data after a start of scan are skipped. */
export function* segments(bytes: Uint8Array): Generator<Segment> {
  for (let at = 2; ; ) {
    const start = at;
    // Any number of fill bytes may precede a marker.
    while (bytes[at] === 0xff) at++;
    if (at >= bytes.length) throw new CutShort('it is cut short: its JPEG end marker is missing');
    const marker = bytes[at++] as number;
    if (at - start < 2 || marker === 0) throw damaged(`there is no JPEG marker at byte ${start}`);
    if (marker === EOI) return;
    if (marker === 0x01) continue;
    if (marker >= 0xd0 && marker <= 0xd8) throw damaged(`a JPEG marker at byte ${start} is not allowed there`);
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    if (at + Math.max(2, length) > bytes.length) throw new CutShort('it is cut short within a JPEG segment');
    if (length < 2) throw damaged(`the JPEG segment at byte ${start} has no length`);
    const end = at + length;
    yield { marker, data: bytes.subarray(at + 2, end), end };
    at = marker === SOS ? endOfScan(bytes, end) : end;
  }
}

/** The position of the next marker that is not a restart marker, including the fill bytes before it. */
export function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = from; ; at++) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) return bytes.length;
    const next = bytes[at + 1] as number;
    if (next !== 0 && (next < 0xd0 || next > 0xd7) && next !== 0xff) return at;
  }
}
