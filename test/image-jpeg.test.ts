import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseHeader } from '../src/data/image-header.js';
import { decodeImage, readImage, readImageHeader } from '../src/node/images.js';

const CASES = 'test/fixtures/cases/images';

/**
 * JPEGs as base64, and their upright pixels as decoded by Pillow (libjpeg-turbo). Chromium's createImageBitmap gives
 * the same.
 */
interface Reference {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly jpeg: string;
  readonly rgb: string;
}
const references = JSON.parse(readFileSync('test/fixtures/jpegs.json', 'utf8')) as Reference[];
const bytesOf = (name: string) => Buffer.from(references.find((r) => r.name === name)?.jpeg as string, 'base64');

test.each(references.map((r) => [r.name, r] as const))(
  '%s has the pixels of libjpeg, bit for bit',
  (name, reference) => {
    const image = decodeImage(Buffer.from(reference.jpeg, 'base64'), name);
    expect([image.width, image.height]).toEqual([reference.width, reference.height]);
    expect(Buffer.from(image.data).equals(Buffer.from(reference.rgb, 'base64'))).toBe(true);
  },
);

test('the pictures of the eight orientations all differ, and four lie on their side', () => {
  const turned = references.filter((r) => r.name.startsWith('orientation'));
  expect(turned.map((r) => [r.width, r.height].join('×'))).toEqual([
    ...Array(4).fill('26×19'),
    ...Array(4).fill('19×26'),
  ]);
  expect(new Set(turned.map((r) => r.rgb)).size).toBe(8);
});

test('the header gives the size of the upright picture', () => {
  for (const { name, width, height } of references)
    expect(parseHeader(bytesOf(name))).toEqual({ format: 'jpeg', width, height });
  expect(readImageHeader(`${CASES}/exif-6.jpg`)).toEqual({ format: 'jpeg', width: 64, height: 128 });
  expect(readImage(`${CASES}/exif-6.jpg`)).toMatchObject({ width: 64, height: 128 });
});

test('components named R, G and B are RGB', () => {
  const { data, width } = readImage(`${CASES}/rgb-ids.jpg`);
  const at = 3 * (15 * width + 40);
  expect([...data.subarray(at, at + 3)]).toEqual([159, 29, 200]);
  expect([width, data.length]).toEqual([64, 3 * 64 * 128]);
});

const segment = (marker: number, ...data: number[]) =>
  Buffer.from([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255, ...data]);
const text = (s: string) => [...Buffer.from(s, 'latin1')];
/** Makes an Exif TIFF structure that contains only the orientation. */
function tiff(orientation: number, { order = 'II', type = 3, count = 1, at = 8 } = {}): number[] {
  const u = (v: number, n: number) => {
    const bytes = Array.from({ length: n }, (_, i) => (v >> (8 * i)) & 255);
    return order === 'II' ? bytes : bytes.reverse();
  };
  const entry = [...u(0x0112, 2), ...u(type, 2), ...u(count, 4), ...u(orientation, 2), 0, 0];
  return [...text(order), ...u(42, 2), ...u(at, 4), ...Array(at - 8).fill(0), ...u(1, 2), ...entry, 0, 0, 0, 0];
}
const exif = (block: number[]) => segment(0xe1, ...text('Exif\0\0'), ...block);
const plain = bytesOf('orientation 1');
/** Makes a JPEG of 26×19 without Exif, with `parts` after its start marker. */
function withParts(...parts: Buffer[]): Buffer {
  const at = plain.indexOf(Buffer.from([0xff, 0xe1]));
  const rest = plain.subarray(at + 2 + plain.readUInt16BE(at + 2));
  return Buffer.concat([plain.subarray(0, at), ...parts, rest]);
}

