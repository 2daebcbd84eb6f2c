import { CutShort } from '../data/image-checks.js';
import type { HuffmanSpec } from '../data/jpeg-file.js';

const LOOK = 9;

/** A Huffman table (T.81, annexes C and F.2.2.3) for `JpegBits.symbol`. */
export class HuffmanTable {
  /** For the next 9 bits, the length of the code · 256 + its symbol, or 0 if the code is longer. */
  readonly look = new Uint16Array(1 << LOOK);
  /** The largest code of each length, or −1 if there is none. */
  readonly largest = new Int32Array(18).fill(-1);
  /** For each length, the difference between a code's index in `values` and the code. */
  readonly offset = new Int32Array(17);
  readonly values: Uint8Array;

  constructor({ counts, values }: HuffmanSpec) {
    this.values = values;
    let code = 0;
    let at = 0;
    for (let length = 1; length <= 16; length++, code <<= 1) {
      const count = counts[length - 1] as number;
      if (!count) continue;
      this.offset[length] = at - code;
      // No code is all ones (T.81, C.2).
      if (code + count >= 1 << length) throw new Error('it is damaged: a Huffman table is impossible');
      for (let i = 0; i < count; i++, code++, at++)
        if (length <= LOOK)
          this.look.fill(
            (length << 8) | (values[at] as number),
            code << (LOOK - length),
            (code + 1) << (LOOK - length),
          );
      this.largest[length] = code - 1;
    }
  }
}

/** The bits of a scan. Missing bits of a damaged file are an error, and never read as zeros. */
export class JpegBits {
  readonly #data: Uint8Array;
  #at = 0;
  #buffer = 0;
  #count = 0;
  /** The number of bits at the end of the buffer that the file does not have. */
  #missing = 0;
  #restarts = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  #fill(): void {
    const data = this.#data;
    while (this.#count <= 24) {
      const at = this.#at;
      const byte = data[at];
      if (byte === undefined || (byte === 0xff && data[at + 1] !== 0)) {
        this.#buffer <<= 8;
        this.#missing += 8;
      } else {
        this.#buffer = (this.#buffer << 8) | byte;
        this.#at = byte === 0xff ? at + 2 : at + 1;
      }
      this.#count += 8;
    }
  }

  #take(n: number): void {
    this.#count -= n;
    if (this.#count < this.#missing) throw new CutShort('its image data is cut short');
  }

  symbol(table: HuffmanTable): number {
    if (this.#count < 16) this.#fill();
    const found = table.look[(this.#buffer >>> (this.#count - LOOK)) & ((1 << LOOK) - 1)] as number;
    if (found) {
      this.#take(found >> 8);
      return found & 255;
    }
    for (let length = LOOK + 1; length <= 16; length++) {
      const code = (this.#buffer >>> (this.#count - length)) & ((1 << length) - 1);
      if (code <= (table.largest[length] as number)) {
        this.#take(length);
        return table.values[code + (table.offset[length] as number)] as number;
      }
    }
    if (this.#count - 16 < this.#missing) throw new CutShort('its image data is cut short');
    throw new Error('it is damaged: its image data has a code that is in no table');
  }

  /** Reads a number of `n` bits, at most 16. */
  bits(n: number): number {
    if (n === 0) return 0;
    if (this.#count < n) this.#fill();
    const value = (this.#buffer >>> (this.#count - n)) & ((1 << n) - 1);
    this.#take(n);
    return value;
  }

  /** Reads a number of a size category (T.81, F.2.2.1), which has n bits, of which the first gives the sign. */
  signed(n: number): number {
    const value = this.bits(n);
    return n === 0 || value >> (n - 1) ? value : value - (1 << n) + 1;
  }

  /** Skips the next restart marker. Throws if there is none. */
  restart(): void {
    const data = this.#data;
    const unread = this.#count - this.#missing;
    let at = this.#at;
    // Fill bytes may precede the marker.
    while (data[at] === 0xff && data[at + 1] === 0xff) at++;
    if (unread >= 8 || data[at] !== 0xff || data[at + 1] !== 0xd0 + (this.#restarts & 7)) {
      if (at >= data.length) throw new CutShort('its image data is cut short');
      throw new Error('it is damaged: a restart marker is missing or in the wrong place');
    }
    this.#restarts++;
    this.#at = at + 2;
    this.#buffer = this.#count = this.#missing = 0;
  }
}
