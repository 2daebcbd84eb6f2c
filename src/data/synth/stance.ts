import type { Stream } from '../random.js';

/** A direction or point in the body: x to the person's left, y down, z forward. */
export type Vector = readonly [x: number, y: number, z: number];

/** The angles of an arm in radians. */
export interface Arm {
  /** The forward swing of the upper arm. */
  readonly swing: number;
  /** How far the upper arm is lifted to the side. */
  readonly spread: number;
  /** The bend of the elbow. */
  readonly elbow: number;
  /** The direction in which the elbow bends the forearm: x outward, y down, z forward. */
  readonly towards: Vector;
}

export interface Leg {
  readonly swing: number;
  readonly spread: number;
  readonly knee: number;
}

/** How a person stands at one moment. */
export interface Stance {
  /** The lean of the spine forward. */
  readonly lean: number;
  /** The lean of the spine to the person's left. */
  readonly sway: number;
  /** The turn of the shoulders relative to the hips. */
  readonly twist: number;
  /** The turn of the head relative to the shoulders. */
  readonly turn: number;
  readonly nod: number;
  readonly leftArm: Arm;
  readonly rightArm: Arm;
  readonly leftLeg: Leg;
  readonly rightLeg: Leg;
}

type ArmMaker = (random: Stream, swing: number) => Arm;

const FORWARD: Vector = [-0.25, 0, 1];
const INWARD: Vector = [-1, 0, 0.25];
const UP: Vector = [-0.2, -1, 0.15];

const relaxed: ArmMaker = (r, swing) => ({
  swing: swing + r.normal(0, 0.06),
  spread: r.uniform(0.06, 0.22),
  elbow: r.uniform(0.08, 0.5),
  towards: FORWARD,
});
const onHip: ArmMaker = (r) => ({
  swing: r.uniform(-0.35, -0.1),
  spread: r.uniform(0.65, 0.85),
  elbow: r.uniform(1.5, 1.8),
  towards: INWARD,
});
const pocket: ArmMaker = (r) => ({
  swing: r.uniform(-0.3, -0.1),
  spread: r.uniform(0.25, 0.4),
  elbow: r.uniform(0.5, 0.8),
  towards: [-0.6, 0, 0.8],
});
const phone: ArmMaker = (r) => ({
  swing: r.uniform(0.2, 0.5),
  spread: r.uniform(0.1, 0.3),
  elbow: r.uniform(1.7, 2.1),
  towards: [-0.5, 0, 1],
});
const calling: ArmMaker = (r) => ({
  swing: r.uniform(0.3, 0.6),
  spread: r.uniform(0.5, 0.8),
  elbow: r.uniform(2.2, 2.5),
  towards: [-0.35, -0.4, 0.5],
});
const raised: ArmMaker = (r) => ({
  swing: r.normal(0, 0.2),
  spread: r.uniform(2.1, 2.85),
  elbow: r.uniform(0.1, 0.8),
  towards: UP,
});
const waving: ArmMaker = (r) => ({
  swing: r.uniform(0, 0.3),
  spread: r.uniform(1.2, 1.7),
  elbow: r.uniform(1, 1.7),
  towards: UP,
});
const abducted: ArmMaker = (r) => ({
  swing: r.normal(0, 0.15),
  spread: r.uniform(0.5, 1.1),
  elbow: r.uniform(0.05, 0.4),
  towards: FORWARD,
});
const pointing: ArmMaker = (r) => ({
  swing: r.uniform(1, 1.6),
  spread: r.uniform(0, 0.3),
  elbow: r.uniform(0, 0.4),
  towards: [-0.3, -0.5, 0.3],
});
const crossed: ArmMaker = (r) => ({
  swing: r.uniform(0.25, 0.45),
  spread: r.uniform(0.15, 0.3),
  elbow: r.uniform(1.7, 1.95),
  towards: [-1, 0.05, 0.75],
});
const pumping: ArmMaker = (r, swing) => ({
  swing: 1.1 * swing,
  spread: r.uniform(0.15, 0.3),
  elbow: r.uniform(1.2, 1.7),
  towards: [-0.3, -0.2, 1],
});

