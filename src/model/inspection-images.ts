import { wheel } from '../data/draw.js';
import { blank, type Colour, fromTensor, type Image } from '../data/image.js';
import type { Affine, Point } from '../pose/affine.js';
import type { PartTransform, Region } from '../pose/geometry.js';

/** The region of a part in one of the two images: its mask, or the mask moved by the part's map. */
export function regionIn(
  side: 'source' | 'target',
  { affine, mask }: PartTransform,
  maskOn: 'source' | 'target',
): Region {
  if (typeof mask === 'string' || side === maskOn) return mask;
  const [a, b, c, d, e, f] = affine;
  const det = a * e - b * d;
  if (c <= -1e6 || Math.abs(det) < 1e-9) return 'none';
  const inverse: Affine = [e / det, -b / det, (b * f - e * c) / det, -d / det, a / det, (d * c - a * f) / det];
  const [p, q, r, s, t, u] = side === 'source' ? affine : inverse;
  return mask.map(([x, y]): Point => [p * x + q * y + r, s * x + t * y + u]) as unknown as Region;
}

/** A colour scale for values from 0 to 1, from dark blue through red and yellow to white, with an even perceived increase. */
const RAMP: readonly Colour[] = [
  [0, 0, 8],
  [70, 15, 110],
  [180, 50, 90],
  [245, 135, 25],
  [250, 250, 170],
];

function ramp(value: number): Colour {
  const t = Math.max(0, Math.min(1, value)) * (RAMP.length - 1);
  const i = Math.min(RAMP.length - 2, Math.floor(t));
  const [a, b] = [RAMP[i] as Colour, RAMP[i + 1] as Colour];
  const mix = (k: 0 | 1 | 2) => Math.round(a[k] + (t - i) * (b[k] - a[k]));
  return [mix(0), mix(1), mix(2)];
}

function pixels(height: number, width: number, colour: (p: number) => Colour): Image {
  const image = blank(width, height);
  for (let p = 0; p < width * height; p++) image.data.set(colour(p), 3 * p);
  return image;
}

/** An image of values from 0 to `max` in the colours of the scale. */
export const mapImage = (values: Float32Array, h: number, w: number, max: number) =>
  pixels(h, w, (p) => ramp((values[p] as number) / max));

/** An image of the maximum over the heat maps [H, W, J]. */
export function heatImage(heat: Float32Array, h: number, w: number, joints: number): Image {
  const largest = Float32Array.from({ length: h * w }, (_, p) =>
    heat.subarray(p * joints, (p + 1) * joints).reduce((a, b) => Math.max(a, b), 0),
  );
  return mapImage(largest, h, w, 1);
}

/** The image, darkened outside a part's mask. */
export function maskImage({ data, width, height }: Image, masks: Uint32Array, part: number): Image {
  return pixels(height, width, (p) => {
    const k = ((masks[p] as number) >>> part) & 1 ? 1 : 0.25;
    return [0, 1, 2].map((c) => (data[3 * p + c] as number) * k) as unknown as Colour;
  });
}

/** An image of one part's layer of [P, H, W, 3] in [0, 1]. */
export function layerImage(layers: Float32Array, part: number, h: number, w: number): Image {
  const size = h * w * 3;
  const values = layers.subarray(part * size, (part + 1) * size).map((v) => 2 * v - 1);
  return fromTensor(values, w, h);
}

/** An image of indices, each in its colour. */
export function painted(index: Uint8Array, h: number, w: number, colours: readonly Colour[]): Image {
  return pixels(h, w, (p) => colours[index[p] as number] ?? [0, 0, 0]);
}

/** The colour of a position in the window, whose hue shows the direction. The centre is white. */
function whereColour(position: number, window: number): Colour {
  const [dx, dy] = [(position % window) - (window >> 1), Math.floor(position / window) - (window >> 1)];
  if (dx === 0 && dy === 0) return [255, 255, 255];
  const hue = wheel((Math.atan2(dy, dx) / (2 * Math.PI) + 1) % 1, 1);
  const k = Math.max(Math.abs(dx), Math.abs(dy)) / (window >> 1);
  return [0, 1, 2].map((c) => Math.round(255 + k * ((hue[c] as number) - 255))) as unknown as Colour;
}

/** An image that shows for each pixel the position of its nearest neighbour in the window. */
export const whereImage = (nearest: Uint32Array, h: number, w: number, window: number) =>
  pixels(h, w, (p) => whereColour(nearest[p] as number, window));

/** The key of these colours. */
export const whereKey = (window: number) => pixels(window, window, (p) => whereColour(p, window));
