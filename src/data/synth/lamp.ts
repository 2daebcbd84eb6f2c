import { type Stream, stream } from '../random.js';
import { cloth, type Fabric, fabric, hsl, mix, plain, type Tint } from './fabric.js';
import type { Shape, Tube } from './raster.js';
import type { Vector } from './stance.js';

/** The look of one desk lamp in all its pictures. Lengths are in about its own height. */
export interface Lamp {
  /** The round foot: its height, its radii at the bottom and at the top, and the height of the hinge's post on it. */
  readonly foot: { readonly height: number; readonly below: number; readonly above: number; readonly post: number };
  readonly lower: number;
  readonly upper: number;
  /** Half the width of the arms, and the distance between the two rods of an arm, or 0 for one rod. */
  readonly thickness: number;
  readonly rodGap: number;
  readonly shade: { readonly length: number; readonly profile: readonly number[] };
  readonly metal: Tint;
  readonly knobs: Tint;
  readonly footPaint: Fabric;
  readonly shadePaint: Fabric;
  readonly glow: Tint;
}

/** How a lamp is bent and turned at one moment. Angles are in radians from straight up, in the plane of its arms. */
export interface Bend {
  /** The direction of the arms' plane: 0 to the right of the picture, π/2 towards the viewer. */
  readonly azimuth: number;
  readonly lower: number;
  readonly upper: number;
  /** The direction of the light. */
  readonly head: number;
  /** The head's turn out of the plane. */
  readonly pan: number;
  /** How far the camera looks down. */
  readonly pitch: number;
}

/** The shapes and joints of a lamp as the camera sees them. */
export interface SeenLamp {
  readonly shapes: readonly Shape[];
  /** Joints in the camera's space. A bulb that is not turned away is in front of its shade. */
  readonly joints: Readonly<Record<string, Vector>>;
}

const PATTERNS = ['plain', 'plain', 'plain', 'stripes', 'stripes', 'pinstripes', 'plaid', 'dots'] as const;

/** A lamp as a pure function of seed and identity. */
export function lamp(seed: number, identity: number): Lamp {
  const random = stream(seed, identity, 3);
  const below = random.uniform(0.17, 0.23);
  const metal = random.chance(0.5)
    ? hsl(random.uniform(0.05, 0.65), random.uniform(0, 0.12), random.uniform(0.25, 0.85))
    : hsl(random.uniform(), random.uniform(0.4, 0.75), random.uniform(0.35, 0.6));
  const rim = random.uniform(0.11, 0.155);
  const neck = random.uniform(0.035, 0.055);
  const shapes: readonly (readonly number[])[] = [
    [neck, (neck + rim) / 2, rim],
    [0.5 * rim, 0.8 * rim, 0.95 * rim, rim],
    [neck, 0.75 * rim, 0.9 * rim, 0.92 * rim, rim],
    [0.8 * rim, 0.9 * rim, rim],
  ];
  const single = random.chance(0.55);
  return {
    foot: {
      height: random.uniform(0.07, 0.15),
      below,
      above: below * random.uniform(0.62, 0.95),
      post: random.uniform(0.03, 0.07),
    },
    lower: random.uniform(0.32, 0.42),
    upper: random.uniform(0.28, 0.38),
    thickness: single ? random.uniform(0.018, 0.028) : random.uniform(0.011, 0.015),
    rodGap: single ? 0 : random.uniform(0.05, 0.065),
    shade: { length: random.uniform(0.15, 0.21), profile: random.pick(shapes) },
    metal,
    knobs: random.chance(0.4) ? hsl(random.uniform(), 0.6, 0.5) : mix(metal, [20, 20, 24], 0.6),
    footPaint: { ...fabric(random, metal, ['plain', 'plain', 'stripes', 'pinstripes']), period: 0.06 },
    shadePaint: fabric(random, metal, PATTERNS),
    glow: hsl(random.uniform(0.1, 0.16), random.uniform(0.5, 1), random.uniform(0.78, 0.9)),
  };
}

/** A random bend of a lamp that keeps its head above the ground. */
export function bend(random: Stream, l: Lamp): Bend {
  const lower = random.uniform(-0.75, 0.35);
  const pan = random.normal(0, 0.22);
  const pitch = random.uniform(0.12, 0.38);
  const side = random.chance(0.5) ? 0 : Math.PI;
  const azimuth = side + random.normal(0, 0.35);
  let upper = lower + random.uniform(0.6, 1.9);
  let head = upper + random.uniform(0.35, 1.5);
  const lowest = () =>
    l.foot.height +
    l.foot.post +
    l.lower * Math.cos(lower) +
    l.upper * Math.cos(upper) +
    Math.min(0, l.shade.length * Math.cos(head)) -
    Math.max(...l.shade.profile) * Math.abs(Math.sin(head));
  while (lowest() < 0.12) [upper, head] = [upper - 0.1, head - 0.1];
  return { azimuth, lower, upper, head, pan, pitch };
}

const plus = (a: Vector, b: Vector, k = 1): Vector => [a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2]];

