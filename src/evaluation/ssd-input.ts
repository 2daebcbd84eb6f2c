import type { Image } from '../data/image.js';

/** Height and width of the images that SSD300 takes, in pixels. */
export const SSD_SIZE = 300;
/** The mean colour that SSD300's training subtracts, in RGB. Caffe's scripts name it in the order BGR: 104, 117, 123. */
const MEAN = [123, 117, 104] as const;

/** For each output pixel along an axis, two neighbouring input pixels and the weight of the second. */
interface Neighbours {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly weight: Float64Array;
}

/** Output pixel i lies at (i + ½)·from / 300 − ½, but not outside the image. */
function neighbours(from: number): Neighbours {
  const at = Float64Array.from({ length: SSD_SIZE }, (_, i) =>
    Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / SSD_SIZE - 0.5)),
  );
  const first = Int32Array.from(at, Math.floor);
  const second = first.map((p) => Math.min(from - 1, p + 1));
  return { first, second, weight: at.map((p, i) => p - (first[i] as number)) };
}

/**
 * Writes an image as SSD300 takes it to `out`, as image `index` of a batch [N, 300, 300, 3]: resized to 300×300 whatever its shape, by
 * interpolation between the four nearest pixels without a filter against aliasing, as OpenCV's and Caffe's linear mode do; in RGB, 0 … 255
 * minus the mean colour. Values are not rounded to 8 bits.
 */
export function ssdInput({ width, height, data }: Image, out: Float32Array, index = 0): void {
  const across = neighbours(width);
  const down = neighbours(height);
  let to = 3 * SSD_SIZE * SSD_SIZE * index;
  for (let y = 0; y < SSD_SIZE; y++) {
    const upper = 3 * width * (down.first[y] as number);
    const lower = 3 * width * (down.second[y] as number);
    const v = down.weight[y] as number;
    for (let x = 0; x < SSD_SIZE; x++) {
      const left = 3 * (across.first[x] as number);
      const right = 3 * (across.second[x] as number);
      const u = across.weight[x] as number;
      for (let c = 0; c < 3; c++, to++) {
        const above = (1 - u) * (data[upper + left + c] as number) + u * (data[upper + right + c] as number);
        const below = (1 - u) * (data[lower + left + c] as number) + u * (data[lower + right + c] as number);
        out[to] = (1 - v) * above + v * below - (MEAN[c] as number);
      }
    }
  }
}