/** Gestures of the right and the left arm. Common ones are listed more often. */
const GESTURES: readonly (readonly [ArmMaker, ArmMaker])[] = [
  [relaxed, relaxed],
  [relaxed, relaxed],
  [relaxed, relaxed],
  [relaxed, relaxed],
  [pocket, pocket],
  [onHip, onHip],
  [relaxed, onHip],
  [phone, relaxed],
  [relaxed, calling],
  [raised, raised],
  [relaxed, raised],
  [waving, relaxed],
  [abducted, abducted],
  [pointing, relaxed],
  [crossed, crossed],
];

/** A random stance: standing, walking or running, with a gesture of the arms. */
export function stance(random: Stream): Stance {
  const kind = random.uniform();
  const gesture = random.pick(GESTURES);
  const swapped = random.chance(0.5);
  const arms = (swing: number): [Arm, Arm] => {
    const [a, b] = swapped ? [gesture[1], gesture[0]] : gesture;
    return [a(random, swing), b(random, -swing)];
  };
  const head = { turn: random.normal(0, 0.25), nod: random.normal(0.05, 0.12) };
  if (kind < 0.5) return { ...walking(random, arms), ...head };
  if (kind < 0.6) return { ...running(random), ...head };
  return { ...standing(random, arms), ...head };
}

type Rest = Omit<Stance, 'turn' | 'nod'>;

function walking(random: Stream, arms: (swing: number) => [Arm, Arm]): Rest {
  const phase = random.uniform(0, 2 * Math.PI);
  const swing = random.uniform(0.3, 0.5) * Math.sin(phase);
  const lift = Math.cos(phase);
  const [rightArm, leftArm] = arms(0.8 * swing);
  return {
    lean: random.uniform(0, 0.1),
    sway: random.normal(0, 0.02),
    twist: -0.3 * swing,
    rightArm,
    leftArm,
    leftLeg: { swing, spread: random.uniform(0, 0.05), knee: 0.08 + 0.75 * Math.max(0, lift) },
    rightLeg: { swing: -swing, spread: random.uniform(0, 0.05), knee: 0.08 + 0.75 * Math.max(0, -lift) },
  };
}

function running(random: Stream): Rest {
  const phase = random.uniform(0, 2 * Math.PI);
  const swing = random.uniform(0.6, 0.8) * Math.sin(phase);
  const lift = Math.cos(phase);
  return {
    lean: random.uniform(0.1, 0.25),
    sway: random.normal(0, 0.02),
    twist: -0.35 * swing,
    rightArm: pumping(random, swing),
    leftArm: pumping(random, -swing),
    leftLeg: { swing: swing + 0.15, spread: 0.02, knee: 0.35 + 1.2 * Math.max(0, lift) },
    rightLeg: { swing: 0.15 - swing, spread: 0.02, knee: 0.35 + 1.2 * Math.max(0, -lift) },
  };
}

function standing(random: Stream, arms: (swing: number) => [Arm, Arm]): Rest {
  const [rightArm, leftArm] = arms(random.normal(0, 0.05));
  const resting = random.uniform(0, 0.4);
  const left = random.chance(0.5);
  const leg = (rests: boolean): Leg => ({
    swing: rests ? 0.6 * resting : random.normal(0, 0.03),
    spread: random.uniform(0.02, 0.16),
    knee: rests ? resting : random.uniform(0, 0.06),
  });
  return {
    lean: random.normal(0.02, 0.04),
    sway: random.normal(0, 0.04),
    twist: random.normal(0, 0.1),
    rightArm,
    leftArm,
    leftLeg: leg(left),
    rightLeg: leg(!left),
  };
}
