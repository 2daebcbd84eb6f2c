import type { Paint } from './fabric.js';
import type { Vector } from './stance.js';

/**
 * A limb or garment: a rounded tube between two points of the camera's space (x right, y down, z towards the viewer, in
 * statures).
 */
export interface Tube {
  readonly kind: 'tube';
  readonly from: Vector;
  readonly to: Vector;
  /** Visible half widths, evenly spaced from end to end. */
  readonly profile: readonly number[];
  /** The thickness towards the viewer, as a multiple of the half width. */
  readonly thick: number;
  /** How far the ends bulge, as multiples of the half width: 0 is a straight cut, 1 a half sphere. */
  readonly round: readonly [number, number];
  /** The angle about the vertical that the body's front faces: 0 towards the viewer, positive to the right of the picture. */
  readonly yaw: number;
  /** The radius by which azimuths are converted to lengths for patterns. */
  readonly girth: number;
  /** The position on the pattern at the beginning of the axis, in statures. */
  readonly start: number;
  readonly paint: Paint;
}

/**
 * An ellipsoid, for heads, hands and knots of hair. Its paint gets the direction from the centre, in the head's own axes.
 */
export interface Ball {
  readonly kind: 'ball';
  readonly centre: Vector;
  /** Half extents: horizontally, vertically, front to back. */
  readonly radii: Vector;
  readonly yaw: number;
  /** x to the person's left, y down, z to the front, all within the unit sphere. */
  readonly paint: (x: number, y: number, z: number, out: Float64Array) => boolean;
}

export type Shape = Tube | Ball;

/** The direction to the light, as seen from the figure, and the share of light that comes from everywhere. */
export interface Light {
  readonly direction: Vector;
  readonly ambient: number;
}

/** A picture of shapes with depth, with `samples`² samples per pixel. */
export class Canvas {
  readonly columns: number;
  readonly rows: number;
  /** The nearness to the viewer in statures; −∞ where there is no shape. */
  readonly depth: Float32Array;
  readonly colour: Float32Array;
  readonly #out = new Float64Array(3);

  /** A point (x, y) of the camera's space is at pixel (left + scale·x, top + scale·y). */
  constructor(
    readonly width: number,
    readonly height: number,
    readonly samples: number,
    readonly scale: number,
    readonly left: number,
    readonly top: number,
    readonly light: Light,
  ) {
    this.columns = width * samples;
    this.rows = height * samples;
    this.depth = new Float32Array(this.columns * this.rows).fill(Number.NEGATIVE_INFINITY);
    this.colour = new Float32Array(3 * this.columns * this.rows);
  }

  draw(shape: Shape): void {
    if (shape.kind === 'tube') this.#tube(shape);
    else this.#ball(shape);
  }

  /** The nearness of the visible surface at a point of the camera's space. */
  depthAt([x, y]: Vector): number {
    const column = Math.round((this.left + this.scale * x + 0.5) * this.samples - 0.5);
    const row = Math.round((this.top + this.scale * y + 0.5) * this.samples - 0.5);
    return this.depth[row * this.columns + column] ?? Number.NEGATIVE_INFINITY;
  }

