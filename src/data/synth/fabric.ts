import type { Stream } from '../random.js';

/** Red, green and blue from 0 to 255, not rounded. */
export type Tint = readonly [number, number, number];

/**
 * Writes the colour of a point of a surface to `out`. `s` is the position along its axis and `a` around it, in statures;
 * `azimuth` is the angle about the body (0 is its front, positive its left side). Returns false if the surface has a hole
 * there, so that what is behind is visible.
 */
export type Paint = (s: number, a: number, azimuth: number, out: Float64Array) => boolean;

export type Pattern = 'plain' | 'stripes' | 'pinstripes' | 'plaid' | 'dots' | 'blocks' | 'print' | 'open';

/** The look of a fabric, which is the same in every picture of a person. */
export interface Fabric {
  readonly pattern: Pattern;
  readonly base: Tint;
  readonly accent: Tint;
  /** The period of the pattern in statures. */
  readonly period: number;
  readonly shift: number;
}

/** The colour of a hue in turns, and a saturation and lightness from 0 to 1. */
export function hsl(h: number, s: number, l: number): Tint {
  const channel = (n: number) => {
    const k = (n + h * 12 + 12) % 12;
    return 255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Interpolates between two colours. */
export function mix(a: Tint, b: Tint, t: number): Tint {
  return [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])];
}

/** A random colour of clothes: often dark, grey or denim, sometimes bright. */
function clothColour(random: Stream): Tint {
  const kind = random.uniform();
  if (kind < 0.16) return hsl(random.uniform(), 0.06, random.uniform(0.08, 0.2));
  if (kind < 0.28) return hsl(random.uniform(), 0.05, random.uniform(0.82, 0.95));
  if (kind < 0.38) return hsl(random.uniform(0.55, 0.66), 0.08, random.uniform(0.35, 0.65));
  if (kind < 0.52) return hsl(random.uniform(0.57, 0.64), random.uniform(0.3, 0.6), random.uniform(0.2, 0.45));
  if (kind < 0.62) return hsl(random.uniform(0.06, 0.12), random.uniform(0.25, 0.5), random.uniform(0.3, 0.65));
  return hsl(random.uniform(), random.uniform(0.35, 0.72), random.uniform(0.3, 0.58));
}

const difference = (a: Tint, b: Tint) => Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) + Math.abs(a[2] - b[2]);

/** A random fabric that differs from the skin, with two colours that differ from each other. */
export function fabric(random: Stream, skin: Tint, patterns: readonly Pattern[]): Fabric {
  let base = clothColour(random);
  for (let i = 0; i < 8 && difference(base, skin) < 150; i++) base = clothColour(random);
  let accent = clothColour(random);
  if (difference(base, accent) < 160)
    accent = base[0] + base[1] + base[2] > 380 ? mix(base, [20, 20, 30], 0.75) : mix(base, [250, 250, 240], 0.75);
  const [pattern, period, shift] = [random.pick(patterns), random.uniform(0.05, 0.085), random.uniform()];
  return { pattern, base, accent, period, shift };
}

/** Whether a point of a fabric has its second colour. */
function accented({ pattern, period, shift }: Fabric, s: number, a: number, azimuth: number): boolean {
  const fraction = (v: number) => v - Math.floor(v);
  switch (pattern) {
    case 'plain':
      return false;
    case 'stripes':
      return fraction(s / period + shift) < 0.45;
    case 'pinstripes':
      return fraction(a / (0.6 * period) + shift) < 0.35;
    case 'plaid':
      return fraction(s / period + shift) < 0.35 !== fraction(a / period + shift) < 0.35;
    case 'dots': {
      const row = Math.floor(s / (0.62 * period));
      const v = fraction(s / (0.62 * period)) - 0.5;
      const u = fraction(a / (0.7 * period) + 0.5 * (row & 1)) - 0.5;
      return u * u + v * v < 0.09;
    }
    case 'blocks':
      return s < 0.16 + 0.06 * shift;
    case 'print': {
      const v = (s - 0.13) / 0.05;
      const u = azimuth / 0.5;
      return Math.abs(azimuth) < 1 && (shift < 0.5 ? u * u + v * v < 1 : Math.abs(u) < 1 && Math.abs(v) < 0.6);
    }
    case 'open':
      return Math.abs(azimuth) < 0.3 + 0.5 * s;
  }
}

/** The paint of a fabric, with folds, which are soft bands of light and shadow across the cloth. */
export function cloth(f: Fabric, folds = 0.06): Paint {
  return (s, a, azimuth, out) => {
    const colour = accented(f, s, a, azimuth) ? f.accent : f.base;
    const fold = 1 + folds * Math.sin(62 * s + 18 * a + 2.5 * Math.sin(23 * s + 40 * a + 6 * f.shift));
    out[0] = colour[0] * fold;
    out[1] = colour[1] * fold;
    out[2] = colour[2] * fold;
    return true;
  };
}

/** A paint of one colour. */
export function plain(colour: Tint): Paint {
  return (_s, _a, _azimuth, out) => {
    out[0] = colour[0];
    out[1] = colour[1];
    out[2] = colour[2];
    return true;
  };
}

/** `then` from `end` statures along the axis on, and a hole before that, where another garment covers it. */
export function from(end: number, then: Paint): Paint {
  return (s, a, azimuth, out) => s >= end && then(s, a, azimuth, out);
}

/** `first` up to `end` statures along the axis, and `then` after that. */
export function until(end: number, first: Paint, then: Paint): Paint {
  return (s, a, azimuth, out) => (s < end ? first : then)(s, a, azimuth, out);
}
