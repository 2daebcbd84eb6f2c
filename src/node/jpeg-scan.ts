import type { HuffmanSpec, JpegFrame, JpegScan } from '../data/jpeg-file.js';
import { HuffmanTable, JpegBits } from './jpeg-bits.js';
import { type Plane, ZIGZAG } from './jpeg-plane.js';

const wrong = () => new Error('it is damaged: its image data has more coefficients than a block holds');

function required(table: HuffmanTable | undefined): HuffmanTable {
  if (!table) throw new Error('it is damaged: a Huffman table is missing');
  return table;
}

/** Reads the coefficients of one block into 64 elements of `block` from `at` on. */
type ReadBlock = (block: Int16Array, at: number) => void;

/** Decodes the blocks of scans into planes. */
export class ScanDecoder {
  readonly #frame: JpegFrame;
  readonly #planes: readonly Plane[];
  readonly #tables = new Map<HuffmanSpec, HuffmanTable>();

  constructor(frame: JpegFrame, planes: readonly Plane[]) {
    this.#frame = frame;
    this.#planes = planes;
  }

  #table(spec: HuffmanSpec | undefined): HuffmanTable | undefined {
    if (!spec) return undefined;
    const table = this.#tables.get(spec) ?? new HuffmanTable(spec);
    this.#tables.set(spec, table);
    return table;
  }

  decode(scan: JpegScan): void {
    const bits = new JpegBits(scan.data);
    const readers = scan.components.map(({ dc, ac }) =>
      blockReader(bits, scan, this.#frame, this.#table(dc), this.#table(ac)),
    );
    const planes = scan.components.map(({ index, quantisation }) => {
      const plane = this.#planes[index] as Plane;
      plane.quantisation = quantisation;
      return plane;
    });
    const restartIfDue = (unit: number) => {
      if (!scan.restart || !unit || unit % scan.restart) return;
      bits.restart();
      for (const r of readers) r.reset();
    };
    const [only, second] = planes;
    if (only && !second) {
      const { read } = readers[0] as BlockReader;
      for (let y = 0, unit = 0; y < only.down; y++)
        for (let x = 0; x < only.across; x++, unit++) {
          restartIfDue(unit);
          only.block(x, y, read);
        }
      return;
    }
    if (planes.reduce((n, { h, v }) => n + h * v, 0) > 10)
      throw new Error('it is damaged: a scan has too many blocks in a unit');
    const { width, height, components } = this.#frame;
    const across = Math.ceil(width / (8 * Math.max(...components.map((c) => c.h))));
    const down = Math.ceil(height / (8 * Math.max(...components.map((c) => c.v))));
    for (let y = 0, unit = 0; y < down; y++)
      for (let x = 0; x < across; x++, unit++) {
        restartIfDue(unit);
        for (let i = 0; i < planes.length; i++) {
          const plane = planes[i] as Plane;
          const { read } = readers[i] as BlockReader;
          for (let by = 0; by < plane.v; by++)
            for (let bx = 0; bx < plane.h; bx++) plane.block(x * plane.h + bx, y * plane.v + by, read);
        }
      }
  }
}

interface BlockReader {
  readonly read: ReadBlock;
  /** Resets the state that is carried from block to block, after a restart marker. */
  reset(): void;
}

function blockReader(
  bits: JpegBits,
  scan: JpegScan,
  { progressive }: JpegFrame,
  dc: HuffmanTable | undefined,
  ac: HuffmanTable | undefined,
): BlockReader {
  if (!progressive) return sequential(bits, required(dc), required(ac));
  if (scan.from) return scan.high ? detailsRefined(bits, scan, required(ac)) : detailsFirst(bits, scan, required(ac));
  if (!scan.high) return meansFirst(bits, scan, required(dc));
  const bit = 1 << scan.low;
  return {
    read: (block, at) => {
      if (bits.bits(1)) block[at] = (block[at] as number) | bit;
    },
    reset: () => {},
  };
}

/** Reads the difference from the mean of the previous block (T.81, F.2.2.1). */
function difference(bits: JpegBits, dc: HuffmanTable): number {
  const size = bits.symbol(dc);
  if (size > 15) throw new Error('it is damaged: its image data has a number that is too large');
  return bits.signed(size);
}

function sequential(bits: JpegBits, dc: HuffmanTable, ac: HuffmanTable): BlockReader {
  let mean = 0;
  return {
    read: (block, at) => {
      mean += difference(bits, dc);
      block[at] = mean;
      for (let k = 1; k < 64; k++) {
        const symbol = bits.symbol(ac);
        const size = symbol & 15;
        const run = symbol >> 4;
        if (!size && run < 15) return;
        k += run;
        if (!size) continue;
        if (k > 63) throw wrong();
        block[at + (ZIGZAG[k] as number)] = bits.signed(size);
      }
    },
    reset: () => {
      mean = 0;
    },
  };
}

function meansFirst(bits: JpegBits, { low }: JpegScan, dc: HuffmanTable): BlockReader {
  let mean = 0;
  return {
    read: (block, at) => {
      mean += difference(bits, dc);
      block[at] = mean << low;
    },
    reset: () => {
      mean = 0;
    },
  };
}

/** Reads details for the first time (T.81, G.1.2.2). `empty` counts the following blocks that have no coefficients in the band. */
function detailsFirst(bits: JpegBits, { from, to, low }: JpegScan, ac: HuffmanTable): BlockReader {
  let empty = 0;
  return {
    read: (block, at) => {
      if (empty > 0) {
        empty--;
        return;
      }
      for (let k = from; k <= to; k++) {
        const symbol = bits.symbol(ac);
        const size = symbol & 15;
        const run = symbol >> 4;
        if (!size && run < 15) {
          empty = (1 << run) - 1 + bits.bits(run);
          return;
        }
        k += run;
        if (!size) continue;
        if (k > to) throw wrong();
        block[at + (ZIGZAG[k] as number)] = bits.signed(size) * (1 << low);
      }
    },
    reset: () => {
      empty = 0;
    },
  };
}

/** Reads one more bit of each coefficient that is not zero, and new coefficients between them (T.81, G.1.2.3). */
function detailsRefined(bits: JpegBits, { from, to, low }: JpegScan, ac: HuffmanTable): BlockReader {
  let empty = 0;
  const bit = 1 << low;
  const refine = (block: Int16Array, index: number, value: number) => {
    if (bits.bits(1) && !(Math.abs(value) & bit)) block[index] = value + (value < 0 ? -bit : bit);
  };
  return {
    read: (block, at) => {
      let k = from;
      for (; !empty && k <= to; k++) {
        const symbol = bits.symbol(ac);
        const size = symbol & 15;
        let run = symbol >> 4;
        if (!size && run < 15) {
          empty = (1 << run) + bits.bits(run);
          break;
        }
        if (size > 1) throw new Error('it is damaged: its image data has a number that is too large');
        const value = size && (bits.bits(1) ? bit : -bit);
        for (; k <= to; k++) {
          const index = at + (ZIGZAG[k] as number);
          const old = block[index] as number;
          if (old) refine(block, index, old);
          else if (run-- === 0) {
            block[index] = value;
            break;
          }
        }
        if (size && k > to) throw wrong();
      }
      if (!empty) return;
      for (; k <= to; k++) {
        const index = at + (ZIGZAG[k] as number);
        const old = block[index] as number;
        if (old) refine(block, index, old);
      }
      empty--;
    },
    reset: () => {
      empty = 0;
    },
  };
}
