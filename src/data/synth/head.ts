import type { Body } from './body.js';
import { mix, plain, type Tint } from './fabric.js';
import type { Person } from './person.js';
import type { Ball, Shape, Tube } from './raster.js';
import type { Vector } from './stance.js';

/** Head, face, ears, hair and cap. The face is painted on, but the nose protrudes, so that profiles can be recognised. */
export function headShapes(p: Person, body: Body, nod: number): Shape[] {
  const { headCentre: centre, headRadii: radii } = body;
  const yaw = body.yaw.head;
  const at = (x: number, y: number, z: number): Vector =>
    body.offset(centre, [x * radii[0], y * radii[1], z * radii[2]], 'head');
  const scaled = (k: number, tall = k): Vector => [radii[0] * k, radii[1] * tall, radii[2] * k];
  const ball = (place: Vector, size: Vector, paint: Ball['paint']): Ball => ({
    kind: 'ball',
    centre: place,
    radii: size,
    yaw,
    paint,
  });
  const skin = solid(p.skin);
  const shapes: Shape[] = [
    ball(centre, radii, face(p, nod)),
    // The jaw is narrower and lower than the skull.
    ball(at(0, 0.38, 0.16), scaled(0.78, 0.64), jaw(p, nod)),
    ball(at(0, 0.22 + nod, 1), scaled(0.19, 0.16), skin),
    ball(at(-1.02, 0.1, -0.05), scaled(0.2, 0.2), skin),
    ball(at(1.02, 0.1, -0.05), scaled(0.2, 0.2), skin),
  ];
  if (p.hair !== 'bald')
    shapes.push(ball(at(0, -0.05, -0.05), scaled(1.13, 1.07), shell(p.hairColour, p.hair === 'short')));
  shapes.push(...tails(p, body, at, radii, ball));
  if (p.cap) {
    shapes.push(ball(at(0, -0.14, -0.02), scaled(1.17, 1.0), capped(p.cap)));
    const brim = mix(p.cap, [0, 0, 0], 0.2);
    const tube: Tube = {
      kind: 'tube',
      from: at(0, -0.5, 0.7),
      to: at(0, -0.42, 1.75),
      profile: [0.7 * radii[0], 0.6 * radii[0]],
      thick: 0.2,
      round: [1, 1],
      yaw,
      girth: radii[0],
      start: 0,
      paint: plain(brim),
    };
    shapes.push(tube);
  }
  return shapes;
}

type BallPaint = Ball['paint'];

function solid(colour: Tint): BallPaint {
  return (_x, _y, _z, out) => {
    out.set(colour);
    return true;
  };
}

const inside = (x: number, y: number, rx: number, ry: number) => (x / rx) ** 2 + (y / ry) ** 2 < 1;

function face(p: Person, nod: number): BallPaint {
  const stubble = mix(p.skin, p.hairColour, 0.75);
  const brow = mix(p.skin, p.hairColour, 0.8);
  const shadow = mix(p.skin, [90, 40, 30], 0.3);
  return (x, height, z, out) => {
    const y = height - 0.8 * nod;
    let colour: Tint = p.skin;
    if (z > 0) {
      const side = Math.abs(x);
      if (inside(side - 0.37, y + 0.06, 0.16, 0.09))
        colour = inside(side - 0.37, y + 0.06, 0.085, 0.09) ? [34, 24, 22] : [240, 238, 234];
      else if (inside(side - 0.37, y + 0.27, 0.21, 0.05)) colour = brow;
      else if (p.glasses && (inside(side - 0.37, y + 0.06, 0.27, 0.2) || (side < 0.3 && Math.abs(y + 0.08) < 0.05)))
        colour = mix(p.skin, [25, 25, 30], 0.75);
      else if (inside(side - 0.37, y + 0.06, 0.25, 0.16)) colour = shadow;
    }
    if (p.hair === 'bald' && y < -0.3 && z < 0.5) colour = mix(p.skin, p.hairColour, 0.18);
    if (p.beard && y > 0.3 && z > -0.1) colour = stubble;
    out.set(colour);
    return true;
  };
}

/** The lower half of the face, with the mouth. */
function jaw(p: Person, nod: number): BallPaint {
  const beard = mix(p.skin, p.hairColour, 0.78);
  const lips = mix(p.skin, [170, 50, 56], 0.6);
  return (x, height, z, out) => {
    const y = height - nod;
    const mouth = z > 0 && inside(x, y - 0.3, 0.4, 0.11);
    out.set(mouth ? lips : p.beard && (y > 0.1 || Math.abs(x) > 0.6) ? beard : p.skin);
    return true;
  };
}

/** Hair everywhere except on the face. The hairline is high at the front and falls to the nape at the back. */
function shell(colour: Tint, short: boolean): BallPaint {
  const nape = short ? 0.5 : 0.85;
  return (x, y, z, out) => {
    const back = Math.max(0, Math.min(1, (0.62 - z) / 0.8));
    const line = -0.5 + (nape + 0.5) * back * back * (short ? 1 : 1.15);
    if (y > line + 0.07 * Math.sin(9 * x)) return false;
    const strand = 1 + 0.13 * Math.sin(17 * x + 11 * z) - 0.25 * y;
    out[0] = colour[0] * strand;
    out[1] = colour[1] * strand;
    out[2] = colour[2] * strand;
    return true;
  };
}

function capped(colour: Tint): BallPaint {
  return (_x, y, _z, out) => {
    if (y > -0.22) return false;
    out.set(colour);
    return true;
  };
}

/** Hair that hangs or is tied: long hair, ponytail, bun. */
function tails(
  p: Person,
  body: Body,
  at: (x: number, y: number, z: number) => Vector,
  [rx, ry]: Vector,
  ball: (place: Vector, size: Vector, paint: BallPaint) => Ball,
): Shape[] {
  const strands = (s: number, a: number, _azimuth: number, out: Float64Array) => {
    const k = 0.95 + 0.14 * Math.sin(260 * a + 20 * s);
    for (let c = 0; c < 3; c++) out[c] = (p.hairColour[c] as number) * k;
    return true;
  };
  const tube = (from: Vector, to: Vector, profile: readonly number[]): Tube => ({
    kind: 'tube',
    from,
    to,
    profile,
    thick: 0.6,
    round: [1, 1],
    yaw: body.yaw.head,
    girth: 0.04,
    start: 0,
    paint: strands,
  });
  switch (p.hair) {
    case 'bob':
      return [tube(at(0, 0, -0.4), at(0, 0.75, -0.45), [1.12 * rx, 1.2 * rx])];
    case 'long':
      return [tube(at(0, 0, -0.45), at(0, 2.1, -0.75), [1.12 * rx, 1.25 * rx, 1.1 * rx])];
    case 'ponytail':
      return [tube(at(0, -0.2, -1.15), at(0, 1.5, -1.5), [0.3 * rx, 0.45 * rx, 0.22 * rx])];
    case 'bun':
      return [ball(at(0, -0.95, -0.75), [0.5 * rx, 0.4 * ry, 0.5 * rx], solid(p.hairColour))];
    default:
      return [];
  }
}
