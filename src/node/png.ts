import { deflateSync, inflateSync, constants as zlib } from 'node:zlib';
import { checkImage, type Image } from '../data/image.js';
import { encodePngFile, GREY, GREY_ALPHA, PALETTE, type PngFile, RGB, RGBA } from '../data/png-file.js';

const CHANNELS: Readonly<Record<number, number>> = { [GREY]: 1, [RGB]: 3, [PALETTE]: 1, [GREY_ALPHA]: 2, [RGBA]: 4 };

/** A pass, whose rows follow each other in the data: the whole picture, or one of the passes of Adam7. */
interface Pass {
  readonly left: number;
  readonly top: number;
  readonly stepX: number;
  readonly stepY: number;
}

const WHOLE: readonly Pass[] = [{ left: 0, top: 0, stepX: 1, stepY: 1 }];
/** The passes of Adam7 (PNG specification, 8.1). */
const ADAM7: readonly Pass[] = [
  { left: 0, top: 0, stepX: 8, stepY: 8 },
  { left: 4, top: 0, stepX: 8, stepY: 8 },
  { left: 0, top: 4, stepX: 4, stepY: 8 },
  { left: 2, top: 0, stepX: 4, stepY: 4 },
  { left: 0, top: 2, stepX: 2, stepY: 4 },
  { left: 1, top: 0, stepX: 2, stepY: 2 },
  { left: 0, top: 1, stepX: 1, stepY: 2 },
];

/** The picture of a checked file as it is stored, without applying its orientation. Transparency is drawn on white. */
export function decodePng(file: PngFile): Image {
  const { width, height, depth, colourType, interlaced } = file;
  const bitsPerPixel = depth * (CHANNELS[colourType] as number);
  const parts = (interlaced ? ADAM7 : WHOLE)
    .map((pass) => {
      const across = Math.ceil((width - pass.left) / pass.stepX);
      const down = Math.ceil((height - pass.top) / pass.stepY);
      return { ...pass, across, down, rowBytes: Math.ceil((across * bitsPerPixel) / 8) };
    })
    .filter(({ across, down }) => across > 0 && down > 0);
  const raw = inflate(
    file.data,
    parts.reduce((n, { down, rowBytes }) => n + down * (1 + rowBytes), 0),
  );
  const data = new Uint8Array(width * height * 3);
  const paint = painter(file);
  let at = 0;
  for (const { left, top, stepX, stepY, across, down, rowBytes } of parts) {
    let above: Uint8Array = new Uint8Array(rowBytes);
    for (let y = 0; y < down; y++, at += 1 + rowBytes) {
      const row = raw.subarray(at + 1, at + 1 + rowBytes);
      unfilter(raw[at] as number, row, above, Math.max(1, bitsPerPixel >> 3));
      paint(row, across, data, 3 * ((top + y * stepY) * width + left), 3 * stepX);
      above = row;
    }
  }
  return { width, height, data };
}

/** The rows of the image. They must have exactly the length that follows from the header, and no more memory is used. */
function inflate(parts: readonly Uint8Array[], length: number): Uint8Array {
  let raw: Uint8Array;
  try {
    // A missing end is not an error here, because the length is checked below.
    raw = inflateSync(Buffer.concat(parts), { maxOutputLength: length, finishFlush: zlib.Z_SYNC_FLUSH });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new Error('it is damaged: it has more image data than its size needs');
    throw new Error(`it is damaged: its image data cannot be unpacked (${message})`);
  }
  if (raw.length < length)
    throw new Error(`its image data is cut short: it has ${raw.length} bytes, but its size needs ${length}`);
  return raw;
}

