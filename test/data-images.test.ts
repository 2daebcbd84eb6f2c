import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { afterAll, expect, test } from 'vitest';
import { drawDisc, drawLine, drawPose } from '../src/data/draw.js';
import {
  blank,
  contactSheet,
  flip,
  fromTensor,
  hstack,
  type Image,
  paste,
  resize,
  toTensor,
  vstack,
} from '../src/data/image.js';
import { encodeGif } from '../src/node/gif.js';
import { decodeImage, encodePng, readImage, readImageHeader } from '../src/node/images.js';
import { PERSON } from '../src/pose/skeleton.js';

const folder = mkdtempSync(join(tmpdir(), 'pose-gan-images-'));
afterAll(() => rmSync(folder, { recursive: true }));

const images = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }))
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      .map((data): Image => ({ width, height, data })),
  );

/** Makes a smooth picture, which JPEG preserves well. */
function smooth(width: number, height: number): Image {
  const image = blank(width, height);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    image.data.set([(200 * x) / width, (200 * y) / height, 128], 3 * i);
  }
  return image;
}

function rgba({ width, height, data }: Image): Buffer {
  return Buffer.from(
    Array.from({ length: width * height }, (_, i) => [...data.subarray(3 * i, 3 * i + 3), 255]).flat(),
  );
}

const encodeJpeg = (image: Image) =>
  jpeg.encode({ width: image.width, height: image.height, data: rgba(image) }, 95).data;

test('a PNG is read back bit for bit, and so are the values for the network', () => {
  fc.assert(
    fc.property(images, (image) => {
      const back = decodeImage(encodePng(image), 'x.png');
      expect([back.width, back.height]).toEqual([image.width, image.height]);
      expect([...back.data]).toEqual([...image.data]);
      expect([...fromTensor(toTensor(image), image.width, image.height).data]).toEqual([...image.data]);
    }),
    { numRuns: 30 },
  );
});

test('values are v/127.5 − 1, and the way back rounds and clamps', () => {
  const image: Image = { width: 1, height: 1, data: Uint8Array.of(0, 127, 255) };
  const values = toTensor(image, new Float32Array(6), 3);
  expect([...values]).toEqual([0, 0, 0, -1, Math.fround(127 / 127.5 - 1), 1]);
  expect([...fromTensor([-7, 0.0001, 3, Number.NaN, 0.5, -0.5], 2, 1).data]).toEqual([0, 128, 255, 0, 191, 64]);
  expect(() => fromTensor([0, 0], 1, 1)).toThrow(/1×1 needs 3 values, there are 2/);
});

test('the content decides what a file is, not its name', () => {
  const image = smooth(40, 24);
  const path = join(folder, 'really-a-jpeg.png');
  writeFileSync(path, encodeJpeg(image));
  expect(readImageHeader(path)).toMatchObject({ format: 'jpeg', width: 40, height: 24 });
  const back = readImage(path);
  expect(Math.max(...back.data.map((v, i) => Math.abs(v - (image.data[i] ?? 0))))).toBeLessThan(16);
  writeFileSync(path, encodePng(image));
  expect(readImageHeader(path)).toEqual({ format: 'png', width: 40, height: 24 });
});

// These are 8×8 pixels of rgb(200, 60, 20), whose grey is 97, written by libjpeg.
const tiny = {
  grey: '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8ALH//2Q==',
  cmyk: '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAgJ/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwBgCUm+qm//2Q==',
  adobeRgb:
    '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU/8AAEQgACAAIA1IRAEcRAEIRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAgJ/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAwDUgBHAEIAAD8AYAlJvv/Z',
};

test.each([
  ['grey', [97, 97, 97]],
  ['cmyk', [200, 60, 20]],
  ['adobeRgb', [200, 60, 20]],
] as const)('a JPEG in %s becomes RGB', (kind, expected) => {
  const { data, width, height } = decodeImage(Buffer.from(tiny[kind], 'base64'), 'x.jpg');
  expect([width, height, data.length]).toEqual([8, 8, 192]);
  for (let c = 0; c < 3; c++) expect(Math.abs((data[c] ?? 0) - (expected[c] ?? 0))).toBeLessThanOrEqual(3);
});

