import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { encodeApng } from '../src/data/apng.js';
import { blank } from '../src/data/image.js';
import { parseHeader } from '../src/data/image-header.js';
import { encodePngFile, type PngChunk } from '../src/data/png-file.js';
import { decodeImage, encodePng, readImage } from '../src/node/images.js';

const CASES = 'test/fixtures/cases/images';
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced?: boolean;
}

function ihdr({ width, height, depth, colourType, interlaced }: Header): PngChunk {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colourType, 0, 0, interlaced ? 1 : 0], 8);
  return { type: 'IHDR', data };
}

/** The starts and steps of the passes of Adam7 (PNG specification, 8.1). */
const ADAM7 = ['0 0 8 8', '4 0 8 8', '0 4 4 8', '2 0 4 4', '0 2 2 4', '1 0 2 2', '0 1 1 2'].map((p) =>
  p.split(' ').map(Number),
);

/** Returns the unfiltered rows of a picture before compression, from its samples at (x, y). */
function rows(header: Header, sample: (x: number, y: number, channel: number) => number): Buffer {
  const { width, height, depth, colourType, interlaced } = header;
  const out: number[] = [];
  for (const [left = 0, top = 0, stepX = 1, stepY = 1] of interlaced ? ADAM7 : [[0, 0, 1, 1]])
    for (let y = top; y < height && left < width; y += stepY) {
      let bits = '';
      for (let x = left; x < width; x += stepX)
        for (let c = 0; c < (CHANNELS[colourType] as number); c++)
          bits += sample(x, y, c).toString(2).padStart(depth, '0');
      out.push(0, ...(bits.match(/.{1,8}/g) ?? []).map((b) => Number.parseInt(b.padEnd(8, '0'), 2)));
    }
  return Buffer.from(out);
}

const end: PngChunk = { type: 'IEND', data: Buffer.alloc(0) };
const idat = (raw: Uint8Array): PngChunk => ({ type: 'IDAT', data: deflateSync(raw) });
const file = (...chunks: PngChunk[]) => encodePngFile(chunks);

const types = [
  ...[1, 2, 4, 8, 16].map((depth) => [0, depth] as const),
  ...[8, 16].flatMap((depth) => [2, 4, 6].map((type) => [type, depth] as const)),
  ...[1, 2, 4, 8].map((depth) => [3, depth] as const),
];

test.each(types.flatMap(([type, depth]) => [false, true].map((i) => [type, depth, i] as const)))(
  'colour type %i of %i bits, interlaced: %s',
  (colourType, depth, interlaced) => {
    const most = 2 ** depth - 1;
    const palette = Uint8Array.from({ length: 3 * Math.min(256, most + 1) }, (_, i) => (i * 89 + 7) % 256);
    const sample = (x: number, y: number, c: number) => (x * 7919 + y * 104729 + c * 31337 + 5) % (most + 1);
    const to8 = (v: number) => Math.round((v * 255) / most);
    // Among these sizes are some with empty passes, and some with rows that end within a byte.
    for (const [width, height] of [
      [1, 1],
      [3, 2],
      [9, 5],
      [13, 11],
    ] as const) {
      const header = { width, height, depth, colourType, interlaced };
      const plte: PngChunk[] = colourType === 3 ? [{ type: 'PLTE', data: palette }] : [];
      const bytes = file(ihdr(header), ...plte, idat(rows(header, sample)), end);
      const expected: number[] = [];
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const alpha = colourType === 4 ? to8(sample(x, y, 1)) : colourType === 6 ? to8(sample(x, y, 3)) : 255;
          for (let c = 0; c < 3; c++) {
            const value =
              colourType === 3
                ? (palette[3 * sample(x, y, 0) + c] as number)
                : to8(sample(x, y, colourType & 2 ? c : 0));
            expected.push(Math.round(255 + (alpha / 255) * (value - 255)));
          }
        }
      const image = decodeImage(bytes, 'a.png');
      expect([image.width, image.height]).toEqual([width, height]);
      expect([...image.data]).toEqual(expected);
    }
  },
);

test('filters are undone as in pngjs', () => {
  for (const filterType of [0, 1, 2, 3, 4]) {
    const png = new PNG({ width: 19, height: 13 });
    for (let i = 0; i < png.data.length; i++) png.data[i] = i % 4 === 3 ? 255 : (i * i * 31 + (i >> 3)) % 256;
    const bytes = PNG.sync.write(png, { filterType });
    const rgb = [...PNG.sync.read(bytes).data].filter((_, i) => i % 4 < 3);
    expect([...decodeImage(bytes, 'a.png').data]).toEqual(rgb);
  }
});

