import { blank, type Image, paste } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';
import { type Crop, gaussian, type Plane, type Window, windowMeans } from './window-means.js';

const K1 = 0.01;
const K2 = 0.03;
/** ⌊4σ + ½⌋ for σ 1.5. */
const RADIUS = 6;
/** Rows and columns at the border that the mean leaves out: half of Wang et al.'s window of 11. */
const CROP = 5;

/** A way to compute SSIM. Published figures of different conventions cannot be compared. */
export interface SsimConvention {
  readonly window: Window;
  readonly crop: Crop;
  /** Variances are divided by the number of pixels of the window less one, not by the number of pixels. */
  readonly sampleCovariance?: boolean;
  /** White columns that both images get at the left and at the right. */
  readonly padding?: number;
}

/** This paper's: a Gaussian window of σ 1.5 with 13 taps. */
const SSIM: SsimConvention = { window: gaussian(1.5, RADIUS), crop: { rows: CROP, columns: CROP } };

/** That of GFLA (script/metrics.py) and CFLD (models/metrics.py): scikit-image's default with `win_size=51`. */
export const SSIM_51: SsimConvention = {
  window: { radius: 25 },
  crop: { rows: 25, columns: 25 },
  sampleCovariance: true,
};

/** That of PATN (tool/getMetrics_fashion.py), which makes images of 256×176 square again. */
export const SSIM_PADDED: SsimConvention = { ...SSIM, padding: 40 };

/** Largest minus smallest value of an image, but at least 1, because SSIM would be undefined for an image of one colour. */
export function dataRange({ data }: Image): number {
  let [low, high] = [255, 0];
  for (const v of data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return Math.max(1, high - low);
}

/** The data range of an image with white padding. */
export const paddedRange = ({ data }: Image): number => Math.max(1, 255 - data.reduce((a, b) => Math.min(a, b), 255));

/** Throws `UsageError` unless two images have the same size. */
export function expectSameSize(a: Image, b: Image): void {
  if (a.width !== b.width || a.height !== b.height)
    throw new UsageError(`images of ${a.height}×${a.width} and ${b.height}×${b.width} cannot be compared`);
}

/** The smallest height and width of images that a convention can compare, in pixels. */
export const smallest = ({ crop, padding }: SsimConvention) => ({
  height: 2 * crop.rows + 1,
  width: padding ? 1 : 2 * crop.columns + 1,
});

/** An image with the means of its values and of their squares. */
interface Moments {
  readonly plane: Plane;
  readonly mean: Float64Array;
  readonly square: Float64Array;
}

function product({ height, width, values: a }: Plane, { values: b }: Plane): Plane {
  const values = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) values[i] = (a[i] as number) * (b[i] as number);
  return { height, width, values };
}

/**
 * A real image with which generated ones are compared by one convention. Its own means are computed once. Throws `UsageError` if it is
 * too small for the convention.
 */
export class SsimReference {
  readonly #real: Image;
  readonly #convention: SsimConvention;
  readonly #crop: Crop;
  readonly #moments: Moments;

  constructor(real: Image, convention: SsimConvention = SSIM) {
    const { height, width } = smallest(convention);
    if (real.height < height || real.width < width)
      throw new UsageError(`SSIM needs images of at least ${height}×${width}, got ${real.height}×${real.width}`);
    this.#real = real;
    this.#convention = convention;
    const { crop, padding, window } = convention;
    // Windows in the rest of the padding are all white in both images, so SSIM is 1 there.
    this.#crop = padding ? { rows: crop.rows, columns: window.radius } : crop;
    this.#moments = this.#momentsOf(real);
  }

  #means = (plane: Plane) => windowMeans(plane, this.#convention.window, this.#crop);

  #momentsOf(image: Image): Moments {
    const { padding, window } = this.#convention;
    let shown = image;
    if (padding) {
      shown = blank(image.width + 4 * window.radius, image.height, [255, 255, 255]);
      paste(shown, image, 2 * window.radius, 0);
    }
    const plane = { height: shown.height, width: shown.width, values: Float64Array.from(shown.data) };
    return { plane, mean: this.#means(plane), square: this.#means(product(plane, plane)) };
  }

  /**
   * The SSIM of a generated image for each of several data ranges (Wang et al. 2004; spec §7): per RGB channel on 8-bit values with
   * K1 0.01 and K2 0.03, a mean over channels and over the map without the border. Beyond the border images are mirrored. A result
   * is in [−1, 1], and 1 for equal images. Throws `UsageError` for an image of another size.
   */
  compare(generated: Image, ranges: readonly number[]): number[] {
    expectSameSize(generated, this.#real);
    const { window, sampleCovariance, padding, crop } = this.#convention;
    const pixels = (2 * window.radius + 1) ** 2;
    const norm = sampleCovariance ? pixels / (pixels - 1) : 1;
    const [x, y] = [this.#momentsOf(generated), this.#moments];
    const xy = this.#means(product(x.plane, y.plane));
    const white = padding ? 6 * (generated.height - 2 * crop.rows) * (padding - crop.columns - window.radius) : 0;
    return ranges.map((range) => {
      const [c1, c2] = [(K1 * range) ** 2, (K2 * range) ** 2];
      let sum = white;
      for (let p = 0; p < xy.length; p++) {
        const [ux, uy] = [x.mean[p] as number, y.mean[p] as number];
        const [xx, yy] = [ux * ux, uy * uy];
        const variances = norm * ((x.square[p] as number) - xx + (y.square[p] as number) - yy);
        const covariance = norm * ((xy[p] as number) - ux * uy);
        sum += ((2 * ux * uy + c1) * (2 * covariance + c2)) / ((xx + yy + c1) * (variances + c2));
      }
      return sum / (xy.length + white);
    });
  }
}

/**
 * SSIM of a generated image against the real one as this paper computed it. `range` is the data range; as published it is the largest
 * minus the smallest value of the **generated** image. Throws `UsageError` for images of different sizes or smaller than 11×11.
 */
export function ssim(generated: Image, real: Image, range: number = dataRange(generated)): number {
  expectSameSize(generated, real);
  return new SsimReference(real).compare(generated, [range])[0] as number;
}
