import { checkImage, type Image } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';
import { ZIGZAG } from './jpeg-plane.js';

/** The example quantisation tables of T.81, Tables K.1 and K.2, by rows. They are those of quality 50 in libjpeg. */
const LUMA = Uint8Array.of(
  ...[16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56],
  ...[14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92],
  ...[49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99],
);
const CHROMA = Uint8Array.from({ length: 64 }, (_, i) => {
  const [row, column] = [i >> 3, i & 7];
  const corner = [17, 18, 24, 47, 18, 21, 26, 66, 24, 26, 56, 99, 47, 66, 99, 99];
  return row < 4 && column < 4 ? (corner[4 * row + column] as number) : 99;
});

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

/** The example Huffman tables of T.81, Tables K.3 and K.5: how many codes there are of each length 1–16, and their values. */
const DC = { counts: bytesOf('00010501010101010100000000000000'), values: bytesOf('000102030405060708090a0b') };
const AC = {
  counts: bytesOf('0002010303020403050504040000017d'),
  values: bytesOf(
    '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a' +
      '434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8' +
      'a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
  ),
};

/** The code and its length for each value of a table (T.81, Annex C). */
function codesOf({ counts, values }: typeof DC): { code: Uint16Array; length: Uint8Array } {
  const [code, length] = [new Uint16Array(256), new Uint8Array(256)];
  let [next, at] = [0, 0];
  for (const [i, count] of counts.entries()) {
    for (let n = 0; n < count; n++) {
      const value = values[at++] as number;
      code[value] = next++;
      length[value] = i + 1;
    }
    next *= 2;
  }
  return { code, length };
}
const [DC_CODES, AC_CODES] = [codesOf(DC), codesOf(AC)];

/** A[u][x] of the transform A·block·Aᵀ (T.81, A.3.3), by rows. */
const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const [u, x] = [i >> 3, i & 7];
  return (u ? 0.5 : Math.SQRT1_2 / 2) * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
});

/** Collects the compressed data of a scan. A zero is inserted after each byte 255, since 255 begins a marker. */
class BitWriter {
  readonly bytes: number[] = [];
  #held = 0;
  #count = 0;

