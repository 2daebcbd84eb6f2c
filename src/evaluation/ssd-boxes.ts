/** The default boxes of each pixel of the six maps: two squares, and for each aspect ratio a wide and a tall box. */
export const BOXES_PER_PIXEL: readonly number[] = [4, 6, 6, 6, 4, 4];
/** The number of default boxes of an image. */
export const SSD_BOXES = 8732;

/** The maps, in pixels of the 300×300 image: how many pixels a side has and how far they are apart, the sides of the two squares. */
const MAPS = [
  { count: 38, step: 8, side: 30, next: 60, ratios: [2] },
  { count: 19, step: 16, side: 60, next: 111, ratios: [2, 3] },
  { count: 10, step: 32, side: 111, next: 162, ratios: [2, 3] },
  { count: 5, step: 64, side: 162, next: 213, ratios: [2, 3] },
  { count: 3, step: 100, side: 213, next: 264, ratios: [2] },
  { count: 1, step: 300, side: 264, next: 315, ratios: [2] },
] as const;
const SIZE = 300;
/** Factors of the positions and of the logarithms of sizes in `loc`, by which the network's values are of similar spread. */
const VARIANCES = [0.1, 0.2] as const;

/**
 * The 8,732 default boxes of SSD300 as [centre x, centre y, width, height], in units of the image's sides. For each map, row and column
 * they are: a square of side s; a square of side √(s·s'), s' being the side on the next map; and for each ratio two boxes of the area
 * s², of which one is so many times as wide as high and the other as high as wide (Liu et al. 2016, §2.2, with the sizes of Caffe's
 * program). Boxes are not cut at the border. The PyTorch port limits widths and heights to 1, which concerns 20 of the boxes.
 */
export function defaultBoxes(): Float64Array {
  const boxes: number[] = [];
  for (const { count, step, side, next, ratios } of MAPS)
    for (let row = 0; row < count; row++)
      for (let column = 0; column < count; column++) {
        const centre = [((column + 0.5) * step) / SIZE, ((row + 0.5) * step) / SIZE];
        const s = side / SIZE;
        const between = Math.sqrt((s * next) / SIZE);
        boxes.push(...centre, s, s, ...centre, between, between);
        for (const ratio of ratios) {
          const root = Math.sqrt(ratio);
          boxes.push(...centre, s * root, s / root, ...centre, s / root, s * root);
        }
      }
  return Float64Array.from(boxes);
}

/**
 * The boxes that `loc` [boxes, 4] describes, as [x0, y0, x1, y1] in units of the image's sides. With a default box (x, y, w, h), the values
 * (a, b, c, d) mean the centre (x + 0.1·a·w, y + 0.1·b·h) and the size (w·exp(0.2·c), h·exp(0.2·d)) (Liu et al. 2016, equation 2).
 */
export function decodeBoxes(loc: ArrayLike<number>, defaults: ArrayLike<number>): Float64Array {
  const out = new Float64Array(loc.length);
  const [position, size] = VARIANCES;
  for (let at = 0; at < out.length; at += 4)
    for (let axis = 0; axis < 2; axis++) {
      const whole = defaults[at + 2 + axis] as number;
      const centre = (defaults[at + axis] as number) + (loc[at + axis] as number) * position * whole;
      const half = (whole * Math.exp((loc[at + 2 + axis] as number) * size)) / 2;
      out[at + axis] = centre - half;
      out[at + 2 + axis] = centre + half;
    }
  return out;
}

/**
 * The intersection of boxes i and j of [x0, y0, x1, y1] divided by their union. Boxes without area overlap nothing.
 */
function overlap(boxes: Float64Array, i: number, j: number): number {
  const at = (box: number, k: number) => boxes[4 * box + k] as number;
  const side = (axis: number) =>
    Math.max(0, Math.min(at(i, axis + 2), at(j, axis + 2)) - Math.max(at(i, axis), at(j, axis)));
  const both = side(0) * side(1);
  const area = (box: number) => (at(box, 2) - at(box, 0)) * (at(box, 3) - at(box, 1));
  return both === 0 ? 0 : both / (area(i) + area(j) - both);
}

/**
 * Non-maximum suppression: from `candidates`, which are indices of boxes by falling score, those that overlap none of the kept ones before
 * them by more than `most` of their union.
 */
export function suppress(boxes: Float64Array, candidates: readonly number[], most: number): number[] {
  const kept: number[] = [];
  for (const box of candidates) if (kept.every((other) => overlap(boxes, other, box) <= most)) kept.push(box);
  return kept;
}
