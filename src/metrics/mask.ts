import type { Image } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';
import type { Point } from '../pose/affine.js';
import { jointFinder, type Pose, type Skeleton } from '../pose/skeleton.js';

/** Half width of the rectangles and radius of the discs, in pixels (spec §7). */
const RADIUS = 4;
/** Half side of the square that closes gaps. */
const CLOSING = 2;

type Corners = readonly [Point, Point, Point, Point];

/** The rectangle of half width 4 px around a segment, or `undefined` if its ends are the same point. */
function rectangle(from: Point, to: Point): Corners | undefined {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (length === 0) return undefined;
  const [nx, ny] = [(-dy / length) * RADIUS, (dx / length) * RADIUS];
  return [
    [from[0] + nx, from[1] + ny],
    [from[0] - nx, from[1] - ny],
    [to[0] - nx, to[1] - ny],
    [to[0] + nx, to[1] + ny],
  ];
}

/**
 * Sets the pixels whose centre lies in a polygon, by the crossing rule. Pixels on a left or upper edge are inside, and
 * pixels on a right or lower edge are not.
 */
function fill(mask: Uint8Array, h: number, w: number, corners: Corners): void {
  const clamp = (v: number, high: number) => Math.max(0, Math.min(high, v));
  const top = clamp(Math.floor(Math.min(...corners.map((p) => p[1]))), h);
  const bottom = clamp(Math.ceil(Math.max(...corners.map((p) => p[1]))), h - 1);
  const left = clamp(Math.floor(Math.min(...corners.map((p) => p[0]))), w);
  const right = clamp(Math.ceil(Math.max(...corners.map((p) => p[0]))), w - 1);
  for (let y = top; y <= bottom; y++) {
    // Where the edges cross this row. A pixel is inside if an odd number of crossings is to its right.
    const crossings: number[] = [];
    for (let i = 0; i < 4; i++) {
      const [a, b] = [corners[i] as Point, corners[(i + 3) % 4] as Point];
      if (a[1] <= y !== b[1] <= y) crossings.push(((b[0] - a[0]) * (y - a[1])) / (b[1] - a[1]) + a[0]);
    }
    for (let x = left; x <= right; x++) {
      let inside = false;
      for (let i = 0; i < crossings.length; i++) if (x < (crossings[i] as number)) inside = !inside;
      if (inside) mask[y * w + x] = 1;
    }
  }
}

/**
 * Pixels for which the 5×5 square around them contains a pixel of the image with the value `wanted`. A square is a row of columns, so
 * columns are searched first, and then rows of the result.
 */
function dilate(mask: Uint8Array, h: number, w: number, wanted: 0 | 1): Uint8Array {
  const columns = new Uint8Array(mask.length);
  const out = new Uint8Array(mask.length);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      if (mask[y * w + x] !== wanted) continue;
      for (let r = Math.max(0, y - CLOSING); r <= Math.min(h - 1, y + CLOSING); r++) columns[r * w + x] = 1;
    }
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      if (!columns[y * w + x]) continue;
      for (let c = Math.max(0, x - CLOSING); c <= Math.min(w - 1, x + CLOSING); c++) out[y * w + c] = 1;
    }
  return out;
}

/**
 * The mask of an object in a pose, one byte a pixel [h, w], 1 inside. It is the union of rectangles of half width 4 px
 * around the skeleton's outline segments whose joints are both present and of a disc dx² + dy² < 16 at every joint,
 * followed by a 5×5 closing (spec §7; Ma et al. 2017).
 */
export function poseMask(skeleton: Skeleton, pose: Pose, height: number, width: number): Uint8Array {
  const mask = new Uint8Array(height * width);
  const find = jointFinder(skeleton, pose);
  for (const [from, to] of outline(skeleton)) {
    const [a, b] = [find(from), find(to)];
    const corners = a && b && rectangle(a, b);
    if (corners) fill(mask, height, width, corners);
  }
  for (const joint of pose) {
    if (!joint) continue;
    const [x, y] = joint;
    for (let r = Math.max(0, Math.ceil(y - RADIUS)); r <= Math.min(height - 1, y + RADIUS); r++)
      for (let c = Math.max(0, Math.ceil(x - RADIUS)); c <= Math.min(width - 1, x + RADIUS); c++)
        if ((c - x) ** 2 + (r - y) ** 2 < RADIUS ** 2) mask[r * width + c] = 1;
  }
  const dilated = dilate(mask, height, width, 1);
  // An erosion of the set pixels is a dilation of the others.
  return dilate(dilated, height, width, 0).map((v) => 1 - v);
}

/** The segments that the mask follows: the skeleton's `outline`, else its limbs and the sides and diagonals of its trunk. */
export function outline(skeleton: Skeleton): readonly (readonly [string, string])[] {
  if (skeleton.outline) return skeleton.outline;
  const limbs = skeleton.parts.flatMap((p) => (p.kind === 'limb' ? [[p.from, p.to] as const] : []));
  return [...limbs, ...skeleton.trunk.sides, ...skeleton.trunk.diagonals];
}

/** The image with black pixels outside the mask. */
export function masked({ width, height, data }: Image, mask: Uint8Array): Image {
  if (mask.length !== width * height)
    throw new UsageError(`a mask of ${mask.length} pixels does not fit an image of ${height}×${width}`);
  const out = new Uint8Array(data.length);
  for (let i = 0; i < out.length; i += 3)
    if (mask[i / 3]) {
      out[i] = data[i] as number;
      out[i + 1] = data[i + 1] as number;
      out[i + 2] = data[i + 2] as number;
    }
  return { width, height, data: out };
}
