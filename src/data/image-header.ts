import { UsageError } from '../gpu/errors.js';

/** What the first bytes of an image file say. */
export interface ImageHeader {
  readonly format: 'png' | 'jpeg';
  readonly width: number;
  readonly height: number;
  /** JPEG alone: Adobe's colour transform (0: channels are RGB or CMYK as they are), when the file has that marker. */
  readonly adobe?: number;
}

/** Far more than training images have, far less than would fill the memory of a worker. */
export const MAX_MEGAPIXELS = 64;
/** Where a JPEG's size stands is behind its metadata; nearly always within this. */
export const HEADER_BYTES = 1 << 16;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const TYPES: readonly [signature: readonly number[], name: string][] = [
  [[0x47, 0x49, 0x46, 0x38], 'a GIF'],
  [[0x42, 0x4d], 'a BMP'],
  [[0x52, 0x49, 0x46, 0x46], 'a WebP'],
  [[0x49, 0x49, 0x2a], 'a TIFF'],
  [[0x4d, 0x4d, 0x00, 0x2a], 'a TIFF'],
];

const CUT_SHORT = 'it is cut short';

const startsWith = (bytes: Uint8Array, signature: readonly number[]) => signature.every((b, i) => bytes[i] === b);

/**
 * The header in the first bytes of a file; nothing when it goes on behind them. Throws an `Error` that says what is
 * wrong.
 */
export function parseHeader(bytes: Uint8Array): ImageHeader | undefined {
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

/** The header of a whole file: what ends before it is cut short. Throws an `Error` that says what is wrong. */
export function wholeHeader(bytes: Uint8Array): ImageHeader {
  const header = parseHeader(bytes);
  if (!header) throw new Error(CUT_SHORT);
  // Decoders fill what is missing with grey, so a file without its end would give a picture that is grey below.
  if (header.format === 'jpeg' && !hasEnd(bytes)) throw new Error(`${CUT_SHORT}: its JPEG end marker is missing`);
  if (header.format === 'png' && !hasLastChunk(bytes))
    throw new Error(`${CUT_SHORT}: a PNG’s data and end chunk are not there`);
  return header;
}

/** The error that names an image file and what is wrong with it. */
export function brokenImage(path: string, error: unknown): UsageError {
  return new UsageError(`${path} is not a usable image: ${(error as Error).message}`);
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

/** Whether a PNG's chunks (length, type, data, checksum) are there from the picture's data to IEND; anything may follow. */
function hasLastChunk(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let data = false;
  for (let at = PNG_SIGNATURE.length; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === 'IDAT') data = true;
    if (type === 'IEND') return data;
  }
  return false;
}