  /** Appends the lowest `length` bits of a number; at most 16. */
  write(bits: number, length: number): void {
    this.#held = (this.#held << length) | (bits & ((1 << length) - 1));
    this.#count += length;
    while (this.#count >= 8) {
      this.#count -= 8;
      const byte = (this.#held >> this.#count) & 255;
      this.bytes.push(byte);
      if (byte === 255) this.bytes.push(0);
    }
    this.#held &= (1 << this.#count) - 1;
  }

  /** Fills the last byte with ones. */
  end(): void {
    if (this.#count) this.write(127, 8 - this.#count);
  }
}

/** Rows of the transform of a block: `out` = A·`block`, transposed, so that a second call gives A·block·Aᵀ. */
function transform(block: Float64Array, out: Float64Array): void {
  for (let u = 0; u < 8; u++)
    for (let column = 0; column < 8; column++) {
      let sum = 0;
      for (let x = 0; x < 8; x++) sum += (COSINES[8 * u + x] as number) * (block[8 * x + column] as number);
      out[8 * column + u] = sum;
    }
}

/** The number of bits of a magnitude. */
const sizeOf = (value: number) => 32 - Math.clz32(Math.abs(value));
/** The bits that stand for a value of `sizeOf` bits: negative values are stored as value − 1. */
const bitsOf = (value: number) => (value < 0 ? value - 1 : value);

/** Writes the quantised coefficients of a block in zigzag order (T.81, F.1.2). */
function writeBlock(writer: BitWriter, coefficients: Int32Array, before: number): void {
  const put = ({ code, length }: typeof DC_CODES, symbol: number) =>
    writer.write(code[symbol] as number, length[symbol] as number);
  const difference = (coefficients[0] as number) - before;
  put(DC_CODES, sizeOf(difference));
  writer.write(bitsOf(difference), sizeOf(difference));
  let last = 63;
  while (last > 0 && !coefficients[last]) last--;
  let zeros = 0;
  for (let k = 1; k <= last; k++) {
    const value = coefficients[k] as number;
    if (!value) {
      zeros++;
      continue;
    }
    for (; zeros > 15; zeros -= 16) put(AC_CODES, 0xf0);
    put(AC_CODES, 16 * zeros + sizeOf(value));
    writer.write(bitsOf(value), sizeOf(value));
    zeros = 0;
  }
  if (last < 63) put(AC_CODES, 0);
}

/** A quantisation table in zigzag order, scaled for a quality as libjpeg does (jcparam.c, jpeg_quality_scaling). */
function scaled(table: Uint8Array, quality: number): Uint8Array {
  const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return Uint8Array.from(ZIGZAG, (i) =>
    Math.max(1, Math.min(255, Math.floor(((table[i] as number) * percent + 50) / 100))),
  );
}

/** Y, Cb and Cr of a pixel, less 128 (JFIF). */
const CHANNELS: readonly ((r: number, g: number, b: number) => number)[] = [
  (r, g, b) => 0.299 * r + 0.587 * g + 0.114 * b - 128,
  (r, g, b) => -0.168735892 * r - 0.331264108 * g + 0.5 * b,
  (r, g, b) => 0.5 * r - 0.418687589 * g - 0.081312411 * b,
];

/** The samples of a channel in the block at (x, y). Those outside the picture repeat its border. */
function samples({ width, height, data }: Image, channel: number, x: number, y: number, block: Float64Array): void {
  const value = CHANNELS[channel] as (typeof CHANNELS)[number];
  for (let i = 0; i < 64; i++) {
    const [row, column] = [Math.min(height - 1, y + (i >> 3)), Math.min(width - 1, x + (i & 7))];
    const at = 3 * (row * width + column);
    block[i] = Math.round(value(data[at] as number, data[at + 1] as number, data[at + 2] as number));
  }
}

/**
 * Encodes an image as a baseline JPEG (JFIF) whose colours have the full resolution, with the quantisation tables that libjpeg has for
 * `quality`, 1 … 100. Throws `UsageError` for another quality or a picture that JPEG cannot hold.
 */
export function encodeJpeg(image: Image, quality = 95): Uint8Array {
  checkImage(image);
  const { width, height } = image;
  if (!Number.isInteger(quality) || quality < 1 || quality > 100)
    throw new UsageError(`the quality of a JPEG must be a whole number from 1 to 100, got ${quality}`);
  if (Math.max(width, height) > 65535)
    throw new UsageError(`a JPEG has at most 65535 pixels a side, not ${width}×${height}`);
  const tables = [scaled(LUMA, quality), scaled(CHROMA, quality)] as const;
  const writer = new BitWriter();
  const [block, half, whole] = [new Float64Array(64), new Float64Array(64), new Float64Array(64)];
  const coefficients = new Int32Array(64);
  const before = [0, 0, 0];
  for (let y = 0; y < height; y += 8)
    for (let x = 0; x < width; x += 8)
      for (let channel = 0; channel < 3; channel++) {
        samples(image, channel, x, y, block);
        transform(block, half);
        transform(half, whole);
        const table = tables[channel ? 1 : 0];
        for (const [k, i] of ZIGZAG.entries())
          coefficients[k] = Math.round((whole[i] as number) / (table[k] as number));
        writeBlock(writer, coefficients, before[channel] as number);
        before[channel] = coefficients[0] as number;
      }
  writer.end();
  const two = (n: number) => [n >> 8, n & 255];
  const segment = (marker: number, ...data: number[]) => [255, marker, ...two(data.length + 2), ...data];
  const component = (id: number) => [id, 0x11, id > 1 ? 1 : 0];
  return Uint8Array.from([
    ...[255, 0xd8, ...segment(0xe0, ...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0)],
    ...tables.flatMap((table, i) => segment(0xdb, i, ...table)),
    ...segment(0xc0, 8, ...two(height), ...two(width), 3, ...component(1), ...component(2), ...component(3)),
    ...segment(0xc4, 0x00, ...DC.counts, ...DC.values),
    ...segment(0xc4, 0x10, ...AC.counts, ...AC.values),
    ...segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0),
    ...writer.bytes,
    ...[255, 0xd9],
  ]);
}
