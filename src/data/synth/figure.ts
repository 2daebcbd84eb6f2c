import type { Body } from './body.js';
import { from as beyond, cloth, mix, type Paint, plain, until } from './fabric.js';
import { headShapes } from './head.js';
import type { Person } from './person.js';
import type { Shape, Tube } from './raster.js';
import type { Vector } from './stance.js';

/** The depth of a trunk divided by its breadth. */
const FLATNESS = 0.64;

type Part = 'hips' | 'chest';

/** All shapes of a dressed person. Their order does not matter, because the canvas compares depths. */
export function figure(p: Person, body: Body, nod: number): Shape[] {
  const skin = plain(p.skin);
  return [
    ...trunk(p, body),
    ...(['right', 'left'] as const).flatMap((side) => [...arm(p, body, side, skin), ...leg(p, body, side, skin)]),
    ...headShapes(p, body, nod),
    ...bag(p, body),
  ];
}

interface TubeOptions {
  readonly yaw: number;
  readonly thick?: number;
  readonly round?: readonly [number, number];
  readonly start?: number;
}

function tube(from: Vector, to: Vector, profile: readonly number[], paint: Paint, options: TubeOptions): Tube {
  const { yaw, thick = 1, round = [1, 1], start = 0 } = options;
  const girth = profile.reduce((s, r) => s + r, 0) / profile.length;
  return { kind: 'tube', from, to, profile, thick, round, yaw, girth, start, paint };
}

/** A tube with an elliptic section that is broader than deep, so its visible width depends on the yaw. */
function flatTube(
  body: Body,
  part: Part,
  from: Vector,
  to: Vector,
  profile: readonly number[],
  paint: Paint,
  round: readonly [number, number],
  start = 0,
): Tube {
  const yaw = body.yaw[part];
  const seen = Math.hypot(Math.cos(yaw), FLATNESS * Math.sin(yaw));
  const deep = Math.hypot(Math.sin(yaw), FLATNESS * Math.cos(yaw));
  const girth = profile.reduce((s, r) => s + r, 0) / profile.length;
  return {
    ...tube(
      from,
      to,
      profile.map((r) => r * seen),
      paint,
      { yaw, thick: deep / seen, round, start },
    ),
    girth,
  };
}

function between(a: Vector, b: Vector, t: number): Vector {
  return [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])];
}

const joint = (body: Body, name: string) => body.joints[name] as Vector;

function trunk(p: Person, body: Body): Shape[] {
  const neck = joint(body, 'neck');
  const middle = body.toView([0, 0, 0]);
  const shirt = cloth(p.top);
  const below = cloth(p.bottomFabric, 0.04);
  const b = p.build;
  const hips = 1.75 * p.hips * b;
  const waist = hips * p.waist;
  const chest = Math.max(waist, 0.95 * p.shoulders * b);
  const coat = p.hem > 0.05;
  // Tops are worn over the bottom garment, or tucked in.
  const over = p.hem > 0 ? 0.004 : -0.006;
  const hem = 0.325 + p.hem;
  const end = between(neck, middle, (hem - 0.02) / 0.325);
  const shapes: Shape[] = [
    tube(
      body.offset(neck, [0, -0.005, -0.008], 'chest'),
      body.offset(body.headCentre, [0, 0.03, -0.008], 'head'),
      [0.029 * b, 0.027 * b],
      plain(p.skin),
      {
        yaw: body.yaw.chest,
      },
    ),
    flatTube(
      body,
      'chest',
      body.offset(neck, [0, 0.03, 0], 'chest'),
      end,
      coat
        ? [0.8 * chest, chest, 0.98 * chest, waist + 0.006, hips + 0.008, hips + 0.014]
        : [0.8 * chest, chest, 0.98 * chest, (chest + waist) / 2, waist + 0.004, hips + over],
      shirt,
      [0.3, 0.08],
      0.03,
    ),
    flatTube(
      body,
      'hips',
      body.toView([0, -0.055, 0]),
      body.toView([0, 0.012, 0]),
      [waist, hips, hips],
      below,
      [0, 0.45],
    ),
  ];
  for (const side of ['right', 'left'])
    shapes.push(
      tube(
        body.offset(neck, [0, 0.004, -0.004], 'chest'),
        joint(body, `${side}_shoulder`),
        [0.03 * b, 0.029 * b],
        shirt,
        { yaw: body.yaw.chest },
      ),
    );
  if (p.bottom === 'skirt') shapes.push(skirt(p, body, hips, below));
  return shapes;
}

/** A skirt from the waist to its end between the legs, wide enough for both. */
function skirt(p: Person, body: Body, hips: number, paint: Paint): Shape {
  const leg = (name: string) => between(joint(body, `right_${name}`), joint(body, `left_${name}`), 0.5);
  const [knee, ankle] = [leg('knee'), leg('ankle')];
  const end =
    p.bottomLength < 1
      ? between(body.toView([0, 0, 0]), knee, p.bottomLength)
      : between(knee, ankle, p.bottomLength - 1);
  const kneeGap = Math.abs(joint(body, 'right_knee')[0] - joint(body, 'left_knee')[0]) / 2;
  const flare = Math.max(hips + 0.035 * p.looseness, 0.85 * kneeGap * Math.min(1, p.bottomLength) + 0.045);
  const profile = [hips * p.waist, hips + 0.006, flare, 1.1 * flare];
  return flatTube(body, 'hips', body.toView([0, -0.06, 0]), end, profile, paint, [0.3, 0]);
}

