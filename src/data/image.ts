import { anyOf, BYTES, COUNT, checked, F32, type Kind, NATURAL, OBJECT } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { isSideways, type Orientation } from './exif.js';
import { sizeProblem } from './image-checks.js';

/** An 8-bit RGB image: `data` holds H·W·3 bytes, row by row. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const isImage = ({ width, height, data }: Image) =>
  COUNT[1](width) && COUNT[1](height) && BYTES[1](data) && data.length === 3 * width * height;
/** The kind of an argument that is an image. The pixels of a canvas do not fit, as they have four bytes each. */
export const IMAGE: Kind = [
  'an image { width, height, data }, data being a Uint8Array of 3·width·height bytes',
  (v) => OBJECT[1](v) && isImage(v as Image),
];

export type Colour = readonly [red: number, green: number, blue: number];

/** The largest number of bytes of an image that can be written to a file. */
const MAX_BYTES = 2 ** 31 - 1;

/** Throws `UsageError` if a side is not an integer from 1 to `maxSide`, if there are too many bytes, or if they do not match the size. */
export function checkImage({ width, height, data }: Image, maxSide = MAX_BYTES): void {
  const sides = [width, height].every((n) => Number.isSafeInteger(n) && n > 0 && n <= maxSide);
  const bytes = height * (3 * width + 1);
  if (!sides || bytes > MAX_BYTES)
    throw new UsageError(`an image of ${height}×${width} (height×width) cannot be written; make it smaller`);
  if (data.length !== 3 * width * height)
    throw new UsageError(`an image of ${height}×${width} needs ${3 * width * height} bytes, there are ${data.length}`);
}

/** An image of one colour, black by default. */
export function blank(width: number, height: number, colour: Colour = [0, 0, 0]): Image {
  if (width * height * 3 > MAX_BYTES)
    throw new UsageError(`an image of ${height}×${width} (height×width) is too large; make it smaller`);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = colour[i % 3] as number;
  return { width, height, data };
}

const SCALED = Float32Array.from({ length: 256 }, (_, v) => v / 127.5 - 1);

const TO_TENSOR = { image: IMAGE, 'out?': F32, 'offset?': NATURAL };

/** The H×W×3 values v/127.5 − 1 in [−1, 1] of an image (spec §1), written to `out` from `offset` on. */
export function toTensor(...args: [image: Image, out?: Float32Array, offset?: number]): Float32Array {
  const [image, given, offset = 0] = checked('toTensor', TO_TENSOR, args);
  const { data } = image;
  const out = given ?? new Float32Array(data.length);
  if (offset + data.length > out.length)
    throw new UsageError(`toTensor: out has room for ${out.length - offset} values, the image has ${data.length}`);
  for (let i = 0; i < data.length; i++) out[offset + i] = SCALED[data[i] as number] as number;
  return out;
}

/** The kind of values in [−1, 1]. An array of bytes does not fit, because they would all become white. */
const VALUES: Kind = /* @__PURE__ */ anyOf(F32, [
  'a list of numbers in [−1, 1]',
  (v) => Array.isArray(v) || v instanceof Float64Array,
]);

/** The image of H×W×3 values in [−1, 1] from `offset` on. Values are rounded to nearest and clamped; NaN becomes 0. */
export function fromTensor(
  ...args: [values: ArrayLike<number>, width: number, height: number, offset?: number]
): Image {
  const kinds = { values: VALUES, width: COUNT, height: COUNT, 'offset?': NATURAL };
  const [values, width, height, offset = 0] = checked('fromTensor', kinds, args);
  const length = width * height * 3;
  if (offset + length > values.length)
    throw new UsageError(`an image of ${height}×${width} needs ${length} values, there are ${values.length - offset}`);
  const data = new Uint8Array(length);
  for (let i = 0; i < length; i++)
    data[i] = Math.max(0, Math.min(255, Math.round(127.5 * ((values[offset + i] as number) + 1))));
  return { width, height, data };
}

/** The image mirrored left to right. */
export function flip({ width, height, data }: Image): Image {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = 3 * (y * width + x);
      out.set(data.subarray(from, from + 3), 3 * (y * width + width - 1 - x));
    }
  return { width, height, data: out };
}

/** A stored image as it is shown: turned and mirrored by its orientation. */
export function oriented(image: Image, orientation: Orientation): Image {
  if (orientation === 1) return image;
  const { width: w, height: h, data } = image;
  const [width, height] = isSideways(orientation) ? [h, w] : [w, h];
  const mirroredX = [2, 3, 7, 8].includes(orientation);
  const mirroredY = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to += 3) {
      const [u, v] = isSideways(orientation) ? [y, x] : [x, y];
      const from = 3 * ((mirroredY ? h - 1 - v : v) * w + (mirroredX ? w - 1 - u : u));
      for (let c = 0; c < 3; c++) out[to + c] = data[from + c] as number;
    }
  return { width, height, data: out };
}

/** For each output pixel of a row or column, `count` input pixels from `first` on, with weights that sum to 1. */
interface Taps {
  readonly first: Int32Array;
  readonly weights: Float64Array;
  readonly count: number;
}

function taps(from: number, to: number): Taps {
  const ratio = from / to;
  const reach = Math.max(1, ratio);
  const count = Math.min(from, Math.ceil(2 * reach) + 1);
  const first = new Int32Array(to);
  const weights = new Float64Array(to * count);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * ratio - 0.5;
    const start = Math.max(0, Math.min(from - count, Math.floor(centre - reach) + 1));
    first[i] = start;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const weight = Math.max(0, 1 - Math.abs(start + k - centre) / reach);
      weights[i * count + k] = weight;
      sum += weight;
    }
    for (let k = 0; k < count; k++) weights[i * count + k] = (weights[i * count + k] as number) / sum;
  }
  return { first, weights, count };
}

