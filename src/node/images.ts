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

/** The size of the largest picture with 16 bits and four channels, uncompressed. */
const MAX_BYTES = 8 * 1e6 * MAX_MEGAPIXELS;

/**
 * Reads the format and size of an image file without decoding it. Throws a `UsageError` that names the file if it is not
 * PNG or JPEG.
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
    const problem = `it has ${size} bytes, more than the ${MAX_BYTES} that the largest picture needs`;
    if (size > MAX_BYTES) throw brokenImage(path, new Error(problem));
    const bytes = new Uint8Array(HEADER_BYTES);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * Decodes a PNG or JPEG, recognised by its content, and turns it upright by its Exif orientation. Greyscale, palettes, 16 bits and CMYK
 * are converted to 8-bit RGB, and transparency is drawn on white. Throws a `UsageError` that names the file if it is broken or cut short.
 */
export function decodeImage(bytes: Uint8Array, path: string): Image {
  try {
    const { format, file } = readImageFile(bytes);
    return oriented(format === 'png' ? decodePng(file) : decodeJpeg(file), file.orientation);
  } catch (error) {
    throw brokenImage(path, error);
  }
}

/** Reads and decodes an image file, with the errors of `decodeImage`. The header is checked before the rest is read. */
export function readImage(path: string): Image {
  readImageHeader(path);
  return decodeImage(readBytes(path, 'image'), path);
}