/** The lamp's shapes and joints in the camera's space: x right, y down, z towards the viewer, and the foot's underside at 0. */
export function seenLamp(l: Lamp, b: Bend): SeenLamp {
  const [cosT, sinT] = [Math.cos(b.azimuth), Math.sin(b.azimuth)];
  const [cosP, sinP] = [Math.cos(b.pitch), Math.sin(b.pitch)];
  /** Converts a direction, given as forward and sideways of the arms and down, to the camera's axes. */
  const turned = (forward: number, down: number, sideways = 0): Vector => {
    const x = forward * cosT - sideways * sinT;
    const z = forward * sinT + sideways * cosT;
    return [x, down * cosP + z * sinP, z * cosP - down * sinP];
  };
  const towards = (angle: number) => turned(Math.sin(angle), -Math.cos(angle));
  const top = turned(0, -l.foot.height);
  const hinge = turned(0, -l.foot.height - l.foot.post);
  const elbow = plus(hinge, towards(b.lower), l.lower);
  const head = plus(elbow, towards(b.upper), l.upper);
  const flat = Math.cos(b.pan);
  const axis = turned(flat * Math.sin(b.head), -flat * Math.cos(b.head), Math.sin(b.pan));
  const mouth = plus(head, axis, l.shade.length);
  const rim = l.shade.profile.at(-1) as number;
  const { below, above } = l.foot;
  // The foot's edges and the rim are circles that appear as ellipses. Their joints are the ends of the ellipses.
  const across = ([x, y]: Vector): Vector => {
    const length = Math.hypot(x, y) || 1;
    return [y / length, -x / length, 0];
  };
  const before = 1.05 * rim;
  const lit = axis[2] > 0.08 ? before : 0;
  const bulb = plus(mouth, axis, 0.03);
  const joints = {
    foot_top_left: plus(top, [-above, 0, 0]),
    foot_top_right: plus(top, [above, 0, 0]),
    foot_bottom_left: [-below, 0, 0] as const,
    foot_bottom_right: [below, 0, 0] as const,
    hinge,
    elbow,
    head,
    bulb: plus(bulb, [0, 0, axis[2] > -0.3 ? before : 0]),
    rim_left: plus(mouth, across(axis), rim),
    rim_right: plus(mouth, across(axis), -rim),
  };
  return {
    joints,
    shapes: [
      ...foot(l, top, sinP),
      ...arm(l, top, hinge, 0),
      ...arm(l, hinge, elbow, l.rodGap, towards(b.lower + Math.PI / 2)),
      ...arm(l, elbow, head, l.rodGap, towards(b.upper + Math.PI / 2)),
      ...[hinge, elbow, head].map((at) => knob(l, at)),
      ...shade(l, head, mouth, axis, bulb, lit),
    ],
  };
}

function tube(
  from: Vector,
  to: Vector,
  profile: readonly number[],
  paint: Tube['paint'],
  round: Tube['round'] = [1, 1],
  thick = 1,
): Tube {
  const girth = profile.reduce((s, r) => s + r, 0) / profile.length;
  return { kind: 'tube', from, to, profile, thick, round, yaw: 0, girth, start: 0, paint };
}

/** A disc with the axis [x, y, z], which appears as an ellipse. `near` moves it in front of the tube that it closes. */
function disc(at: Vector, [x, y, z]: Vector, radius: number, paint: Tube['paint'], near: number): Tube {
  const flat = Math.hypot(x, y) || 1;
  const step: Vector = [(1e-3 * x) / flat, (1e-3 * y) / flat, 0];
  const centre = plus(at, [0, 0, near]);
  return tube(plus(centre, step, -1), plus(centre, step), [radius, radius], paint, [Math.abs(z), Math.abs(z)], 0.02);
}

/** How far behind everything else the foot is drawn. Its upper side is a disc, and the post stands in the middle of it. */
const BEHIND = -2;

function foot(l: Lamp, top: Vector, sinPitch: number): Shape[] {
  const { below, above } = l.foot;
  const paint = cloth(l.footPaint, 0);
  const upper = plain(mix(l.footPaint.base, [255, 255, 255], 0.18));
  const bulge = [below, 0.97 * below, (below + above) / 2, above];
  return [
    tube([0, 0, BEHIND], plus(top, [0, 0, BEHIND]), bulge, paint, [sinPitch, 0]),
    disc(top, [0, -1, sinPitch], above, upper, BEHIND + 1),
  ];
}

/** One rod, or two side by side, between two joints. */
function arm(l: Lamp, from: Vector, to: Vector, rodGap: number, sideways: Vector = [0, 0, 0]): Shape[] {
  const paint = plain(l.metal);
  const profile = [l.thickness, l.thickness];
  if (!rodGap) return [tube(from, to, profile, paint)];
  const shifted = (point: Vector, s: number) => plus(point, sideways, (s * rodGap) / 2);
  return [1, -1].map((s) => tube(shifted(from, s), shifted(to, s), profile, paint));
}

function knob(l: Lamp, centre: Vector): Shape {
  const radius = 0.012 + Math.max(l.thickness, l.rodGap / 2);
  const paint = plain(l.knobs);
  return {
    kind: 'ball',
    centre: plus(centre, [0, 0, 0.01]),
    radii: [radius, radius, radius],
    yaw: 0,
    paint: (_x, _y, _z, out) => paint(0, 0, 0, out),
  };
}

function shade(l: Lamp, head: Vector, mouth: Vector, axis: Vector, centre: Vector, lit: number): Shape[] {
  const { profile } = l.shade;
  const rim = profile.at(-1) as number;
  const outside = tube(head, mouth, profile, cloth(l.shadePaint, 0), [0.7, lit ? 0 : Math.abs(axis[2])]);
  const shine = plain(mix(l.glow, [255, 255, 255], 0.6));
  const bulb: Shape = {
    kind: 'ball',
    centre: plus(centre, [0, 0, lit && lit + 0.01]),
    radii: [0.45 * rim, 0.45 * rim, 0.2 * rim],
    yaw: 0,
    paint: (_x, _y, _z, out) => shine(0, 0, 0, out),
  };
  return lit ? [outside, disc(mouth, axis, rim, plain(l.glow), lit), bulb] : [outside, bulb];
}
