import type { Image } from '../data/image.js';

/** The pixels of an axis that a pixel of the result is a mean of, from `first` on, with weights that sum to 1. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Keys' cubic kernel (1981) with a = −½. */
function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

/** The taps for `to` pixels from `from`. The kernel is widened where the image shrinks, so that there is no aliasing. */
function taps(from: number, to: number): Taps[] {
  const ratio = from / to;
  const widening = Math.max(1, ratio);
  const reach = 2 * widening;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * ratio;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_, k) => cubic((first + k + 0.5 - centre) / widening));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
}

/**
 * An image at another size by bicubic interpolation, as Pillow resizes images of floats: H×W×3 values on the scale 0 … 255, which are
 * neither rounded nor clamped. Rows are resized first and rounded to f32.
 */
export function resizeBicubic({ width, height, data }: Image, toHeight: number, toWidth: number): Float32Array {
  const across = taps(width, toWidth);
  const down = taps(height, toHeight);
  const rows = new Float32Array(height * toWidth * 3);
  for (let y = 0; y < height; y++)
    for (const [x, { first, weights }] of across.entries())
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++)
          sum += (weights[k] as number) * (data[3 * (y * width + first + k) + c] as number);
        rows[3 * (y * toWidth + x) + c] = sum;
      }
  const out = new Float32Array(toHeight * toWidth * 3);
  const length = 3 * toWidth;
  const line = new Float64Array(length);
  for (const [y, { first, weights }] of down.entries()) {
    line.fill(0);
    for (let k = 0; k < weights.length; k++)
      for (let i = 0; i < length; i++)
        line[i] = (line[i] as number) + (weights[k] as number) * (rows[(first + k) * length + i] as number);
    out.set(line, y * length);
  }
  return out;
}
