import { blocksOf, type JpegComponent, type JpegFrame } from '../data/jpeg-file.js';

/** The indices of coefficients in zigzag order. */
export const ZIGZAG: Uint8Array = Uint8Array.of(
  ...[0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21],
  ...[28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61],
  ...[54, 47, 55, 62, 63],
);

/**
 * The samples of one component. The blocks of a sequential frame are converted to samples at once. The coefficients of a progressive
 * frame are kept, in two bytes each, until `finish`.
 */
export class Plane {
  readonly h: number;
  readonly v: number;
  /** The size of the picture in samples. */
  readonly width: number;
  readonly height: number;
  /** The numbers of blocks in a scan of this component alone. */
  readonly across: number;
  readonly down: number;
  /** The number of samples in memory from one row to the next. */
  readonly stride: number;
  readonly samples: Uint8Array;
  readonly #block = new Int16Array(64);
  readonly #quantisation = new Int32Array(64);
  #coefficients: Int16Array | undefined;

  constructor(frame: JpegFrame, index: number) {
    const { h, v } = frame.components[index] as JpegComponent;
    const { samplesAcross, samplesDown, across, down } = blocksOf(frame, index);
    this.h = h;
    this.v = v;
    this.width = samplesAcross;
    this.height = samplesDown;
    this.across = across;
    this.down = down;
    // Scans of several components consist of whole units, which can extend beyond the picture.
    const blocksAcross = Math.ceil(frame.width / (8 * Math.max(...frame.components.map((c) => c.h)))) * h;
    const blocksDown = Math.ceil(frame.height / (8 * Math.max(...frame.components.map((c) => c.v)))) * v;
    this.stride = 8 * blocksAcross;
    this.samples = new Uint8Array(64 * blocksAcross * blocksDown);
    if (frame.progressive) this.#coefficients = new Int16Array(64 * blocksAcross * blocksDown);
  }

  /** The quantisation table in zigzag order. It must be set before blocks are read. */
  set quantisation(table: Uint16Array) {
    for (let k = 0; k < 64; k++) this.#quantisation[ZIGZAG[k] as number] = table[k] as number;
  }

  /** Calls `read` with the array and the position for the coefficients of block (x, y). */
  block(x: number, y: number, read: (block: Int16Array, at: number) => void): void {
    if (this.#coefficients) {
      read(this.#coefficients, 64 * (y * (this.stride >> 3) + x));
      return;
    }
    this.#block.fill(0);
    read(this.#block, 0);
    inverse(this.#block, 0, this.#quantisation, this.samples, 8 * (y * this.stride + x), this.stride);
  }

  /** Converts kept coefficients to samples, and releases them. */
  finish(): void {
    const coefficients = this.#coefficients;
    if (!coefficients) return;
    const across = this.stride >> 3;
    for (let i = 0; 64 * i < coefficients.length; i++) {
      const at = 8 * (Math.floor(i / across) * this.stride + (i % across));
      inverse(coefficients, 64 * i, this.#quantisation, this.samples, at, this.stride);
    }
    this.#coefficients = undefined;
  }
}

const BITS = 13;
const EXTRA = 2;
// Cosines multiplied by 2¹³
const F0_298 = 2446;
const F0_390 = 3196;
const F0_541 = 4433;
const F0_765 = 6270;
const F0_899 = 7373;
const F1_175 = 9633;
const F1_501 = 12299;
const F1_847 = 15137;
const F1_961 = 16069;
const F2_053 = 16819;
const F2_562 = 20995;
const F3_072 = 25172;

const work = new Int32Array(64);
const line = new Int32Array(8);

/**
 * One-dimensional inverse cosine transform of eight numbers `step` apart, without the last division. It uses the integer method of
 * Loeffler, Ligtenberg and Moschytz in the same way as libjpeg's jidctint.c, so that results are equal bit for bit.
 */
function transform(a: Int32Array, at: number, step: number): void {
  const s2 = a[at + 2 * step] as number;
  const s6 = a[at + 6 * step] as number;
  const even = (s2 + s6) * F0_541;
  const e2 = even - s6 * F1_847;
  const e3 = even + s2 * F0_765;
  const s0 = a[at] as number;
  const s4 = a[at + 4 * step] as number;
  const e0 = (s0 + s4) * (1 << BITS);
  const e1 = (s0 - s4) * (1 << BITS);
  const s7 = a[at + 7 * step] as number;
  const s5 = a[at + 5 * step] as number;
  const s3 = a[at + 3 * step] as number;
  const s1 = a[at + step] as number;
  const z5 = (s7 + s3 + s5 + s1) * F1_175;
  const z1 = (s7 + s1) * -F0_899;
  const z2 = (s5 + s3) * -F2_562;
  const z3 = (s7 + s3) * -F1_961 + z5;
  const z4 = (s5 + s1) * -F0_390 + z5;
  const o0 = s7 * F0_298 + z1 + z3;
  const o1 = s5 * F2_053 + z2 + z4;
  const o2 = s3 * F3_072 + z2 + z3;
  const o3 = s1 * F1_501 + z1 + z4;
  line[0] = e0 + e3 + o3;
  line[7] = e0 + e3 - o3;
  line[1] = e1 + e2 + o2;
  line[6] = e1 + e2 - o2;
  line[2] = e1 - e2 + o1;
  line[5] = e1 - e2 - o1;
  line[3] = e0 - e3 + o0;
  line[4] = e0 - e3 - o0;
}

/** The 8×8 samples of a block of coefficients. */
function inverse(
  block: Int16Array,
  from: number,
  table: Int32Array,
  out: Uint8Array,
  to: number,
  stride: number,
): void {
  let details = 0;
  for (let i = 1; i < 64; i++) details |= block[from + i] as number;
  if (!details) {
    const mean = (((block[from] as number) * (table[0] as number) * (1 << EXTRA) + 16) >> 5) + 128;
    const value = mean < 0 ? 0 : mean > 255 ? 255 : mean;
    for (let y = 0; y < 8; y++) out.fill(value, to + y * stride, to + y * stride + 8);
    return;
  }
  for (let i = 0; i < 64; i++) work[i] = (block[from + i] as number) * (table[i] as number);
  for (let x = 0; x < 8; x++) {
    transform(work, x, 8);
    for (let y = 0; y < 8; y++) work[8 * y + x] = ((line[y] as number) + (1 << (BITS - EXTRA - 1))) >> (BITS - EXTRA);
  }
  for (let y = 0; y < 8; y++) {
    transform(work, 8 * y, 1);
    for (let x = 0; x < 8; x++) {
      const v = (((line[x] as number) + (1 << (BITS + EXTRA + 2))) >> (BITS + EXTRA + 3)) + 128;
      out[to + y * stride + x] = v < 0 ? 0 : v > 255 ? 255 : v;
    }
  }
}
