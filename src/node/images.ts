import { closeSync, openSync, readSync } from 'node:fs';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import type { Image } from '../data/image.js';
import {
  brokenImage,
  HEADER_BYTES,
  type ImageHeader,
  MAX_MEGAPIXELS,
  parseHeader,
  wholeHeader,
} from '../data/image-header.js';
import { UsageError } from '../gpu/errors.js';
import { readBytes } from './files.js';

const MAX_MEGABYTES = 2048;

/**
 * Reads format and size of an image file without decoding it. `UsageError` that names the file when it is no PNG or
 * JPEG.
 */
export function readImageHeader(path: string): ImageHeader {
  let start: Uint8Array;
  try {
    start = readStart(path);
  } catch (error) {
    throw new UsageError(`cannot read the image ${path}: ${(error as Error).message}`);
  }
  try {
    return parseHeader(start) ?? wholeHeader(readBytes(path, 'image'));
  } catch (error) {
    throw error instanceof UsageError ? error : brokenImage(path, error);
  }
}

function readStart(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(HEADER_BYTES);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * Decodes a PNG or JPEG, told apart by content. Greyscale, palettes, 16 bits, CMYK become 8-bit RGB; transparency lies
 * on white. `UsageError` that names the file when it is broken, cut short included.
 */
export function decodeImage(bytes: Uint8Array, path: string): Image {
  try {
    const header = wholeHeader(bytes);
    return header.format === 'png' ? decodePng(bytes) : decodeJpeg(bytes, header);
  } catch (error) {
    throw brokenImage(path, error);
  }
}

/** Reads and decodes an image file; errors as in `decodeImage`. */
export function readImage(path: string): Image {
  return decodeImage(readBytes(path, 'image'), path);
}

function decodePng(bytes: Uint8Array): Image {
  const { width, height, data: rgba } = PNG.sync.read(asBuffer(bytes));
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3] as number;
    for (let c = 0; c < 3; c++)
      data[to + c] =
        alpha === 255
          ? (rgba[from + c] as number)
          : Math.round(255 + (alpha / 255) * ((rgba[from + c] as number) - 255));
  }
  return { width, height, data };
}

function decodeJpeg(bytes: Uint8Array, { adobe }: ImageHeader): Image {
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: MAX_MEGAPIXELS,
    maxMemoryUsageInMB: MAX_MEGABYTES,
    // Unset, the decoder decides by the number of channels, which is wrong for RGB that Adobe's marker declares as
    // such.
    ...(adobe === 0 ? { colorTransform: false } : {}),
  });
  return { width, height, data };
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Encodes an image as an 8-bit RGB PNG. */
export function encodePng({ width, height, data }: Image): Uint8Array {
  const png = new PNG({ width, height });
  png.data = asBuffer(data);
  // One filter for all lines: choosing per line takes ten times as long and saves little on small pictures.
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false, filterType: 4, deflateLevel: 6 });
}
