import type { Image } from '../data/image.js';
import { expectSameSize } from './ssim.js';

function mean(a: Image, b: Image, f: (difference: number) => number): number {
  expectSameSize(a, b);
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += f((a.data[i] as number) - (b.data[i] as number));
  return sum / a.data.length;
}

/** Mean absolute difference in 8-bit levels, 0 … 255, over pixels and channels. */
export function l1(a: Image, b: Image): number {
  return mean(a, b, Math.abs);
}

/** Peak signal-to-noise ratio, 10·log₁₀(255² / mean squared difference) in dB; infinite for equal images. */
export function psnr(a: Image, b: Image): number {
  return 10 * Math.log10(255 ** 2 / mean(a, b, (d) => d * d));
}