test('greyscale and transparent PNGs become RGB on a white background', () => {
  const png = new PNG({ width: 2, height: 1 });
  png.data = Buffer.from([200, 60, 20, 255, 0, 0, 0, 128]);
  expect([...decodeImage(PNG.sync.write(png), 'a.png').data]).toEqual([200, 60, 20, 127, 127, 127]);
  const grey = decodeImage(PNG.sync.write(png, { colorType: 0 }), 'g.png').data;
  expect(grey[0]).toBe(grey[1]);
  expect(grey.length).toBe(6);
});

test.each([
  ['a missing file', undefined, /cannot read the image .*x\.jpg: ENOENT/],
  ['an empty file', Buffer.alloc(0), /x\.jpg is not a usable image: it is an empty file; PNG and JPEG are read/],
  [
    'text',
    Buffer.from('not an image at all'),
    /x\.jpg is not a usable image: it is a text that begins "not an image at all"; PNG and JPEG/,
  ],
  ['a GIF', Buffer.from('GIF89a\u0001\u0000\u0001\u0000'), /it is a GIF picture; PNG and JPEG are read\. Convert it/],
  ['a JPEG cut short', encodeJpeg(smooth(64, 64)).subarray(0, 900), /x\.jpg is not a usable image: it is cut short/],
  ['a PNG cut short', Buffer.from(encodePng(smooth(64, 64))).subarray(0, 200), /x\.jpg is not a usable image/],
])('%s is an error that names the file', (_, bytes, message) => {
  const path = join(folder, 'x.jpg');
  rmSync(path, { force: true });
  if (bytes) writeFileSync(path, bytes);
  expect(() => readImage(path)).toThrow(message);
});

test('images too large for any file are refused before memory is allocated', () => {
  const odd = (width: number, height: number, length = 0): Image => ({ width, height, data: new Uint8Array(length) });
  expect(() => encodePng(odd(2 ** 31, 1))).toThrow(/1×2147483648 \(height×width\) cannot be written/);
  expect(() => encodePng(odd(40000, 40000))).toThrow(/cannot be written; make it smaller/);
  expect(() => encodePng(odd(1.5, 2, 9))).toThrow(/2×1.5 .*cannot be written/);
  expect(() => encodePng(odd(3, 2, 17))).toThrow(/2×3 needs 18 bytes, there are 17/);
  expect(() => encodeGif([odd(70000, 1, 210000)], 10)).toThrow(/1×70000 .*cannot be written/);
  expect(() => blank(40000, 40000)).toThrow(/40000×40000 \(height×width\) is too large/);
  expect(() => resize(blank(1, 1), 9000, 9000)).toThrow(
    /cannot be resized to 9000×9000: its size .* is over 64 megapixels/,
  );
  expect(() => resize(blank(1, 1), 20000, 1)).toThrow(/over 16384 pixels a side/);
});

test('damage to a PNG is noticed wherever it is', () => {
  const bytes = Buffer.from(encodePng(smooth(16, 16)));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ change;
      expect(() => decodeImage(damaged, 'd.png')).toThrow(/d\.png is not a usable image/);
    }),
    { numRuns: 60 },
  );
});

