import { closeSync, openSync, readSync } from 'node:fs';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import type { Image } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';
import { readBytes } from './files.js';

/** What the first bytes of an image file say. */
export interface ImageHeader {
  readonly format: 'png' | 'jpeg';
  readonly width: number;
  readonly height: number;
  /** JPEG alone: Adobe's colour transform (0: channels are RGB or CMYK as they are), when the file has that marker. */
  readonly adobe?: number;
}

/** Far more than training images have, far less than would fill the memory of a worker. */
const MAX_MEGAPIXELS = 64;
const MAX_MEGABYTES = 2048;
/** Where a JPEG's size stands is behind its metadata; nearly always within this. */
const HEADER_BYTES = 1 << 16;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const TYPES: readonly [signature: readonly number[], name: string][] = [
  [[0x47, 0x49, 0x46, 0x38], 'a GIF'],
  [[0x42, 0x4d], 'a BMP'],
  [[0x52, 0x49, 0x46, 0x46], 'a WebP'],
  [[0x49, 0x49, 0x2a], 'a TIFF'],
  [[0x4d, 0x4d, 0x00, 0x2a], 'a TIFF'],
];

const startsWith = (bytes: Uint8Array, signature: readonly number[]) => signature.every((b, i) => bytes[i] === b);

/**
 * The header in the first bytes of a file; nothing when it goes on behind them. Throws an `Error` that says what is
 * wrong.
 */
function parseHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!bytes.length) throw new Error('it is empty');
  if (startsWith(bytes, PNG_SIGNATURE)) {
    if (bytes.length < 24) return undefined;
    return sized({ format: 'png', width: view.getUint32(16), height: view.getUint32(20) });
  }
  if (!startsWith(bytes, [0xff, 0xd8])) {
    const other = TYPES.find(([signature]) => startsWith(bytes, signature));
    throw new Error(`it is ${other ? other[1] : 'no image'}; PNG and JPEG are possible`);
  }
  let adobe: number | undefined;
  for (let at = 2; at + 9 < bytes.length; ) {
    const marker = bytes[at + 1] as number;
    if (bytes[at] !== 0xff) throw new Error(`its JPEG marker at byte ${at} is broken`);
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return sized({ format: 'jpeg', width: view.getUint16(at + 7), height: view.getUint16(at + 5), adobe });
    if (marker === 0xd9 || marker === 0xda) throw new Error('it is a JPEG without a frame');
    const isAdobe = marker === 0xee && startsWith(bytes.subarray(at + 4), [0x41, 0x64, 0x6f, 0x62, 0x65]);
    if (isAdobe) adobe = bytes[at + 15];
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function sized(header: ImageHeader): ImageHeader {
  const { width, height } = header;
  if (!width || !height) throw new Error(`its size is ${height}×${width}`);
  if (width * height > MAX_MEGAPIXELS * 1e6)
    throw new Error(`its size of ${height}×${width} is over ${MAX_MEGAPIXELS} megapixels`);
  return header;
}

function broken(path: string, error: unknown): UsageError {
  return new UsageError(`${path} is not a usable image: ${(error as Error).message}`);
}

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
    const header = parseHeader(start) ?? parseHeader(readBytes(path, 'image'));
    if (!header) throw new Error('it is cut short');
    return header;
  } catch (error) {
    throw error instanceof UsageError ? error : broken(path, error);
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
    const header = parseHeader(bytes);
    if (!header) throw new Error('it is cut short');
    return header.format === 'png' ? decodePng(bytes) : decodeJpeg(bytes, header);
  } catch (error) {
    throw broken(path, error);
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
  // The decoder reads zeros behind the end of its input, so a file without an end marker would give a picture with grey
  // below.
  if (!hasEnd(bytes)) throw new Error('it is cut short: its JPEG end marker is missing');
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

/**
 * Whether the end marker FF D9 stands somewhere behind the last start of a scan; cameras append bytes of their own to
 * it.
 */
function hasEnd(bytes: Uint8Array): boolean {
  for (let i = bytes.length - 2; i >= 0; i--) {
    if (bytes[i] !== 0xff) continue;
    if (bytes[i + 1] === 0xd9) return true;
    if (bytes[i + 1] === 0xda) return false;
  }
  return false;
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Encodes an image as an 8-bit RGB PNG. */
export function encodePng({ width, height, data }: Image): Uint8Array {
  const png = new PNG({ width, height });
  png.data = asBuffer(data);
  // One filter for all lines: choosing per line takes ten times as long and saves little on small pictures.
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false, filterType: 4, deflateLevel: 6 });
}
