import { cell, type Stream } from '../random.js';
import { hsl, mix, type Tint } from './fabric.js';

/**
 * Writes the colour of the backdrop at (x, y) to `out`. y is 0 at the top and 1 at the bottom, and x has the same unit, so
 * that nothing is stretched.
 */
export type Backdrop = (x: number, y: number, out: Float64Array) => void;

/** Smooth noise between 0 and 1 on a lattice of step 1. */
function noise(x: number, y: number, key: number): number {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  const smooth = (t: number) => t * t * (3 - 2 * t);
  const [u, v] = [smooth(x - i), smooth(y - j)];
  const corner = (a: number, b: number) => cell(key, i + a, j + b);
  const top = corner(0, 0) + u * (corner(1, 0) - corner(0, 0));
  const bottom = corner(0, 1) + u * (corner(1, 1) - corner(0, 1));
  return top + v * (bottom - top);
}

const fraction = (v: number) => v - Math.floor(v);

function put(out: Float64Array, colour: Tint, k: number): void {
  out[0] = colour[0] * k;
  out[1] = colour[1] * k;
  out[2] = colour[2] * k;
}

/** A floor or pavement of stones that become smaller towards the horizon. */
function ground(random: Stream, horizon: number, colour: Tint): Backdrop {
  const key = random.below(2 ** 31);
  const tiles = random.uniform(0.35, 1.1);
  const slant = random.uniform(-0.6, 0.6);
  const joints = random.chance(0.6) ? random.uniform(0.05, 0.16) : 0;
  return (x, y, out) => {
    const depth = 0.22 / Math.max(0.03, y - horizon + 0.06);
    const across = ((x - 0.25) * depth + slant * depth) / tiles;
    const along = (3 * depth) / tiles;
    const line = fraction(across * 2) < 0.05 || fraction(along) < 0.07;
    const patch = 0.9 + 0.2 * noise(across * 3, along * 3, key);
    put(out, colour, patch * (line ? 1 - joints : 1) * (0.85 + 0.2 * Math.min(1, y)));
  };
}

function building(random: Stream, colour: Tint): Backdrop {
  const [columns, rows] = [random.uniform(3, 7), random.uniform(2.5, 5)];
  const [sx, sy] = [random.uniform(), random.uniform()];
  const glass = mix(hsl(random.uniform(0.52, 0.62), 0.25, random.uniform(0.2, 0.6)), colour, 0.15);
  const key = random.below(2 ** 31);
  return (x, y, out) => {
    const [u, v] = [x * columns + sx, y * rows + sy];
    const window = fraction(u) > 0.25 && fraction(u) < 0.8 && fraction(v) > 0.2 && fraction(v) < 0.75;
    const each = 0.8 + 0.4 * cell(key, Math.floor(u), Math.floor(v));
    put(out, window ? glass : colour, window ? each : 0.92 + 0.14 * noise(x * 14, y * 14, key));
  };
}

function bricks(random: Stream, colour: Tint): Backdrop {
  const size = random.uniform(0.05, 0.09);
  const mortar = mix(colour, [225, 220, 212], 0.45);
  const key = random.below(2 ** 31);
  return (x, y, out) => {
    const row = Math.floor(y / size);
    const u = x / (2.4 * size) + 0.5 * (row & 1);
    const gap = fraction(y / size) < 0.14 || fraction(u) < 0.06;
    put(out, gap ? mortar : colour, 0.85 + 0.3 * cell(key, Math.floor(u), row));
  };
}

function foliage(random: Stream): Backdrop {
  const key = random.below(2 ** 31);
  const leaf = hsl(random.uniform(0.2, 0.36), random.uniform(0.25, 0.5), random.uniform(0.18, 0.36));
  const sky = hsl(0.57, 0.4, random.uniform(0.75, 0.9));
  const edge = random.uniform(-0.1, 0.3);
  return (x, y, out) => {
    const rough = noise(x * 7, y * 7, key) + 0.5 * noise(x * 19, y * 19, key + 1);
    if (y < edge + 0.25 * (noise(x * 5, 0, key + 2) - 0.5) + 0.06 * rough) put(out, sky, 1);
    else put(out, leaf, 0.45 + 0.85 * rough);
  };
}

