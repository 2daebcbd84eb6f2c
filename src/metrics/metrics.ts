import type { Image } from '../data/image.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { l1, psnr } from './l1.js';
import { masked, poseMask } from './mask.js';
import { ssim } from './ssim.js';

/** How close a generated image is to the real one (spec §7). */
export interface Scores {
  /** SSIM with the data range of the generated image, as published. */
  readonly ssim: number;
  /** SSIM with the data range 255. */
  readonly ssim255: number;
  /** The same of both images multiplied by the mask of the target pose. */
  readonly maskSsim: number;
  readonly maskSsim255: number;
  /** Mean absolute difference in 8-bit levels. */
  readonly l1: number;
  /** Peak signal-to-noise ratio in dB. */
  readonly psnr: number;
}

/** Compares a generated image with the real one, whose pose gives the mask. Throws `UsageError` for different sizes. */
export function compareImages(generated: Image, real: Image, skeleton: Skeleton, pose: Pose): Scores {
  const mask = poseMask(skeleton, pose, real.height, real.width);
  const [g, r] = [masked(generated, mask), masked(real, mask)];
  return {
    ssim: ssim(generated, real),
    ssim255: ssim(generated, real, 255),
    maskSsim: ssim(g, r),
    maskSsim255: ssim(g, r, 255),
    l1: l1(generated, real),
    psnr: psnr(generated, real),
  };
}

/** The mean of every score. */
export function meanScores(all: readonly Scores[]): Scores {
  const mean = (key: keyof Scores) => all.reduce((s, x) => s + x[key], 0) / all.length;
  const keys = ['ssim', 'ssim255', 'maskSsim', 'maskSsim255', 'l1', 'psnr'] as const;
  return Object.fromEntries(keys.map((k) => [k, mean(k)])) as unknown as Scores;
}