// Chromium gave the expected result of each file.
test.each<[string, Buffer[], boolean]>([
  ['Intel’s byte order', [exif(tiff(6))], true],
  ['Motorola’s byte order', [exif(tiff(6, { order: 'MM' }))], true],
  ['a directory far behind the header', [exif(tiff(6, { at: 100 }))], true],
  ['XMP before it', [segment(0xe1, ...text('http://ns.adobe.com/xap/1.0/\0<x/>')), exif(tiff(6))], true],
  ['fill bytes before markers', [Buffer.from([0xff, 0xff, 0xff]), exif(tiff(6)), Buffer.from([0xff])], true],
  ['two blocks, of which the first counts', [exif(tiff(6)), exif(tiff(1))], true],
  ['a damaged block, and another', [exif(text('XX*\0\0\0\0\0')), exif(tiff(6))], false],
  ['a block that is cut short', [exif(tiff(6).slice(0, 18))], false],
  ['a directory outside the block', [exif([...text('II*\0'), 255, 255, 255, 127, 0, 0, 0, 0, 0, 0])], false],
  ['an orientation that is none', [exif(tiff(9))], false],
  ['an orientation of another type', [exif(tiff(6, { type: 4 }))], false],
  ['two orientations in one', [exif(tiff(6, { count: 2 }))], false],
])('Exif with %s turns the picture as in Chromium', (_, parts, turns) => {
  const bytes = withParts(...parts);
  const [width, height] = turns ? [19, 26] : [26, 19];
  expect(parseHeader(bytes)).toEqual({ format: 'jpeg', width, height });
  const name = turns ? 'orientation 6' : 'orientation 1';
  const right = Buffer.from(references.find((r) => r.name === name)?.rgb as string, 'base64');
  expect(Buffer.from(decodeImage(bytes, 'a.jpg').data).equals(right)).toBe(true);
});

test('Exif after the frame header counts as well, and anything after the end is ignored', () => {
  const bare = withParts();
  const scan = bare.indexOf(Buffer.from([0xff, 0xda]));
  const late = Buffer.concat([bare.subarray(0, scan), exif(tiff(8)), bare.subarray(scan)]);
  expect(decodeImage(late, 'a.jpg')).toMatchObject({ width: 19, height: 26 });
  const tail = Buffer.concat([bare, Buffer.alloc(900), plain]);
  expect(decodeImage(tail, 'a.jpg')).toEqual(decodeImage(bare, 'a.jpg'));
});

/** Returns the plain picture with some bytes of a segment changed, from `offset` after its marker on. */
function changed(marker: number, offset: number, ...values: number[]): Buffer {
  const bytes = Buffer.from(withParts());
  bytes.set(values, bytes.indexOf(Buffer.from([0xff, marker])) + offset);
  return bytes;
}
const SOF = 0xc0;
const bare = withParts();
const frameAt = bare.indexOf(Buffer.from([0xff, SOF]));
const frame = bare.subarray(frameAt, frameAt + 19);
const scanAt = bare.indexOf(Buffer.from([0xff, 0xda]));
const progressive = bytesOf('4:2:0 progressive');
const manyScans = () => {
  const at = progressive.indexOf(Buffer.from([0xff, 0xda]));
  const end = progressive.length - 2;
  return Buffer.concat([
    progressive.subarray(0, end),
    ...Array(3000).fill(progressive.subarray(at, end)),
    progressive.subarray(end),
  ]);
};
/**
 * Makes a grey picture of three channels whose details would be in 14 scans each, bit by bit. It has no details, so the
 * scans take a few bytes.
 */
function bitByBit(width: number, height: number): Buffer {
  const channels = [1, 2, 3];
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  const table = (kind: number, symbol: number) => segment(0xc4, kind, 1, ...Array(15).fill(0), symbol);
  // A run of 2^14 blocks without details is the code 0 and fourteen zero bits.
  const empty = Buffer.alloc(Math.ceil((15 * Math.ceil(blocks / 2 ** 14)) / 8));
  const details = channels.flatMap((channel) =>
    Array.from({ length: 14 }, (_, i) =>
      Buffer.concat([segment(0xda, 1, channel, 0, 1, 63, i ? ((14 - i) << 4) | (13 - i) : 13), empty]),
    ),
  );
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, 0, ...Array(64).fill(1)),
    segment(0xc2, 8, ...size, 3, ...channels.flatMap((channel) => [channel, 0x11, 0])),
    table(0, 0),
    segment(0xda, 3, ...channels.flatMap((channel) => [channel, 0]), 0, 0, 0),
    Buffer.alloc(Math.ceil((3 * blocks) / 8)),
    ...[table(0x10, 0xe0), ...details, Buffer.from([0xff, 0xd9])],
  ]);
}
test('many scans of a small picture are read', () => {
  expect(decodeImage(bitByBit(24, 16), 'grey.jpg')).toEqual({
    width: 24,
    height: 16,
    data: new Uint8Array(24 * 16 * 3).fill(128),
  });
});
const restarts = bytesOf('grey with restarts');
const dropRestart = () => {
  const at = restarts.indexOf(Buffer.from([0xff, 0xd1]));
  return Buffer.concat([restarts.subarray(0, at), restarts.subarray(at + 2)]);
};

