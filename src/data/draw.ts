import type { Point } from '../pose/affine.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import type { Colour, Image } from './image.js';

/** Blends a colour into the pixels whose distance to a shape is at most `radius`, with a soft edge one pixel wide. */
function blend(
  image: Image,
  box: readonly [left: number, top: number, right: number, bottom: number],
  radius: number,
  colour: Colour,
  distance: (x: number, y: number) => number,
): void {
  const [left, top, right, bottom] = box;
  const reach = radius + 1;
  for (let y = Math.max(0, Math.floor(top - reach)); y <= Math.min(image.height - 1, Math.ceil(bottom + reach)); y++)
    for (let x = Math.max(0, Math.floor(left - reach)); x <= Math.min(image.width - 1, Math.ceil(right + reach)); x++) {
      const cover = Math.max(0, Math.min(1, radius + 0.5 - distance(x, y)));
      if (cover === 0) continue;
      const at = 3 * (y * image.width + x);
      for (let c = 0; c < 3; c++) {
        const below = image.data[at + c] as number;
        image.data[at + c] = Math.round(below + cover * ((colour[c] as number) - below));
      }
    }
}

/** Draws a line with round ends into the image. */
export function drawLine(image: Image, from: Point, to: Point, colour: Colour, width = 1): void {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const squared = dx * dx + dy * dy;
  const box = [
    Math.min(from[0], to[0]),
    Math.min(from[1], to[1]),
    Math.max(from[0], to[0]),
    Math.max(from[1], to[1]),
  ] as const;
  blend(image, box, width / 2, colour, (x, y) => {
    const t = squared ? Math.max(0, Math.min(1, ((x - from[0]) * dx + (y - from[1]) * dy) / squared)) : 0;
    return Math.hypot(x - from[0] - t * dx, y - from[1] - t * dy);
  });
}

/** Draws a filled disc into the image. */
export function drawDisc(image: Image, [cx, cy]: Point, radius: number, colour: Colour): void {
  blend(image, [cx, cy, cx, cy], radius, colour, (x, y) => Math.hypot(x - cx, y - cy));
}

/** A fully saturated colour for one of several parts or joints: hue number `part` of `parts` around the colour wheel. */
export function wheel(part: number, parts: number): Colour {
  const channel = (shift: number) => {
    const t = (part / parts + shift) % 1;
    return Math.round(255 * Math.max(0, Math.min(1, Math.abs(t * 6 - 3) - 1)));
  };
  return [channel(0), channel(2 / 3), channel(1 / 3)];
}

/**
 * Draws limbs and trunk sides as lines and all present joints as discs into the image. `scale` multiplies the width of lines
 * and the radius of discs.
 */
export function drawPose(image: Image, skeleton: Skeleton, pose: Pose, scale = image.height / 128): void {
  const index = new Map(skeleton.joints.map((name, i) => [name, i]));
  const find = (name: string) => pose[index.get(name) ?? -1] ?? undefined;
  const sides = skeleton.trunk.sides.map(([from, to]) => ({ from, to }));
  const limbs = skeleton.parts.flatMap((p) => (p.kind === 'limb' ? [{ from: p.from, to: p.to }] : []));
  const lines = [...sides, ...limbs];
  for (const [i, { from, to }] of lines.entries()) {
    const [a, b] = [find(from), find(to)];
    if (a && b) drawLine(image, a, b, wheel(i, lines.length), 1.5 * scale);
  }
  for (const [i, point] of pose.entries()) if (point) drawDisc(image, point, 1.5 * scale, wheel(i, pose.length));
}
