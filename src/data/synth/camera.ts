import type { Stream } from '../random.js';
import type { Backdrop } from './backdrop.js';
import { hsl, type Tint } from './fabric.js';
import type { Canvas, Light, Shape } from './raster.js';

/** Random light from above and from a side. */
export function light(random: Stream): Light {
  const [x, y, z] = [random.uniform(-0.8, 0.8), random.uniform(-0.9, -0.3), random.uniform(0.5, 1)];
  const length = Math.hypot(x, y, z);
  return { direction: [x / length, y / length, z / length], ambient: random.uniform(0.5, 0.72) };
}

/** The left, upper, right and lower bounds of shapes in the camera's space. */
export function extent(shapes: readonly Shape[]): [x0: number, y0: number, x1: number, y1: number] {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const shape of shapes) {
    const reach = shape.kind === 'tube' ? Math.max(...shape.profile) : shape.radii[1];
    for (const [x, y] of shape.kind === 'tube' ? [shape.from, shape.to] : [shape.centre]) {
      x0 = Math.min(x0, x - reach);
      x1 = Math.max(x1, x + reach);
      y0 = Math.min(y0, y - reach);
      y1 = Math.max(y1, y + reach);
    }
  }
  return [x0, y0, x1, y1];
}

/** A soft dark ellipse on the ground, with its centre and half axes in pixels. */
export interface Shadow {
  readonly x: number;
  readonly y: number;
  readonly across: number;
  readonly deep: number;
}

/** The shapes on the canvas in front of the backdrop, with a shadow on the ground: H×W×3 values from 0 to 255. */
export function composite(
  random: Stream,
  { width, height, samples, columns, depth, colour }: Canvas,
  draw: Backdrop,
  shadow: Shadow,
): Float64Array {
  const strength = random.uniform(0.25, 0.55);
  const data = new Float64Array(width * height * 3);
  const out = new Float64Array(3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let hits = 0;
      let [r, g, b] = [0, 0, 0];
      for (let j = 0; j < samples; j++)
        for (let i = 0; i < samples; i++) {
          const at = (y * samples + j) * columns + x * samples + i;
          if (depth[at] === Number.NEGATIVE_INFINITY) continue;
          hits++;
          r += colour[3 * at] as number;
          g += colour[3 * at + 1] as number;
          b += colour[3 * at + 2] as number;
        }
      const total = samples * samples;
      let shade = 0;
      out.fill(0);
      if (hits < total) {
        draw((x + 0.5) / height, (y + 0.5) / height, out);
        const distance = ((x - shadow.x) / shadow.across) ** 2 + ((y - shadow.y) / shadow.deep) ** 2;
        shade = ((total - hits) / total) * (1 - strength * Math.exp(-distance));
      }
      const to = 3 * (y * width + x);
      data[to] = r / total + shade * (out[0] as number);
      data[to + 1] = g / total + shade * (out[1] as number);
      data[to + 2] = b / total + shade * (out[2] as number);
    }
  return data;
}

export interface Occluder {
  readonly colour: Tint;
  covers(x: number, y: number): boolean;
}

/** Something between camera and object: a pole, or a low wall or hedge in front of the object's lower part. */
export function occluder(random: Stream, width: number, height: number): Occluder {
  const colour = hsl(random.uniform(0.05, 0.4), random.uniform(0.05, 0.35), random.uniform(0.2, 0.55));
  if (random.chance(0.4)) {
    const [centre, half] = [random.uniform(0.1, 0.9) * width, random.uniform(0.02, 0.04) * height];
    return { colour, covers: (x) => Math.abs(x - centre) < half };
  }
  const from = random.uniform(0.74, 0.9) * height;
  const [wave, phase] = [random.chance(0.5) ? 0.02 * height : 0, random.uniform(0, 6)];
  return { colour, covers: (x, y) => y > from + wave * Math.sin((20 * x) / height + phase) };
}

export function paintOver(data: Float64Array, width: number, height: number, { colour, covers }: Occluder): void {
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!covers(x, y)) continue;
      const k = 0.95 + 0.05 * Math.sin(0.9 * x) * Math.sin(0.7 * y);
      for (let c = 0; c < 3; c++) data[3 * (y * width + x) + c] = (colour[c] as number) * k;
    }
}

/** Applies exposure, contrast, tint and grain of a camera, and rounds to 8 bits. */
export function develop(random: Stream, data: Float64Array): Uint8Array {
  const exposure = random.uniform(0.85, 1.22);
  const warm = random.uniform(-0.06, 0.06);
  const gains = [exposure * (1 + warm), exposure, exposure * (1 - warm)];
  const contrast = random.uniform(0.88, 1.1);
  const lift = random.uniform(-6, 10);
  const grain = random.uniform(1, 5);
  const bytes = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = (data[i] as number) * (gains[i % 3] as number);
    // A clamped array rounds to nearest.
    bytes[i] = 128 + contrast * (value - 128) + lift + grain * (2 * random.uniform() - 1);
  }
  return new Uint8Array(bytes.buffer);
}
