/** A window of (2·radius + 1)² pixels. Without taps, all its pixels weigh the same. */
export interface Window {
  readonly radius: number;
  /** The weights along each axis at distances 0 … radius. All 2·radius + 1 of them sum to 1. */
  readonly taps?: Float64Array;
}

/** An image, or a product of two, as float64 with three interleaved channels. */
export interface Plane {
  readonly height: number;
  readonly width: number;
  readonly values: Float64Array;
}

/** How many pixels at the upper and lower border and at the left and right border have no result. At most the window's radius. */
export interface Crop {
  readonly rows: number;
  readonly columns: number;
}

/** Normalised weights exp(−i²/2σ²) at distances i = 0 … radius. */
export function gaussian(sigma: number, radius: number): Window {
  const taps = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp(-(i ** 2) / (2 * sigma ** 2)));
  const sum = taps.reduce((total, tap, i) => total + (i === 0 ? tap : 2 * tap), 0);
  return { radius, taps: taps.map((tap) => tap / sum) };
}

/** Index into 0 … n−1 under half-sample symmetric extension: … 1 0 | 0 1 … n−1 | n−1 n−2 … */
function mirrored(i: number, n: number): number {
  const k = ((i % (2 * n)) + 2 * n) % (2 * n);
  return k < n ? k : 2 * n - 1 - k;
}

/** The mean of the window around every pixel [height − 2·rows, width − 2·columns, 3], beyond the border of a mirrored image. */
export function windowMeans(plane: Plane, window: Window, crop: Crop): Float64Array {
  const { taps } = window;
  return taps ? weighted(plane, taps, crop) : uniform(plane, window.radius);
}

function weighted({ height, width, values }: Plane, taps: Float64Array, crop: Crop): Float64Array {
  const radius = taps.length - 1;
  const rows = height - 2 * crop.rows;
  const length = 3 * (width - 2 * crop.columns);
  const stride = 3 * width;
  const out = new Float64Array(rows * length);
  // One row of means along the columns, with mirrored pixels at both ends.
  const margin = radius - crop.columns;
  const line = new Float64Array(3 * (width + 2 * margin));
  const middle = line.subarray(3 * margin, 3 * margin + stride);
  const centre = taps[0] as number;
  for (let row = 0; row < rows; row++) {
    const y = row + crop.rows;
    const here = y * stride;
    for (let i = 0; i < stride; i++) middle[i] = centre * (values[here + i] as number);
    for (let t = 1; t <= radius; t++) {
      const tap = taps[t] as number;
      const above = mirrored(y - t, height) * stride;
      const below = mirrored(y + t, height) * stride;
      for (let i = 0; i < stride; i++)
        middle[i] = (middle[i] as number) + tap * ((values[above + i] as number) + (values[below + i] as number));
    }
    for (let m = 1; m <= margin; m++)
      for (let c = 0; c < 3; c++) {
        line[3 * (margin - m) + c] = middle[3 * mirrored(-m, width) + c] as number;
        line[3 * (margin + width - 1 + m) + c] = middle[3 * mirrored(width - 1 + m, width) + c] as number;
      }
    const result = out.subarray(row * length, (row + 1) * length);
    const from = 3 * radius;
    for (let i = 0; i < length; i++) result[i] = centre * (line[from + i] as number);
    for (let t = 1; t <= radius; t++) {
      const tap = taps[t] as number;
      const [left, right] = [from - 3 * t, from + 3 * t];
      for (let i = 0; i < length; i++)
        result[i] = (result[i] as number) + tap * ((line[left + i] as number) + (line[right + i] as number));
    }
  }
  return out;
}

/** Running sums. They are exact, since 8-bit values and their products are whole numbers. Windows do not reach beyond the image. */
function uniform({ height, width, values }: Plane, radius: number): Float64Array {
  const size = 2 * radius + 1;
  const rows = height - 2 * radius;
  const length = 3 * (width - 2 * radius);
  const stride = 3 * width;
  const out = new Float64Array(rows * length);
  const columns = new Float64Array(stride);
  for (let y = 0; y < size - 1; y++)
    for (let i = 0; i < stride; i++) columns[i] = (columns[i] as number) + (values[y * stride + i] as number);
  for (let row = 0; row < rows; row++) {
    const last = (row + size - 1) * stride;
    for (let i = 0; i < stride; i++) columns[i] = (columns[i] as number) + (values[last + i] as number);
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (let i = c; i < 3 * (size - 1); i += 3) sum += columns[i] as number;
      for (let i = c; i < length; i += 3) {
        sum += columns[i + 3 * (size - 1)] as number;
        out[row * length + i] = sum / size ** 2;
        sum -= columns[i] as number;
      }
    }
    const first = row * stride;
    for (let i = 0; i < stride; i++) columns[i] = (columns[i] as number) - (values[first + i] as number);
  }
  return out;
}
