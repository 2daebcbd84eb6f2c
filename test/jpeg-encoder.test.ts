import jpeg from 'jpeg-js';
import { describe, expect, test } from 'vitest';
import { blank, type Image } from '../src/data/image.js';
import { stream } from '../src/data/random.js';
import { drawSynthetic } from '../src/data/synth.js';
import { decodeImage } from '../src/node/images.js';
import { encodeJpeg } from '../src/node/jpeg-encoder.js';

/** The decoded picture of another library. */
function decodedElsewhere(bytes: Uint8Array): Image {
  const { width, height, data } = jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false });
  return { width, height, data };
}

function meanSquare(a: Image, b: Image): number {
  let sum = 0;
  for (const [i, v] of a.data.entries()) sum += (v - (b.data[i] as number)) ** 2;
  return sum / a.data.length;
}

describe('encodeJpeg', () => {
  const person = drawSynthetic({ seed: 1, identity: 2, index: 3, height: 61, width: 29 }).image;
  /** Noise has the largest coefficients, and every code of the tables. */
  const random = stream(5);
  const noise = blank(37, 19);
  for (let i = 0; i < noise.data.length; i++)
    noise.data[i] = random.chance(0.5) ? random.below(256) : 255 * random.below(2);

  test.each<[string, number, Image]>([
    ['a person', 95, person],
    ['a person', 20, person],
    ['noise', 100, noise],
    ['noise', 95, noise],
    ['one pixel', 95, { width: 1, height: 1, data: Uint8Array.of(200, 30, 90) }],
  ])('%s of quality %i is as near to the picture as that of another encoder, for two decoders', (_, quality, image) => {
    const bytes = encodeJpeg(image, quality);
    const rgba = Uint8Array.from({ length: (image.data.length / 3) * 4 }, (_, i) => image.data[i - (i >> 2)] as number);
    const other = jpeg.encode({ ...image, data: rgba }, quality).data;
    // It has the same tables and the full resolution of colours, but rounds elsewhere.
    const most = 1.05 * meanSquare(decodedElsewhere(other), image) + 0.1;
    for (const again of [decodeImage(bytes, 'x.jpg'), decodedElsewhere(bytes)]) {
      expect([again.width, again.height]).toEqual([image.width, image.height]);
      expect(meanSquare(again, image)).toBeLessThan(most);
    }
  });

  test('a higher quality takes more bytes and is nearer to the picture', () => {
    const [low, high] = [encodeJpeg(person, 30), encodeJpeg(person, 90)] as const;
    expect(low.length).toBeLessThan(high.length);
    expect(meanSquare(decodeImage(high, 'x'), person)).toBeLessThan(meanSquare(decodeImage(low, 'x'), person));
  });

  test('refuses another quality, and sides that the format cannot hold', () => {
    expect(() => encodeJpeg(person, 0)).toThrow(/whole number from 1 to 100, got 0/);
    const long = { width: 65536, height: 1, data: new Uint8Array(3 * 65536) };
    expect(() => encodeJpeg(long)).toThrow(/at most 65535 pixels a side, not 65536×1/);
  });
});