test('damaged JPEGs give an image or an error, never a hang or a crash', () => {
  const bytes = Buffer.from(encodeJpeg(smooth(32, 32)));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged[at] = value;
        try {
          const { width, height, data } = decodeImage(damaged, 'd.jpg');
          expect(data.length).toBe(width * height * 3);
        } catch (error) {
          expect((error as Error).message).toContain('d.jpg');
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('resizing keeps flat colours and the mean, and is the identity at the same size', () => {
  fc.assert(
    fc.property(images, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (image, w, h) => {
      expect(resize(image, image.width, image.height).data).toEqual(image.data);
      const colour = [image.data[0], image.data[1], image.data[2]] as [number, number, number];
      const flat = resize(blank(image.width, image.height, colour), w, h);
      expect([flat.width, flat.height]).toEqual([w, h]);
      expect([...flat.data]).toEqual([...blank(w, h, colour).data]);
    }),
    { numRuns: 40 },
  );
});

test('shrinking averages the area, enlarging interpolates', () => {
  const board: Image = {
    width: 8,
    height: 1,
    data: Uint8Array.from({ length: 24 }, (_, i) => (Math.floor(i / 3) % 2 ? 255 : 0)),
  };
  // Point sampling would give only 0 or only 255.
  for (const v of resize(board, 2, 1).data) expect(Math.abs(v - 127.5)).toBeLessThan(25);
  const ramp: Image = { width: 2, height: 1, data: Uint8Array.of(0, 0, 0, 100, 100, 100) };
  expect([...resize(ramp, 4, 1).data].filter((_, i) => i % 3 === 0)).toEqual([0, 25, 75, 100]);
});

test('mirroring exchanges the sides, and mirroring twice changes nothing', () => {
  fc.assert(
    fc.property(images, (image) => {
      expect(flip(flip(image)).data).toEqual(image.data);
      expect([...flip(image).data.subarray(0, 3)]).toEqual([
        ...image.data.subarray(3 * image.width - 3, 3 * image.width),
      ]);
    }),
    { numRuns: 20 },
  );
});

test('sheets put images side by side and below each other', () => {
  const [red, blue] = [blank(2, 3, [255, 0, 0]), blank(4, 1, [0, 0, 255])];
  const row = hstack([red, blue], { gap: 1, colour: [9, 9, 9] });
  expect([row.width, row.height]).toEqual([7, 3]);
  const at = (image: Image, x: number, y: number) => [
    ...image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3),
  ];
  expect([at(row, 1, 2), at(row, 2, 0), at(row, 3, 0), at(row, 3, 1)]).toEqual([
    [255, 0, 0],
    [9, 9, 9],
    [0, 0, 255],
    [9, 9, 9],
  ]);
  const column = vstack([red, blue], { gap: 2 });
  expect([column.width, column.height, at(column, 3, 5)]).toEqual([4, 6, [0, 0, 255]]);
  expect(contactSheet([red, red, red], 2, { gap: 1 })).toMatchObject({ width: 5, height: 7 });
  const board = blank(3, 3);
  paste(board, blue, -2, 2);
  paste(board, blue, 9, 9);
  expect([at(board, 1, 2), at(board, 2, 2), at(board, 0, 1)]).toEqual([
    [0, 0, 255],
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

test('lines, discs and poses are drawn where they belong, even across the edge', () => {
  const image = blank(32, 32);
  const at = (x: number, y: number) => image.data[3 * (y * 32 + x)];
  drawLine(image, [4, 10], [20, 10], [255, 255, 255], 3);
  expect([at(12, 10), at(12, 11), at(12, 14), at(25, 10)]).toEqual([255, 255, 0, 0]);
  drawDisc(image, [31, 31], 3, [200, 0, 0]);
  drawDisc(image, [-50, 5], 3, [200, 0, 0]);
  expect([at(31, 31), at(29, 31), at(25, 31)]).toEqual([200, 200, 0]);
  const before = image.data.reduce((s, v) => s + v, 0);
  drawPose(
    image,
    PERSON,
    PERSON.joints.map(() => null),
  );
  expect(image.data.reduce((s, v) => s + v, 0)).toBe(before);
  drawPose(
    image,
    PERSON,
    PERSON.joints.map((_, i) => [5 + i, 25]),
    1,
  );
  expect(image.data.reduce((s, v) => s + v, 0)).toBeGreaterThan(before);
});
