import { crc32 } from './crc32.js';
import { exifOrientation, type Orientation } from './exif.js';
import { CutShort, sizeProblem } from './image-checks.js';

export const PNG_SIGNATURE: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export const GREY = 0;
export const RGB = 2;
export const PALETTE = 3;
export const GREY_ALPHA = 4;
export const RGBA = 6;

/** The bit depths of each colour type (PNG specification, table 8). */
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  [GREY]: [1, 2, 4, 8, 16],
  [RGB]: [8, 16],
  [PALETTE]: [1, 2, 4, 8],
  [GREY_ALPHA]: [8, 16],
  [RGBA]: [8, 16],
};

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced: boolean;
}

/** A PNG file whose chunks are checked, but not its compressed data. */
export interface PngFile extends PngHeader {
  readonly orientation: Orientation;
  /** Three bytes a colour; empty unless the colour type is `PALETTE`. */
  readonly palette: Uint8Array;
  /** The chunk tRNS, whose meaning depends on the colour type. */
  readonly transparency: Uint8Array | undefined;
  /** The compressed image, in one or more parts. */
  readonly data: readonly Uint8Array[];
}

export interface PngChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** The bytes of a chunk: length, type, data, and the CRC of type and data (PNG specification, 5.3). */
function encodePngChunk({ type, data }: PngChunk): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** The bytes of a PNG file. */
export function encodePngFile(chunks: readonly PngChunk[]): Uint8Array {
  const parts = [Uint8Array.from(PNG_SIGNATURE), ...chunks.map(encodePngChunk)];
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * The chunks up to IEND, or up to the first of type `until`, which is not examined. What follows IEND is not part of the
 * picture. Throws an `Error` that says what is wrong.
 */
export function* pngChunks(bytes: Uint8Array, until?: string): Generator<PngChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = PNG_SIGNATURE.length; ; ) {
    if (at + 12 > bytes.length) throw new CutShort('it is cut short: a PNG’s data and end chunk are missing');
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) throw new Error(`it is damaged: no PNG chunk begins at byte ${at}`);
    if (type === until) return;
    const end = at + 8 + length;
    if (end + 4 > bytes.length) throw new CutShort(`it is cut short within its PNG chunk ${type}`);
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end))
      throw new Error(`it is damaged: the checksum of its PNG chunk ${type} at byte ${at} is wrong`);
    yield { type, data: bytes.subarray(at + 8, end) };
    if (type === 'IEND') return;
    at = end + 4;
  }
}

function pngHeader(data: Uint8Array): PngHeader {
  if (data.length !== 13) throw new Error(`it is damaged: its PNG header has ${data.length} bytes instead of 13`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, colourType = 0, compression, filter, interlace] = data.subarray(8);
  const problem = sizeProblem(width, height);
  if (problem) throw new Error(problem);
  if (!DEPTHS[colourType]?.includes(depth))
    throw new Error(`it is damaged: PNG has no colour type ${colourType} with ${depth} bits`);
  if (compression !== 0 || filter !== 0 || interlace === undefined || interlace > 1)
    throw new Error('it is damaged: its PNG header names an unknown compression, filter or interlacing');
  return { width, height, depth, colourType, interlaced: interlace === 1 };
}

/** The content before the image data: header, colours, orientation. */
class Preamble {
  readonly #header: PngHeader;
  palette: Uint8Array = new Uint8Array();
  transparency: Uint8Array | undefined;
  orientation: Orientation | undefined;

  constructor(first: PngChunk) {
    if (first.type === 'CgBI') throw new Error('it is a PNG in Apple’s own form for iPhones. Save it again as PNG');
    if (first.type !== 'IHDR') throw new Error('it is damaged: its first PNG chunk is not the header');
    this.#header = pngHeader(first.data);
  }

  get header(): PngHeader {
    return this.#header;
  }

  add({ type, data }: PngChunk): void {
    const { colourType } = this.#header;
    if (type === 'eXIf') this.orientation ??= exifOrientation(data) ?? 1;
    else if (type === 'PLTE' && colourType === PALETTE) {
      if (this.palette.length) throw new Error('it is damaged: it has two palettes');
      if (!data.length || data.length % 3 || data.length > 768)
        throw new Error(`it is damaged: its palette has ${data.length} bytes`);
      this.palette = data;
    } else if (type === 'tRNS' && colourType !== GREY_ALPHA && colourType !== RGBA) {
      const fits =
        colourType === PALETTE ? data.length <= this.palette.length / 3 : data.length === (colourType === GREY ? 2 : 6);
      if (!fits || this.transparency) throw new Error('it is damaged: its transparency does not fit its colours');
      this.transparency = data;
    } else if (type === 'IHDR') throw new Error('it is damaged: it has two headers');
    else if (/^[A-Z]/.test(type) && type !== 'PLTE' && type !== 'IEND')
      throw new Error(`it needs the PNG chunk ${type}, which is not known here`);
  }
}

/** The size and orientation from the chunks before the image data. Throws `CutShort` if the bytes end within these chunks. */
export function readPngHeader(bytes: Uint8Array): PngHeader & { readonly orientation: Orientation } {
  let preamble: Preamble | undefined;
  for (const chunk of pngChunks(bytes, 'IDAT')) {
    if (preamble) preamble.add(chunk);
    else preamble = new Preamble(chunk);
  }
  if (!preamble) throw new Error('it is damaged: its first PNG chunk is not the header');
  return { ...preamble.header, orientation: preamble.orientation ?? 1 };
}

/** Reads a whole file. Throws an `Error` that says what is wrong. Of an animation it reads the default image. */
export function readPngFile(bytes: Uint8Array): PngFile {
  let orientation: Orientation = 1;
  let preamble: Preamble | undefined;
  const data: Uint8Array[] = [];
  let last = '';
  for (const chunk of pngChunks(bytes)) {
    if (!preamble) preamble = new Preamble(chunk);
    else if (chunk.type !== 'IDAT') preamble.add(chunk);
    else {
      if (data.length && last !== 'IDAT') throw new Error('it is damaged: its image data are in two places');
      // As in browsers, an orientation after the image data has no effect.
      if (!data.length) orientation = preamble.orientation ?? 1;
      data.push(chunk.data);
    }
    last = chunk.type;
  }
  if (!preamble || !data.length) throw new CutShort('it is cut short: a PNG’s image data are missing');
  const { header, palette, transparency } = preamble;
  if (header.colourType === PALETTE && !palette.length) throw new Error('it is damaged: its palette is missing');
  return { ...header, orientation, palette, transparency, data };
}