  /** The rows and columns that a box of the camera's space touches. */
  #window(x0: number, y0: number, x1: number, y1: number): [number, number, number, number] {
    const column = (x: number) => (this.left + this.scale * x + 0.5) * this.samples - 0.5;
    const row = (y: number) => (this.top + this.scale * y + 0.5) * this.samples - 0.5;
    return [
      Math.max(0, Math.ceil(column(x0))),
      Math.max(0, Math.ceil(row(y0))),
      Math.min(this.columns - 1, Math.floor(column(x1))),
      Math.min(this.rows - 1, Math.floor(row(y1))),
    ];
  }

  /** Writes the colour in `#out`, lit, and the depth of a sample. */
  #put(at: number, z: number, nx: number, ny: number, nz: number): void {
    const { direction, ambient } = this.light;
    const lit = Math.max(0, nx * direction[0] + ny * direction[1] + nz * direction[2]);
    // The last factor darkens rims, which see less of the sky.
    const shade = (ambient + (1 - ambient) * lit) * (0.78 + 0.22 * nz);
    this.depth[at] = z;
    for (let c = 0; c < 3; c++) this.colour[3 * at + c] = (this.#out[c] as number) * shade;
  }

  #tube({ from, to, profile, thick, round, yaw, girth, start, paint }: Tube): void {
    const widest = Math.max(...profile);
    const [dx, dy, dz] = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
    const flat = Math.hypot(dx, dy);
    const length = Math.hypot(flat, dz);
    // Of an axis towards the viewer only the end is visible.
    const [ux, uy] = flat > 1e-6 ? [dx / flat, dy / flat] : [0, 1];
    const [first = 0, last = 0] = [profile[0], profile.at(-1)];
    const segments = profile.length - 1;
    const [c0, r0, c1, r1] = this.#window(
      Math.min(from[0], to[0]) - widest,
      Math.min(from[1], to[1]) - widest,
      Math.max(from[0], to[0]) + widest,
      Math.max(from[1], to[1]) + widest,
    );
    const step = 1 / (this.samples * this.scale);
    for (let row = r0; row <= r1; row++) {
      const py = (row + 0.5) * step - (this.top + 0.5) / this.scale - from[1];
      for (let column = c0; column <= c1; column++) {
        const px = (column + 0.5) * step - (this.left + 0.5) / this.scale - from[0];
        const along = px * ux + py * uy;
        const across = px * uy - py * ux;
        let t = flat > 1e-6 ? along / flat : along > 0 ? 1 : 0;
        let beyond = 0;
        let radius: number;
        if (t <= 0) {
          if (round[0] === 0 && t < 0) continue;
          radius = first;
          beyond = Math.min(0, along) / (radius * (round[0] || 1));
          t = 0;
        } else if (t >= 1) {
          if (round[1] === 0 && t > 1) continue;
          radius = last;
          beyond = Math.max(0, along - flat) / (radius * (round[1] || 1));
          t = 1;
        } else {
          const position = t * segments;
          const i = Math.min(segments - 1, Math.floor(position));
          const low = profile[i] as number;
          radius = low + (position - i) * ((profile[i + 1] as number) - low);
        }
        const u = across / radius;
        const q = 1 - u * u - beyond * beyond;
        if (q <= 0) continue;
        const nz = Math.sqrt(q);
        const z = from[2] + t * dz + nz * radius * thick;
        const at = row * this.columns + column;
        if (z <= (this.depth[at] as number)) continue;
        const nx = u * uy + beyond * ux;
        const azimuth = wrap(Math.atan2(nx, nz) - yaw);
        const around = Math.abs(uy) > 0.5 ? azimuth : Math.atan2(u, nz);
        if (!paint(start + t * length, around * girth, azimuth, this.#out)) continue;
        this.#put(at, z, nx, beyond * uy - u * ux, nz);
      }
    }
  }

  #ball({ centre, radii, yaw, paint }: Ball): void {
    const [cos, sin] = [Math.cos(yaw), Math.sin(yaw)];
    const rx = Math.hypot(radii[0] * cos, radii[2] * sin);
    const rz = Math.hypot(radii[0] * sin, radii[2] * cos);
    const ry = radii[1];
    const [c0, r0, c1, r1] = this.#window(centre[0] - rx, centre[1] - ry, centre[0] + rx, centre[1] + ry);
    const step = 1 / (this.samples * this.scale);
    for (let row = r0; row <= r1; row++) {
      const v = ((row + 0.5) * step - (this.top + 0.5) / this.scale - centre[1]) / ry;
      for (let column = c0; column <= c1; column++) {
        const u = ((column + 0.5) * step - (this.left + 0.5) / this.scale - centre[0]) / rx;
        const q = 1 - u * u - v * v;
        if (q <= 0) continue;
        const nz = Math.sqrt(q);
        const z = centre[2] + nz * rz;
        const at = row * this.columns + column;
        if (z <= (this.depth[at] as number)) continue;
        if (!paint(u * cos - nz * sin, v, u * sin + nz * cos, this.#out)) continue;
        this.#put(at, z, u, v, nz);
      }
    }
  }
}

function wrap(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}