/** Undoes a row’s filter in place (PNG specification, 9.2). `step` is the number of bytes of a pixel, at least one. */
function unfilter(type: number, row: Uint8Array, above: Uint8Array, step: number): void {
  if (type === 0) return;
  if (type > 4) throw new Error(`it is damaged: PNG has no filter ${type}`);
  for (let i = 0; i < row.length; i++) {
    const left = i < step ? 0 : (row[i - step] as number);
    const up = above[i] as number;
    let guess = left;
    if (type === 2) guess = up;
    else if (type === 3) guess = (left + up) >> 1;
    else if (type === 4) guess = paeth(left, up, i < step ? 0 : (above[i - step] as number));
    row[i] = (row[i] as number) + guess;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const byLeft = Math.abs(guess - left);
  const byUp = Math.abs(guess - up);
  const byCorner = Math.abs(guess - corner);
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}

/** Writes the pixels of a row as RGB to positions of `out` from `to` on, `step` apart. */
type Paint = (row: Uint8Array, pixels: number, out: Uint8Array, to: number, step: number) => void;

function painter({ depth, colourType, palette, transparency }: PngFile): Paint {
  const channels = CHANNELS[colourType] as number;
  const max = 2 ** depth - 1;
  const sample = (row: Uint8Array, i: number): number => {
    if (depth === 8) return row[i] as number;
    if (depth === 16) return ((row[2 * i] as number) << 8) | (row[2 * i + 1] as number);
    const bit = i * depth;
    return ((row[bit >> 3] as number) >> (8 - depth - (bit & 7))) & max;
  };
  const to8 = (v: number) => (depth === 8 ? v : Math.floor((v * 255) / max + 0.5));
  if (colourType === PALETTE) {
    const colours = palette.slice();
    for (const [i, alpha] of (transparency ?? []).entries())
      for (let c = 3 * i; c < 3 * i + 3; c++) colours[c] = onWhite(colours[c] as number, alpha);
    return (row, pixels, out, to, step) => {
      for (let x = 0; x < pixels; x++, to += step) {
        const from = 3 * sample(row, x);
        if (from >= colours.length) throw new Error(`it is damaged: colour ${from / 3} is not in its palette`);
        for (let c = 0; c < 3; c++) out[to + c] = colours[from + c] as number;
      }
    };
  }
  const hasAlpha = channels === 2 || channels === 4;
  const colourChannels = hasAlpha ? channels - 1 : channels;
  // The transparent colour, if there is one, in samples of the picture's depth.
  const clear =
    transparency &&
    Array.from(
      { length: channels },
      (_, c) => (transparency[2 * c + 1] as number) | ((transparency[2 * c] as number) << 8),
    );
  return (row, pixels, out, to, step) => {
    for (let x = 0; x < pixels; x++, to += step) {
      const at = x * channels;
      const alpha = hasAlpha
        ? to8(sample(row, at + colourChannels))
        : clear?.every((v, c) => v === sample(row, at + c))
          ? 0
          : 255;
      for (let c = 0; c < 3; c++) out[to + c] = onWhite(to8(sample(row, at + (colourChannels === 3 ? c : 0))), alpha);
    }
  };
}

const onWhite = (v: number, alpha: number) => (alpha === 255 ? v : Math.round(255 + (alpha / 255) * (v - 255)));

/** Encodes an image as an 8-bit RGB PNG. */
export function encodePng(image: Image): Uint8Array {
  checkImage(image);
  const { width, height, data } = image;
  const rowBytes = 3 * width;
  const rows = new Uint8Array(height * (1 + rowBytes));
  // All rows use one filter, since choosing one per row takes ten times as long and saves little on small pictures.
  for (let y = 0; y < height; y++) {
    const [from, to] = [y * rowBytes, y * (1 + rowBytes) + 1];
    rows[to - 1] = 4;
    for (let i = 0; i < rowBytes; i++) {
      const up = y ? (data[from + i - rowBytes] as number) : 0;
      const guess =
        i < 3 ? up : paeth(data[from + i - 3] as number, up, y ? (data[from + i - 3 - rowBytes] as number) : 0);
      rows[to + i] = (data[from + i] as number) - guess;
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, RGB], 8);
  return encodePngFile([
    { type: 'IHDR', data: header },
    { type: 'IDAT', data: deflateSync(rows, { level: 6, strategy: zlib.Z_RLE }) },
    { type: 'IEND', data: new Uint8Array() },
  ]);
}