test('the transparent colour becomes white, and is compared before 16 bits become 8', () => {
  const header = { width: 3, height: 1, depth: 16, colourType: 2 };
  const samples = [0x1234, 0x1235, 0x0034];
  const raw = rows(header, (x) => samples[x] as number);
  const trns = { type: 'tRNS', data: Uint8Array.of(0x12, 0x35, 0x12, 0x35, 0x12, 0x35) };
  expect([...decodeImage(file(ihdr(header), trns, idat(raw), end), 'a.png').data]).toEqual([
    18, 18, 18, 255, 255, 255, 0, 0, 0,
  ]);
  const grey = { width: 4, height: 1, depth: 2, colourType: 0 };
  const clear = { type: 'tRNS', data: Uint8Array.of(0, 1) };
  const bytes = file(ihdr(grey), clear, idat(rows(grey, (x) => x)), end);
  expect([...decodeImage(bytes, 'a.png').data].filter((_, i) => i % 3 === 0)).toEqual([0, 255, 170, 255]);
  const palette = { width: 3, height: 1, depth: 2, colourType: 3 };
  const plte = { type: 'PLTE', data: Uint8Array.of(10, 20, 30, 40, 50, 60, 70, 80, 90) };
  const half = { type: 'tRNS', data: Uint8Array.of(255, 0, 51) };
  const indexed = file(ihdr(palette), plte, half, idat(rows(palette, (x) => x)), end);
  expect([...decodeImage(indexed, 'a.png').data]).toEqual([10, 20, 30, 255, 255, 255, 218, 220, 222]);
});

const small = { width: 3, height: 2, depth: 8, colourType: 2 };
const shades = (x: number, y: number, c: number) => 40 * x + 100 * y + c;
const smallRows = rows(small, shades);
const plain = file(ihdr(small), idat(smallRows), end);

test('an orientation before the image data turns the image, as in Chromium; one after it does not', () => {
  const exif = { type: 'eXIf', data: Buffer.from('4d4d002a000000080001011200030000000100060000', 'hex') };
  const turned = file(ihdr(small), exif, idat(smallRows), end);
  expect(parseHeader(turned)).toEqual({ format: 'png', width: 2, height: 3 });
  // With orientation 6, the left column, read upwards, becomes the first row.
  expect([...decodeImage(turned, 'a.png').data]).toEqual(
    [0, 1, 2].flatMap((x) => [1, 0].flatMap((y) => [0, 1, 2].map((c) => shades(x, y, c)))),
  );
  expect(decodeImage(file(ihdr(small), idat(smallRows), exif, end), 'a.png')).toEqual(decodeImage(plain, 'a.png'));
});

test('bytes after the end are ignored, image data may be in parts, and an animation gives its default image', () => {
  const whole = decodeImage(plain, 'a.png');
  expect([...whole.data]).toEqual([0, 1, 2, 40, 41, 42, 80, 81, 82, 100, 101, 102, 140, 141, 142, 180, 181, 182]);
  expect(decodeImage(Buffer.concat([plain, Buffer.alloc(512), plain]), 'a.png')).toEqual(whole);
  const packed = deflateSync(smallRows);
  const parts = [0, 1, 2, 30].map((at, i, all) => ({ type: 'IDAT', data: packed.subarray(at, all[i + 1]) }));
  expect(decodeImage(file(ihdr(small), ...parts, { type: 'IDAT', data: Buffer.alloc(0) }, end), 'a.png')).toEqual(
    whole,
  );
  const frames = [whole, blank(3, 2, [9, 9, 9])].map(encodePng);
  expect(decodeImage(encodeApng(frames, 5), 'a.png')).toEqual(whole);
  expect(readImage(`${CASES}/tail-512-zeros.png`)).toMatchObject({ width: 13, height: 11 });
});

test('compressed data without its checksum is read, because every row is there', () => {
  const packed = deflateSync(smallRows);
  const bytes = file(ihdr(small), { type: 'IDAT', data: packed.subarray(0, packed.length - 4) }, end);
  expect(decodeImage(bytes, 'a.png')).toEqual(decodeImage(plain, 'a.png'));
});

/** Returns `plain` with one byte changed and no checksum corrected. */
const flipped = (at: number) => Buffer.from(plain).fill((plain[at] as number) ^ 1, at, at + 1);
const note = { type: 'tEXt', data: Buffer.from('Title\0x') };
const palette = { type: 'PLTE', data: Uint8Array.of(1, 2, 3) };
const indexed = { ...small, depth: 1, colourType: 3 };
const giant = { width: 20000, height: 20000, depth: 8, colourType: 6 };
const bomb = () => idat(Buffer.alloc(40_000_000));

