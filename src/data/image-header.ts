import { UsageError } from '../gpu/errors.js';
import { isSideways, type Orientation } from './exif.js';
import { fileKind } from './file-kind.js';
import { CutShort } from './image-checks.js';
import { type JpegFile, readJpegFile, readJpegHeader } from './jpeg-file.js';
import { PNG_SIGNATURE, type PngFile, readPngFile, readPngHeader } from './png-file.js';

/** The format and size of an image file, from the bytes before its picture. */
export interface ImageHeader {
  readonly format: 'png' | 'jpeg';
  /** The size of the picture as it is shown, after it is turned by its orientation. */
  readonly width: number;
  readonly height: number;
}

/** The header is nearly always within this many bytes, but a long colour profile or preview can precede the picture. */
export const HEADER_BYTES = 1 << 16;

/** A file is neither PNG nor JPEG. A browser may be able to read it nevertheless. */
export class OtherFormat extends Error {
  constructor(readonly bytes: Uint8Array) {
    super('it is neither PNG nor JPEG');
  }
}

function formatOf(bytes: Uint8Array): ImageHeader['format'] {
  if (PNG_SIGNATURE.every((b, i) => bytes[i] === b)) return 'png';
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  throw new OtherFormat(bytes);
}

interface Stored {
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
}

function shown(format: ImageHeader['format'], { width, height, orientation }: Stored): ImageHeader {
  return isSideways(orientation) ? { format, width: height, height: width } : { format, width, height };
}

/**
 * The header in the first bytes of a file, or `undefined` if it does not end within them. Throws an `Error` that says what
 * is wrong.
 */
export function parseHeader(bytes: Uint8Array): ImageHeader | undefined {
  const format = formatOf(bytes);
  try {
    return shown(format, format === 'png' ? readPngHeader(bytes) : readJpegHeader(bytes));
  } catch (error) {
    if (error instanceof CutShort) return undefined;
    throw error;
  }
}

/** An image file whose structure and size are checked, but not its compressed data. */
export type ImageFile =
  | { readonly format: 'png'; readonly file: PngFile }
  | { readonly format: 'jpeg'; readonly file: JpegFile };

/** Checks a whole file before any of it is decoded. Throws an `Error` that says what is wrong. */
export function readImageFile(bytes: Uint8Array): ImageFile {
  return formatOf(bytes) === 'png'
    ? { format: 'png', file: readPngFile(bytes) }
    : { format: 'jpeg', file: readJpegFile(bytes) };
}

/** The header of a whole file, which is checked as by `readImageFile`. */
export function wholeHeader(bytes: Uint8Array): ImageHeader {
  const { format, file } = readImageFile(bytes);
  return shown(format, file);
}

/** An error that names an image file and what is wrong with it, or what it is if it is not PNG or JPEG. */
export function brokenImage(path: string, error: unknown): UsageError {
  const { message } = error as Error;
  if (!(error instanceof OtherFormat)) return new UsageError(`${path} is not a usable image: ${message}`);
  const kind = fileKind(error.bytes);
  const found = kind ? `it is ${kind.name}` : 'it is not an image';
  const advice = kind?.advice ?? (kind?.name.endsWith(' picture') ? 'Convert it to one of them.' : 'Give a picture.');
  return new UsageError(`${path} is not a usable image: ${found}; PNG and JPEG are read. ${advice}`);
}