test.each<[string, () => Buffer, RegExp]>([
  ['a second frame', () => Buffer.concat([bare.subarray(0, scanAt), frame, bare.subarray(scanAt)]), /two JPEG frames/],
  ['a second frame of another size', () => readFileSync(`${CASES}/jpg-two-sof.jpg`), /two JPEG frames/],
  [
    '64 million pixels in no bytes',
    () => readFileSync(`${CASES}/jpg-8000-progressive-3.jpg`),
    /cut short: 0 bytes cannot hold an image of 8000×8000/,
  ],
  [
    'a size over the limit',
    () => changed(SOF, 5, 0xff, 0xff, 0xff, 0xff),
    /65535×65535 \(height×width\) is over 64 megapixels\. Shrink it/,
  ],
  ['a side over the limit', () => changed(SOF, 5, 0, 1, 0xff, 0xff), /1×65535 .* is over 16384 pixels a side/],
  ['no width', () => changed(SOF, 7, 0, 0), /its size is 19×0/],
  [
    'a height that comes later',
    () => changed(SOF, 5, 0, 0),
    /gives its height after the picture \(DNL\)\. Save it again/,
  ],
  ['12 bits', () => changed(SOF, 4, 12), /a JPEG of 12 bits a channel\. Save it again as baseline JPEG or PNG/],
  ['no loss', () => changed(SOF, 1, 0xc3), /it is a lossless JPEG, which is not read here\. Save it again/],
  ['arithmetic coding', () => changed(SOF, 1, 0xc9), /it is a JPEG with arithmetic coding/],
  ['progressive arithmetic coding', () => changed(SOF, 1, 0xca), /it is a JPEG with arithmetic coding/],
  ['levels', () => changed(SOF, 1, 0xc5), /it is a hierarchical JPEG/],
  ['JPEG-LS', () => changed(SOF, 1, 0xf7), /it is a JPEG-LS/],
  ['no frame', () => Buffer.concat([bare.subarray(0, frameAt), bare.subarray(frameAt + 19)]), /a JPEG without a frame/],
  ['a channel twice', () => changed(SOF, 13, 1), /has channel 1 twice/],
  ['no quantisation table', () => changed(SOF, 12, 3), /quantisation table 3 is missing/],
  ['an impossible sampling', () => changed(SOF, 11, 0x05), /channel 1 of its JPEG frame is impossible/],
  ['no Huffman table', () => changed(0xda, 6, 0x33), /a Huffman table is missing/],
  ['a channel of no frame', () => changed(0xda, 5, 7), /a scan has a channel 7/],
  [
    'scans that take too long',
    () => bitByBit(8000, 8000),
    /a JPEG whose scans pass over its 8000×8000 pixels too often\. Save it again/,
  ],
  ['scans without end', manyScans, /a scan repeats another, or one is missing/],
  [
    'a scan that is missing',
    () => progressive.subarray(0, progressive.indexOf(Buffer.from([0xff, 0xda]))),
    /cut short/,
  ],
  ['no end', () => bare.subarray(0, bare.length - 2), /cut short: its JPEG end marker is missing/],
  [
    'half of its data and an end',
    () => Buffer.concat([bare.subarray(0, scanAt + 100), bare.subarray(bare.length - 2)]),
    /its image data is cut short/,
  ],
  ['a restart marker less', dropRestart, /a restart marker is missing or in the wrong place/],
  ['a segment that goes beyond the file', () => bare.subarray(0, frameAt + 6), /cut short within a JPEG segment/],
  [
    'a marker that is none',
    () => Buffer.concat([bare.subarray(0, frameAt), Buffer.alloc(4), bare.subarray(frameAt)]),
    /there is no JPEG marker at byte/,
  ],
])('%s is an error', (_, make, message) => {
  expect(() => decodeImage(make(), 'bad.jpg')).toThrow(message);
  expect(() => decodeImage(make(), 'bad.jpg')).toThrow(/^bad\.jpg is not a usable image: /);
});