test.each<[string, () => Uint8Array, RegExp]>([
  ['a second header', () => readFileSync(`${CASES}/png-two-ihdr-20000.png`), /it has two headers/],
  ['a second header after the image', () => file(ihdr(small), idat(smallRows), ihdr(small), end), /it has two headers/],
  [
    'short image data',
    () => readFileSync(`${CASES}/png-short-idat.png`),
    /image data is cut short: it has 1 bytes, but its size needs 6145/,
  ],
  [
    'short interlaced data',
    () => file(ihdr({ ...small, interlaced: true }), idat(smallRows.subarray(0, 9)), end),
    /image data is cut short/,
  ],
  [
    'compressed data cut off',
    () => file(ihdr(small), { type: 'IDAT', data: deflateSync(smallRows).subarray(0, 9) }, end),
    /image data is cut short/,
  ],
  ['no image data', () => file(ihdr(small), end), /cut short: a PNG’s image data are missing/],
  ['a bomb', () => file(ihdr(small), bomb(), end), /more image data than its size needs/],
  [
    'an interlaced bomb',
    () => file(ihdr({ ...small, interlaced: true }), bomb(), end),
    /more image data than its size needs/,
  ],
  [
    'a size over the limit',
    () => file(ihdr(giant), idat(smallRows), end),
    /20000×20000 \(height×width\) is over 64 megapixels\. Shrink it first/,
  ],
  ['a size of 32 bits', () => file(ihdr({ ...small, width: 2 ** 32 - 1 }), idat(smallRows), end), /over 64 megapixels/],
  [
    'a side over the limit',
    () => file(ihdr({ ...small, width: 20000 }), idat(smallRows), end),
    /over 16384 pixels a side/,
  ],
  ['no size', () => file(ihdr({ ...small, height: 0 }), idat(smallRows), end), /its size is 0×3/],
  [
    'three bits',
    () => file(ihdr({ ...small, depth: 3, colourType: 0 }), idat(smallRows), end),
    /no colour type 0 with 3 bits/,
  ],
  ['a wrong checksum of the header', () => flipped(17), /checksum of its PNG chunk IHDR/],
  ['a wrong checksum of the data', () => flipped(45), /checksum of its PNG chunk IDAT/],
  ['packed data that are none', () => file(ihdr(small), { type: 'IDAT', data: smallRows }, end), /cannot be unpacked/],
  ['an unknown filter', () => file(ihdr(small), idat(Buffer.from(smallRows).fill(7, 0, 1)), end), /no filter 7/],
  [
    'a colour outside the palette',
    () => file(ihdr(indexed), palette, idat(rows(indexed, () => 1)), end),
    /colour 1 is not in its palette/,
  ],
  ['no palette', () => file(ihdr(indexed), idat(rows(indexed, () => 0)), end), /palette is missing/],
  [
    'an odd palette',
    () => file(ihdr(indexed), { ...palette, data: Buffer.alloc(4) }, idat(smallRows), end),
    /palette has 4 bytes/,
  ],
  [
    'transparency of another type',
    () => file(ihdr(small), { type: 'tRNS', data: Buffer.alloc(2) }, idat(smallRows), end),
    /transparency does not fit/,
  ],
  [
    'image data in two places',
    () => file(ihdr(small), idat(smallRows), note, idat(smallRows), end),
    /are in two places/,
  ],
  [
    'an unknown critical chunk',
    () => file(ihdr(small), { ...note, type: 'NEWs' }, idat(smallRows), end),
    /needs the PNG chunk NEWs/,
  ],
  [
    'Apple’s own form',
    () => file({ type: 'CgBI', data: Buffer.alloc(4) }, ihdr(small), idat(smallRows), end),
    /in Apple’s own form/,
  ],
  ['no end', () => plain.subarray(0, plain.length - 12), /cut short: a PNG’s data and end chunk are missing/],
  ['half a chunk', () => plain.subarray(0, 50), /cut short within its PNG chunk IDAT/],
])('%s is an error', (_, make, message) => {
  expect(() => decodeImage(make(), 'bad.png')).toThrow(message);
  expect(() => decodeImage(make(), 'bad.png')).toThrow(/^bad\.png is not a usable image: /);
});

test('a file is refused for its header or its length before it is read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pose-gan-png-'));
  try {
    const path = join(folder, 'a.png');
    // These files are sparse and take no disk space.
    writeFileSync(path, file(ihdr(giant)));
    truncateSync(path, 400_000_000);
    expect(() => readImage(path)).toThrow(/a\.png is not a usable image: its size of 20000×20000/);
    truncateSync(path, 5_000_000_000);
    expect(() => readImage(path)).toThrow(
      /a\.png is not a usable image: it has 5000000000 bytes, more than the 512000000/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('compressed text chunks are never decompressed', () => {
  const packed = deflateSync(Buffer.alloc(50_000_000));
  const notes = ['zTXt', 'iTXt', 'iCCP'].map((type) => ({ type, data: Buffer.concat([Buffer.from('n\0\0'), packed]) }));
  expect(decodeImage(file(ihdr(small), ...notes, idat(smallRows), end), 'a.png')).toEqual(decodeImage(plain, 'a.png'));
});
