import type { Image } from '../data/image.js';
import { l1, psnr } from '../metrics/l1.js';
import { masked, poseMask } from '../metrics/mask.js';
import { dataRange, paddedRange, SSIM_51, SSIM_PADDED, SsimReference, smallest } from '../metrics/ssim.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import type { Metric, PairScores, Values } from './metric.js';

const SSIM =
  'Gaussian window of σ 1.5 and 13 taps, on RGB channels of 8-bit images, mean over the map without 5 px of border';
const MASK = 'both images black outside the mask of the target pose (outline 4 px wide on each side)';
const PUBLISHED = 'data range = largest − smallest value of the generated image, as this paper computed its figures';

const base = { level: 'pair', better: 'higher', digits: 3 } as const;

/** The metrics that need no network. */
export const SIMILARITY: readonly Metric[] = [
  { ...base, key: 'ssim', title: 'SSIM', convention: `${SSIM}; ${PUBLISHED}`, ofItself: 1 },
  { ...base, key: 'ssim255', title: 'SSIM, range 255', convention: `${SSIM}; data range 255`, ofItself: 1 },
  { ...base, key: 'maskSsim', title: 'mask-SSIM', convention: `SSIM, ${MASK}; ${PUBLISHED}`, ofItself: 1 },
  {
    ...{ ...base, key: 'maskSsim255', title: 'mask-SSIM, range 255', ofItself: 1 },
    convention: `SSIM, ${MASK}; data range 255`,
  },
  {
    ...{ ...base, key: 'ssim51', title: 'SSIM, window 51', ofItself: 1 },
    convention:
      'as GFLA and CFLD: all 51×51 pixels of the window weigh the same, sample covariance, data range 255, mean over the map ' +
      'without 25 px of border, on RGB channels; undefined below 51×51',
  },
  {
    ...{ ...base, key: 'ssimPadded', title: 'SSIM, padded', ofItself: 1 },
    convention:
      'as PATN on DeepFashion: both images with 40 white columns at the left and at the right, where the images agree; else as ' +
      `SSIM; data range = 255 − smallest value of the generated image. PATN’s figures on Market-1501 have no padding`,
  },
  {
    ...{ ...base, key: 'l1', title: 'L1', better: 'lower', digits: 2, ofItself: 0 },
    convention: 'mean absolute difference of 8-bit values, 0 … 255, over pixels and channels',
  },
  {
    ...{ ...base, key: 'psnr', title: 'PSNR', digits: 2 },
    convention: '10·log₁₀(255² / mean squared difference) in dB, a mean over images; undefined for equal images',
  },
];

const finite = (value: number) => (Number.isFinite(value) ? value : null);

/** Compares images with one real image, of which every convention of SSIM computes the means once. */
function comparison(real: Image, mask: Uint8Array | undefined): (image: Image) => Values {
  const whole = new SsimReference(real);
  const inside = mask && new SsimReference(masked(real, mask));
  const { height, width } = smallest(SSIM_51);
  const wide = real.height >= height && real.width >= width ? new SsimReference(real, SSIM_51) : undefined;
  const padded = new SsimReference(real, SSIM_PADDED);
  return (image) => {
    const [ssim = null, ssim255 = null] = whole.compare(image, [dataRange(image), 255]);
    const person = mask && masked(image, mask);
    const [maskSsim = null, maskSsim255 = null] = person
      ? (inside?.compare(person, [dataRange(person), 255]) ?? [])
      : [];
    const [ssim51 = null] = wide?.compare(image, [255]) ?? [];
    const [ssimPadded = null] = padded.compare(image, [paddedRange(image)]);
    const differences = { l1: l1(image, real), psnr: finite(psnr(image, real)) };
    return { ssim, ssim255, maskSsim, maskSsim255, ssim51, ssimPadded, ...differences };
  };
}

/** The pictures of a pair and the pose of its target. */
export interface PairPictures {
  readonly source: Image;
  readonly target: Image;
  readonly generated: Image;
  readonly pose?: Pose;
}

/**
 * The metrics of `SIMILARITY` for the generated image and for the source image, both compared with the target. Without a pose, or
 * with one that has no joint, those of the mask are `null`. Throws `UsageError` for pictures of different sizes.
 */
export function similarity({ source, target, generated, pose }: PairPictures, skeleton?: Skeleton): PairScores {
  const hasMask = skeleton && pose?.some((joint) => joint !== null);
  const mask = hasMask ? poseMask(skeleton, pose as Pose, target.height, target.width) : undefined;
  const compare = comparison(target, mask);
  return { generated: compare(generated), copy: compare(source) };
}
