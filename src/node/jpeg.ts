import type { Image } from '../data/image.js';
import type { JpegFile } from '../data/jpeg-file.js';
import { Plane } from './jpeg-plane.js';
import { ScanDecoder } from './jpeg-scan.js';

/**
 * The picture of a checked file as it is stored, without applying its orientation. The values are those of libjpeg, with its exact
 * inverse transform, its smooth interpolation of colours, and its rules for the meaning of channels. Decoding takes up to 12 bytes per
 * pixel, including the result.
 */
export function decodeJpeg(file: JpegFile): Image {
  const { width, height } = file;
  const planes = file.components.map((_, i) => new Plane(file, i));
  const decoder = new ScanDecoder(file, planes);
  for (const scan of file.scans) decoder.decode(scan);
  for (const plane of planes) plane.finish();
  const rows = planes.map((plane) => new Uint8Array(upsampledWidth(plane, file)));
  const convert = conversion(file);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (const [i, plane] of planes.entries()) upsample(plane, file, y, rows[i] as Uint8Array);
    convert(rows, data, 3 * y * width, width);
  }
  return { width, height, data };
}

type Convert = (rows: readonly Uint8Array[], out: Uint8Array, to: number, width: number) => void;

/** The conversion for the meaning of the channels, by libjpeg’s rules (jdapimin.c, default_decompress_parms). */
function conversion({ components, jfif, adobe }: JpegFile): Convert {
  if (components.length === 1) return fromGrey;
  if (components.length === 4) return adobe ? fromYcck : fromCmyk;
  if (jfif) return fromYcc;
  if (adobe !== undefined) return adobe === 0 ? fromRgb : fromYcc;
  return String.fromCharCode(...components.map((c) => c.id)) === 'RGB' ? fromRgb : fromYcc;
}

const fromGrey: Convert = ([grey], out, to, width) => {
  const row = grey as Uint8Array;
  for (let x = 0; x < width; x++, to += 3) out[to] = out[to + 1] = out[to + 2] = row[x] as number;
};

const fromRgb: Convert = (rows, out, to, width) => {
  for (let c = 0; c < 3; c++) {
    const row = rows[c] as Uint8Array;
    for (let x = 0; x < width; x++) out[to + 3 * x + c] = row[x] as number;
  }
};

const HALF = 1 << 15;
const clamp = (v: number) => (v < 0 ? 0 : v > 255 ? 255 : v);

/** JFIF's conversion, with libjpeg's integer rounding. */
const fromYcc: Convert = (rows, out, to, width) => {
  const [luma, blue, red] = rows as [Uint8Array, Uint8Array, Uint8Array];
  for (let x = 0; x < width; x++, to += 3) {
    const y = luma[x] as number;
    const cb = (blue[x] as number) - 128;
    const cr = (red[x] as number) - 128;
    out[to] = clamp(y + ((91881 * cr + HALF) >> 16));
    out[to + 1] = clamp(y + ((-22554 * cb - 46802 * cr + HALF) >> 16));
    out[to + 2] = clamp(y + ((116130 * cb + HALF) >> 16));
  }
};

/** Inks are inverted, with 255 for none, as Adobe's programs write them. Browsers and users of libjpeg read all files in this way. */
const fromCmyk: Convert = (rows, out, to, width) => {
  const black = rows[3] as Uint8Array;
  fromRgb(rows, out, to, width);
  for (let x = 0; x < width; x++)
    for (let c = 0; c < 3; c++, to++) out[to] = Math.round(((out[to] as number) * (black[x] as number)) / 255);
};

/** YCCK stores the complements of the inks as YCbCr, so they are inverted once more. */
const fromYcck: Convert = (rows, out, to, width) => {
  const black = rows[3] as Uint8Array;
  fromYcc(rows, out, to, width);
  for (let x = 0; x < width; x++)
    for (let c = 0; c < 3; c++, to++) out[to] = Math.round(((255 - (out[to] as number)) * (black[x] as number)) / 255);
};

/** How many times wider and higher the picture is than a plane. */
function ratios(plane: Plane, { components }: JpegFile): [across: number, down: number] {
  return [Math.max(...components.map((c) => c.h)) / plane.h, Math.max(...components.map((c) => c.v)) / plane.v];
}

function upsampledWidth(plane: Plane, file: JpegFile): number {
  return Math.ceil(plane.width * ratios(plane, file)[0]);
}

/** Row y of the picture from a plane, as libjpeg-turbo interpolates it (jdsample.c). */
function upsample(plane: Plane, file: JpegFile, y: number, out: Uint8Array): void {
  const [across, down] = ratios(plane, file);
  const { samples, stride, width, height } = plane;
  const rowAt = (row: number) => {
    const at = Math.max(0, Math.min(height - 1, row)) * stride;
    return samples.subarray(at, at + width);
  };
  const near = rowAt(Math.floor(y / down));
  const far = rowAt((y >> 1) + (y & 1 ? 1 : -1));
  if (across === 1 && down === 2) {
    const bias = y & 1 ? 2 : 1;
    for (let x = 0; x < width; x++) out[x] = (3 * (near[x] as number) + (far[x] as number) + bias) >> 2;
  } else if (across === 2 && down === 1 && width > 2) {
    for (let x = 0; x < width; x++) {
      const here = 3 * (near[x] as number);
      out[2 * x] = x ? (here + (near[x - 1] as number) + 1) >> 2 : (near[0] as number);
      out[2 * x + 1] = x + 1 < width ? (here + (near[x + 1] as number) + 2) >> 2 : (near[x] as number);
    }
  } else if (across === 2 && down === 2 && width > 2) {
    let before = 0;
    let here = 3 * (near[0] as number) + (far[0] as number);
    for (let x = 0; x < width; x++) {
      const last = x + 1 === width;
      const after = last ? 0 : 3 * (near[x + 1] as number) + (far[x + 1] as number);
      out[2 * x] = x ? (3 * here + before + 8) >> 4 : (4 * here + 8) >> 4;
      out[2 * x + 1] = last ? (4 * here + 7) >> 4 : (3 * here + after + 7) >> 4;
      before = here;
      here = after;
    }
  } else if (across === 1) {
    out.set(near);
  } else {
    for (let x = 0; x < out.length; x++) out[x] = near[Math.floor(x / across)] as number;
  }
}