/**
 * Bilinear resize with pixel centres at integers + ½. When the image shrinks, the triangle filter is widened by the ratio,
 * so that every source pixel contributes and there is no aliasing.
 */
export function resize(...args: [image: Image, width: number, height: number]): Image {
  const [image, width, height] = checked('resize', { image: IMAGE, width: COUNT, height: COUNT }, args);
  if (image.width === width && image.height === height) return image;
  const problem = sizeProblem(width, height);
  if (problem) throw new UsageError(`an image cannot be resized to ${height}×${width}: ${problem}`);
  const across = taps(image.width, width);
  const down = taps(image.height, height);
  const length = 3 * width;
  // Source rows that are already resized horizontally, as many as an output row needs. The newest replaces the oldest.
  const rows = Array.from({ length: down.count }, () => new Float64Array(length));
  const rowOf = (y: number) => rows[y % down.count] as Float64Array;
  const data = new Uint8Array(height * length);
  const line = new Float64Array(length);
  let fitted = 0;
  for (let y = 0; y < height; y++) {
    const first = down.first[y] as number;
    for (; fitted < first + down.count; fitted++) resizeRow(image, fitted, across, rowOf(fitted));
    line.fill(0);
    for (let k = 0; k < down.count; k++) {
      const weight = down.weights[y * down.count + k] as number;
      const row = rowOf(first + k);
      for (let i = 0; i < length; i++) line[i] = (line[i] as number) + weight * (row[i] as number);
    }
    for (let i = 0; i < length; i++) data[length * y + i] = Math.round(line[i] as number);
  }
  return { width, height, data };
}

/** Resizes row `y` of an image horizontally into `out`. */
function resizeRow({ width, data }: Image, y: number, { first, weights, count }: Taps, out: Float64Array): void {
  out.fill(0);
  for (let x = 0, to = 0; to < out.length; x++, to += 3)
    for (let k = 0; k < count; k++) {
      const weight = weights[x * count + k] as number;
      const from = 3 * (y * width + (first[x] as number) + k);
      for (let c = 0; c < 3; c++) out[to + c] = (out[to + c] as number) + weight * (data[from + c] as number);
    }
}

/** The columns from `left` on, `width` of them, in their whole height. Throws `UsageError` if they are not all inside. */
export function crop(image: Image, left: number, width: number): Image {
  if (!Number.isInteger(left) || !Number.isInteger(width) || left < 0 || width < 1 || left + width > image.width)
    throw new UsageError(`columns ${left} to ${left + width - 1} are not in an image that is ${image.width} wide`);
  const data = new Uint8Array(3 * width * image.height);
  for (let y = 0; y < image.height; y++) {
    const from = 3 * (y * image.width + left);
    data.set(image.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height: image.height, data };
}

/** The image with every pixel repeated `zoom` times in each direction. */
export function enlarge({ width, height, data }: Image, zoom: number): Image {
  const out = blank(width * zoom, height * zoom);
  for (let y = 0; y < height * zoom; y++)
    for (let x = 0; x < width * zoom; x++) {
      const from = 3 * (Math.floor(y / zoom) * width + Math.floor(x / zoom));
      out.data.set(data.subarray(from, from + 3), 3 * (y * width * zoom + x));
    }
  return out;
}

/** Copies `image` into `onto` with its left top corner at (x, y). What is outside is cut off. */
export function paste(onto: Image, image: Image, x: number, y: number): void {
  const left = Math.max(0, x);
  const right = Math.min(onto.width, x + image.width);
  if (left >= right) return;
  for (let row = Math.max(0, y); row < Math.min(onto.height, y + image.height); row++) {
    const from = 3 * ((row - y) * image.width + left - x);
    onto.data.set(image.data.subarray(from, from + 3 * (right - left)), 3 * (row * onto.width + left));
  }
}

export interface StackOptions {
  /** Pixels between images. */
  readonly gap?: number;
  readonly colour?: Colour;
}

/** Puts images side by side with their tops aligned. */
export function hstack(images: readonly Image[], { gap = 0, colour = [255, 255, 255] }: StackOptions = {}): Image {
  const width = images.reduce((s, i) => s + i.width, 0) + gap * Math.max(0, images.length - 1);
  const sheet = blank(width, Math.max(0, ...images.map((i) => i.height)), colour);
  let x = 0;
  for (const image of images) {
    paste(sheet, image, x, 0);
    x += image.width + gap;
  }
  return sheet;
}

/** Puts images below each other with their left sides aligned. */
export function vstack(images: readonly Image[], { gap = 0, colour = [255, 255, 255] }: StackOptions = {}): Image {
  const height = images.reduce((s, i) => s + i.height, 0) + gap * Math.max(0, images.length - 1);
  const sheet = blank(Math.max(0, ...images.map((i) => i.width)), height, colour);
  let y = 0;
  for (const image of images) {
    paste(sheet, image, 0, y);
    y += image.height + gap;
  }
  return sheet;
}

/** Puts images in rows of `columns`. */
export function contactSheet(images: readonly Image[], columns: number, options: StackOptions = {}): Image {
  const rows: Image[] = [];
  for (let i = 0; i < images.length; i += columns) rows.push(hstack(images.slice(i, i + columns), options));
  return vstack(rows, options);
}
