import type { Image } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';

const SIGMA = 1.5;
/** ⌊4σ + ½⌋: 13 taps. */
const RADIUS = 6;
/** Rows and columns at the border that the mean leaves out: half of Wang et al.'s window of 11. */
const CROP = 5;
const K1 = 0.01;
const K2 = 0.03;

/** Normalised taps exp(−i²/2σ²), i = −6 … 6. */
const TAPS = (() => {
  const taps = Float64Array.from({ length: 2 * RADIUS + 1 }, (_, i) =>
    Math.exp(-((i - RADIUS) ** 2) / (2 * SIGMA ** 2)),
  );
  const sum = taps.reduce((a, b) => a + b, 0);
  return taps.map((t) => t / sum);
})();

/** Index into 0 … n−1 under half-sample symmetric extension: … 1 0 | 0 1 … n−1 | n−1 n−2 … */
function mirrored(i: number, n: number): number {
  const k = ((i % (2 * n)) + 2 * n) % (2 * n);
  return k < n ? k : 2 * n - 1 - k;
}

/** For every position of a line of n pixels, the positions that the taps around it read. */
function neighbours(n: number): Int32Array {
  return Int32Array.from({ length: n * TAPS.length }, (_, k) =>
    mirrored(Math.floor(k / TAPS.length) + (k % TAPS.length) - RADIUS, n),
  );
}

/** The Gaussian mean around every pixel of a plane [h, w], computed along the columns, then along the rows. */
function blur(plane: Float64Array, h: number, w: number, down: Int32Array, across: Int32Array): Float64Array {
  const rows = new Float64Array(plane.length);
  for (let r = 0; r < h; r++)
    for (let t = 0; t < TAPS.length; t++) {
      const weight = TAPS[t] as number;
      const from = (down[r * TAPS.length + t] as number) * w;
      for (let c = 0; c < w; c++) rows[r * w + c] = (rows[r * w + c] as number) + weight * (plane[from + c] as number);
    }
  const out = new Float64Array(plane.length);
  for (let r = 0; r < h; r++)
    for (let c = 0; c < w; c++) {
      let sum = 0;
      for (let t = 0; t < TAPS.length; t++)
        sum += (TAPS[t] as number) * (rows[r * w + (across[c * TAPS.length + t] as number)] as number);
      out[r * w + c] = sum;
    }
  return out;
}

/** Largest minus smallest value of an image, but at least 1, because SSIM would be undefined for an image of one colour. */
export function dataRange({ data }: Image): number {
  let [low, high] = [255, 0];
  for (const v of data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return Math.max(1, high - low);
}

/** Throws `UsageError` unless two images have the same size. */
export function expectSameSize(a: Image, b: Image): void {
  if (a.width !== b.width || a.height !== b.height)
    throw new UsageError(`images of ${a.height}×${a.width} and ${b.height}×${b.width} cannot be compared`);
}

/**
 * SSIM of a generated image against the real one (Wang et al. 2004; spec §7). It is computed per RGB channel on 8-bit
 * values with 13 Gaussian weights of σ 1.5, half-sample symmetric borders, population covariance, K1 0.01 and K2 0.03,
 * and averaged over the channels and over the map cropped by 5 px. `range` is the data range L; as published it is the
 * largest minus the smallest value of the **generated** image. The result is in [−1, 1], and 1 for equal images. Throws
 * `UsageError` for images of different sizes or smaller than 11×11.
 */
export function ssim(generated: Image, real: Image, range: number = dataRange(generated)): number {
  expectSameSize(generated, real);
  const { height: h, width: w } = real;
  if (h <= 2 * CROP || w <= 2 * CROP) throw new UsageError(`SSIM needs images of at least 11×11, got ${h}×${w}`);
  const [c1, c2] = [(K1 * range) ** 2, (K2 * range) ** 2];
  const [down, across] = [neighbours(h), neighbours(w)];
  const plane = (f: (p: number) => number) =>
    blur(
      Float64Array.from({ length: h * w }, (_, p) => f(p)),
      h,
      w,
      down,
      across,
    );
  let sum = 0;
  for (let channel = 0; channel < 3; channel++) {
    const x = (p: number) => generated.data[3 * p + channel] as number;
    const y = (p: number) => real.data[3 * p + channel] as number;
    const [mx, my] = [plane(x), plane(y)];
    const [xx, yy, xy] = [plane((p) => x(p) ** 2), plane((p) => y(p) ** 2), plane((p) => x(p) * y(p))];
    for (let r = CROP; r < h - CROP; r++)
      for (let c = CROP; c < w - CROP; c++) {
        const p = r * w + c;
        const [ux, uy] = [mx[p] as number, my[p] as number];
        const vx = (xx[p] as number) - ux * ux;
        const vy = (yy[p] as number) - uy * uy;
        const vxy = (xy[p] as number) - ux * uy;
        sum += ((2 * ux * uy + c1) * (2 * vxy + c2)) / ((ux * ux + uy * uy + c1) * (vx + vy + c2));
      }
  }
  return sum / (3 * (h - 2 * CROP) * (w - 2 * CROP));
}