function shelves(random: Stream, colour: Tint): Backdrop {
  const key = random.below(2 ** 31);
  const [rows, columns] = [random.uniform(4, 7), random.uniform(7, 14)];
  return (x, y, out) => {
    const [u, v] = [x * columns, y * rows];
    if (fraction(v) > 0.82) return put(out, colour, 0.9);
    const item = Math.floor(cell(key, Math.floor(u), Math.floor(v)) * 2 ** 24);
    const tall = 0.15 + 0.3 * ((item >>> 8) % 100) * 0.01;
    if (fraction(v) < tall || fraction(u) < 0.1) return put(out, colour, 0.35);
    put(out, hsl((item % 360) / 360, 0.35, 0.3 + ((item >>> 16) % 40) / 100), 1);
  };
}

function plainWall(random: Stream, colour: Tint): Backdrop {
  const key = random.below(2 ** 31);
  const panel = random.chance(0.5) ? random.uniform(0.25, 0.6) : 0;
  const fall = random.uniform(-0.25, 0.25);
  return (x, y, out) => {
    const seam = panel && fraction(x / panel) < 0.03 ? 0.88 : 1;
    put(out, colour, seam * (1 + fall * (x - 0.3)) * (0.95 + 0.1 * noise(x * 5, y * 5, key)));
  };
}

/** Where pictures are taken: `'anywhere'` is a different place in every picture, `'studio'` is always the same light wall and floor. */
export type Place = (typeof PLACES)[number];
export const PLACES = ['anywhere', 'studio'] as const;

const STUDIO: Tint = [222, 224, 228];
const STUDIO_FLOOR = 0.86;

/** A light wall that becomes a little darker towards the floor. */
const studio: Backdrop = (_, y, out) =>
  put(out, STUDIO, y < STUDIO_FLOOR ? 1 - 0.05 * y : 0.9 + 0.1 * (y - STUDIO_FLOOR));

/** The backdrop of a picture. A studio uses no random numbers. */
export function backdropAt(place: Place, random: Stream): { draw: Backdrop; horizon: number } {
  return place === 'studio' ? { draw: studio, horizon: STUDIO_FLOOR } : backdrop(random);
}

/** A random backdrop, with the ground below the horizon. */
function backdrop(random: Stream): { draw: Backdrop; horizon: number } {
  const horizon = random.uniform(0.45, 0.8);
  const wall = random.chance(0.6)
    ? hsl(random.uniform(0.05, 0.14), random.uniform(0.05, 0.3), random.uniform(0.4, 0.8))
    : hsl(random.uniform(), random.uniform(0.03, 0.2), random.uniform(0.3, 0.8));
  const brick = hsl(random.uniform(0.02, 0.07), random.uniform(0.3, 0.5), random.uniform(0.3, 0.5));
  const kind = random.below(6);
  const behind =
    kind === 0 || kind === 1
      ? building(random, wall)
      : kind === 2
        ? bricks(random, random.chance(0.6) ? brick : wall)
        : kind === 3
          ? foliage(random)
          : kind === 4
            ? shelves(random, wall)
            : plainWall(random, wall);
  const floor =
    kind === 3 && random.chance(0.6)
      ? hsl(random.uniform(0.22, 0.3), random.uniform(0.3, 0.5), random.uniform(0.28, 0.42))
      : hsl(random.uniform(0.06, 0.13), random.uniform(0.04, 0.2), random.uniform(0.38, 0.72));
  const below = ground(random, horizon, floor);
  return { draw: (x, y, out) => (y < horizon ? behind(x, y, out) : below(x, y, out)), horizon };
}
