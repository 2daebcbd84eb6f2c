import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type Image, oriented } from '../data/image.js';
import { MAX_MEGAPIXELS } from '../data/image-checks.js';
import {
  brokenImage,
  HEADER_BYTES,
  type ImageHeader,
  parseHeader,
  readImageFile,
  wholeHeader,
} from '../data/image-header.js';
import { UsageError } from '../gpu/errors.js';
import { readBytes } from './files.js';
import { decodeJpeg } from './jpeg.js';
import { decodePng } from './png.js';
import { trying } from './system-errors.js';

export { encodePng } from './png.js';

/** A picture of the largest size in 16 bits and four channels, not compressed at all, has as many bytes. */
const MAX_BYTES = 8 * 1e6 * MAX_MEGAPIXELS;

/**
 * Reads format and size of an image file without decoding it. `UsageError` that names the file when it is not a PNG or
 * JPEG.
 */
export function readImageHeader(path: string): ImageHeader {
  const start = trying(`read the image ${path}`, () => readStart(path));
  try {
    return parseHeader(start) ?? wholeHeader(readBytes(path, 'image'));
  } catch (error) {
    throw error instanceof UsageError ? error : brokenImage(path, error);
  }
}

function readStart(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const problem = `it has ${size} bytes, over the ${MAX_BYTES} that the largest picture needs`;
    if (size > MAX_BYTES) throw brokenImage(path, new Error(problem));
    const bytes = new Uint8Array(HEADER_BYTES);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * Decodes a PNG or JPEG, told apart by content, and turns it upright by its Exif orientation. Greyscale, palettes, 16 bits, CMYK become
 * 8-bit RGB; transparency lies on white. `UsageError` that names the file when it is broken, cut short included.
 */
export function decodeImage(bytes: Uint8Array, path: string): Image {
  try {
    const { format, file } = readImageFile(bytes);
    return oriented(format === 'png' ? decodePng(file) : decodeJpeg(file), file.orientation);
  } catch (error) {
    throw brokenImage(path, error);
  }
}

/** Reads and decodes an image file; errors as in `decodeImage`. Its header is checked before the rest is read. */
export function readImage(path: string): Image {
  readImageHeader(path);
  return decodeImage(readBytes(path, 'image'), path);
}
