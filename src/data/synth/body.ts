import type { Person } from './person.js';
import type { Arm, Leg, Stance, Vector } from './stance.js';

/**
 * A body in a stance, in the camera's axes: x right, y down, z towards the viewer. Lengths are in statures, and the middle
 * of the hips is the origin.
 */
export interface Body {
  /** Joints by their names in the person's skeleton. */
  readonly joints: Readonly<Record<string, Vector>>;
  readonly headCentre: Vector;
  /** Half extents of the head: horizontally, vertically, front to back. */
  readonly headRadii: Vector;
  readonly hands: { readonly right: Vector; readonly left: Vector };
  readonly toes: { readonly right: Vector; readonly left: Vector };
  /** The angles about the vertical that hips, chest and head face: 0 towards the viewer, positive to the right of the picture. */
  readonly yaw: { readonly hips: number; readonly chest: number; readonly head: number };
  /** Converts a point from the axes of the hips (x to the person's left, y down, z forward) to the camera's. */
  readonly toView: (v: Vector) => Vector;
  /** The point at an offset, given in the axes of a part, from a point in the camera's axes. */
  readonly offset: (from: Vector, v: Vector, part: 'hips' | 'chest' | 'head') => Vector;
}

const SPINE = 0.325;
const UPPER_ARM = 0.162;
const FOREARM = 0.142;
const HAND = 0.06;
const THIGH = 0.237;
const CALF = 0.222;
const FOOT = 0.095;

const add = (a: Vector, b: Vector, k = 1): Vector => [a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2]];
const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const unit = (a: Vector): Vector => add([0, 0, 0], a, 1 / (Math.hypot(...a) || 1));

/** Computes all joints. `yaw` is the angle that the hips face, `pitch` how far the camera looks down, in radians. */
export function body(p: Person, s: Stance, yaw: number, pitch: number): Body {
  const rotateY = ([x, y, z]: Vector, angle: number): Vector => {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return [x * cos + z * sin, y, z * cos - x * sin];
  };
  const rotateX = ([x, y, z]: Vector): Vector => {
    const [cos, sin] = [Math.cos(pitch), Math.sin(pitch)];
    return [x, y * cos + z * sin, z * cos - y * sin];
  };
  const up = unit([s.sway, -1, s.lean]);
  const neck = add([0, 0, 0], up, SPINE);
  // A positive twist of the shoulders moves the left one forward.
  const across: Vector = unit([Math.cos(s.twist), 0.6 * s.sway, Math.sin(s.twist)]);
  const ahead: Vector = [-Math.sin(s.twist), 0, Math.cos(s.twist)];
  const head = add(add(neck, up, 0.103 * Math.min(1.1, p.head)), ahead, 0.012 + 0.05 * s.nod);
  const radii: Vector = [0.047 * p.head, 0.066 * p.head, 0.056 * p.head];

  const arm = (side: 1 | -1, { swing, spread, elbow, towards }: Arm) => {
    const inChest = ([x, y, z]: Vector): Vector => add(add([0, y, 0], across, side * x), ahead, z);
    const shoulder = add(add(neck, across, side * p.shoulders), [0, 0.014, 0]);
    const upper = unit(
      inChest([Math.sin(spread), Math.cos(spread) * Math.cos(swing), Math.cos(spread) * Math.sin(swing)]),
    );
    const aim = inChest(towards);
    const bend = unit(add(aim, upper, -dot(aim, upper)));
    const lower = add(add([0, 0, 0], upper, Math.cos(elbow)), bend, Math.sin(elbow));
    const bent = add(shoulder, upper, UPPER_ARM);
    const wrist = add(bent, lower, FOREARM);
    return { shoulder, elbow: bent, wrist, hand: add(wrist, lower, HAND) };
  };
  const leg = (side: 1 | -1, { swing, spread, knee }: Leg) => {
    const direction = (angle: number): Vector => [
      side * Math.sin(spread),
      Math.cos(spread) * Math.cos(angle),
      Math.cos(spread) * Math.sin(angle),
    ];
    const hip: Vector = [side * p.hips, 0, 0];
    const bent = add(hip, direction(swing), THIGH * p.legs);
    const calf = swing - knee;
    const ankle = add(bent, direction(calf), CALF * p.legs);
    const foot = unit([side * 0.2, 0.22 - 0.8 * Math.sin(calf), Math.cos(calf)]);
    return { hip, knee: bent, ankle, toe: add(ankle, foot, FOOT) };
  };

  const toView = (v: Vector) => rotateX(rotateY(v, yaw));
  const yaws = { hips: yaw, chest: yaw - s.twist, head: yaw - s.twist + s.turn };
  const offset: Body['offset'] = (from, v, part) => add(from, rotateX(rotateY(v, yaws[part])));
  const [ra, la, rl, ll] = [arm(-1, s.rightArm), arm(1, s.leftArm), leg(-1, s.rightLeg), leg(1, s.leftLeg)];
  const headCentre = toView(head);
  const face = (x: number, y: number, z: number) =>
    offset(headCentre, [x * radii[0], (y + 0.8 * s.nod) * radii[1], z * radii[2]], 'head');
  const joints = {
    nose: face(0, 0.2, 1.08),
    neck: toView(add(neck, [0, 0.014, 0])),
    right_shoulder: toView(ra.shoulder),
    right_elbow: toView(ra.elbow),
    right_wrist: toView(ra.wrist),
    left_shoulder: toView(la.shoulder),
    left_elbow: toView(la.elbow),
    left_wrist: toView(la.wrist),
    right_hip: toView(rl.hip),
    right_knee: toView(rl.knee),
    right_ankle: toView(rl.ankle),
    left_hip: toView(ll.hip),
    left_knee: toView(ll.knee),
    left_ankle: toView(ll.ankle),
    right_eye: face(-0.36, -0.08, 0.9),
    left_eye: face(0.36, -0.08, 0.9),
    right_ear: face(-1, 0.08, -0.05),
    left_ear: face(1, 0.08, -0.05),
  };
  return {
    joints,
    headCentre,
    headRadii: radii,
    hands: { right: toView(ra.hand), left: toView(la.hand) },
    toes: { right: toView(rl.toe), left: toView(ll.toe) },
    yaw: yaws,
    toView,
    offset,
  };
}