function arm(p: Person, body: Body, side: 'right' | 'left', skin: Paint): Shape[] {
  const [shoulder, elbow, wrist] = ['shoulder', 'elbow', 'wrist'].map((n) => joint(body, `${side}_${n}`)) as [
    Vector,
    Vector,
    Vector,
  ];
  const shirt = cloth(p.top);
  const b = p.build;
  const options = { yaw: body.yaw.chest };
  const loose = 0.004;
  const upper = [0.03, 0.03, 0.025].map((r) => r * b + (p.sleeves ? loose : 0));
  const lower = [0.025, 0.025, 0.017].map((r) => r * b + (p.sleeves > 1 ? loose : 0));
  const sleeve = 0.165 * Math.min(1, p.sleeves);
  const short = p.sleeves < 1;
  return [
    tube(shoulder, elbow, upper, short ? until(sleeve, shirt, skin) : shirt, options),
    tube(elbow, wrist, lower, p.sleeves > 1 ? shirt : skin, { ...options, start: 0.165 }),
    tube(
      wrist,
      body.hands[side],
      [0.017, 0.022, 0.014].map((r) => r * b),
      skin,
      options,
    ),
  ];
}

function leg(p: Person, body: Body, side: 'right' | 'left', skin: Paint): Shape[] {
  const [hip, knee, ankle] = ['hip', 'knee', 'ankle'].map((n) => joint(body, `${side}_${n}`)) as [
    Vector,
    Vector,
    Vector,
  ];
  const fabric = cloth(p.bottomFabric, 0.05);
  const b = p.build;
  const options = { yaw: body.yaw.hips };
  const long = p.bottom === 'trousers' || p.bottom === 'jeans' || p.bottom === 'leggings';
  const covered = long || p.bottom === 'shorts';
  const loose = covered ? 0.002 + 0.007 * p.looseness : 0;
  const cut = 0.237 * p.legs * p.bottomLength;
  const socks = p.socks ? plain(p.socks) : skin;
  const thigh = [0.049, 0.046, 0.034].map((r) => r * b + loose);
  const calf = long ? [0.034, 0.033, 0.026].map((r) => r * b + loose) : [0.033, 0.034, 0.02].map((r) => r * b);
  const hidden = p.bottom === 'skirt' ? cut - 0.02 : p.hem > 0.05 ? p.hem - 0.03 : 0;
  const lowerLeg: Paint = until(0.12, skin, socks);
  const heel = body.offset(ankle, [0, 0.026, -0.012], 'hips');
  const toe = body.toes[side];
  const shoe = plain(p.shoes);
  return [
    tube(hip, knee, thigh, beyond(hidden, covered ? (long ? fabric : until(cut, fabric, skin)) : skin), options),
    tube(knee, ankle, calf, long ? fabric : beyond(hidden - 0.237 * p.legs, lowerLeg), {
      ...options,
      start: long ? 0.237 : 0,
    }),
    tube(heel, toe, [0.027, 0.025, 0.021], shoe, options),
    tube(
      [heel[0], heel[1] + 0.013, heel[2] - 0.004],
      [toe[0], toe[1] + 0.012, toe[2] - 0.004],
      [0.022, 0.021, 0.017],
      plain(p.sole),
      options,
    ),
    tube(between(knee, ankle, 0.93), heel, [0.024, 0.028], shoe, options),
  ];
}

function bag(p: Person, body: Body): Shape[] {
  if (p.bag === 'none') return [];
  const paint = plain(p.bagColour);
  const neck = joint(body, 'neck');
  if (p.bag === 'backpack') {
    const [top, bottom] = [body.offset(neck, [0, 0.06, -0.085], 'chest'), body.offset(neck, [0, 0.2, -0.09], 'chest')];
    const strap = (x: number) =>
      tube(
        body.offset(neck, [x, 0.005, 0.045], 'chest'),
        body.offset(neck, [x * 1.1, 0.17, 0.05], 'chest'),
        [0.011, 0.011],
        paint,
        {
          yaw: body.yaw.chest,
        },
      );
    return [flatTube(body, 'chest', top, bottom, [0.06, 0.075, 0.075], paint, [0.4, 0.4]), strap(0.065), strap(-0.065)];
  }
  const hip = joint(body, 'left_hip');
  const dark = plain(mix(p.bagColour, [0, 0, 0], 0.25));
  const pouch = body.offset(hip, [0.05, -0.01, 0.03], 'hips');
  return [
    tube(
      body.offset(pouch, [0, 0, -0.05], 'hips'),
      body.offset(pouch, [0, 0, 0.05], 'hips'),
      [0.042, 0.045, 0.042],
      paint,
      { yaw: body.yaw.hips },
    ),
    tube(
      body.offset(neck, [-0.06, 0.0, 0.045], 'chest'),
      body.offset(pouch, [0, -0.03, 0.03], 'hips'),
      [0.01, 0.01],
      dark,
      { yaw: body.yaw.chest },
    ),
    tube(
      body.offset(neck, [-0.06, 0.0, -0.045], 'chest'),
      body.offset(pouch, [0, -0.03, -0.03], 'hips'),
      [0.01, 0.01],
      dark,
      { yaw: body.yaw.chest },
    ),
  ];
}
