import { UsageError } from '../gpu/errors.js';
import type { Point } from './affine.js';
import { jointFinder, type Limb, type Pose, type Skeleton } from './skeleton.js';

/**
 * Fills in missing joints of a sequence. A joint that is missing in some frames is interpolated linearly in time between the nearest
 * frames that have it, and before the first and after the last of these it keeps its position. A joint that no frame has stays missing.
 */
export function fillMissing(poses: readonly Pose[]): Pose[] {
  const joints = poses[0]?.length ?? 0;
  const filled: (Point | null)[][] = poses.map((pose) => [...pose]);
  for (let j = 0; j < joints; j++) {
    const seen = poses.flatMap((pose, t) => (pose[j] ? [t] : []));
    if (!seen.length) continue;
    for (const [t, pose] of filled.entries()) {
      if (pose[j]) continue;
      const before = seen.findLast((s) => s < t);
      const after = seen.find((s) => s > t);
      const from = before ?? (after as number);
      const to = after ?? from;
      const [a, b] = [poses[from]?.[j] as Point, poses[to]?.[j] as Point];
      const k = to > from ? (t - from) / (to - from) : 0;
      pose[j] = [a[0] + k * (b[0] - a[0]), a[1] + k * (b[1] - a[1])];
    }
  }
  return filled;
}

/** In radians: the largest swing of thighs and upper arms, the bend of a knee while its leg comes forward, and that of the elbows. */
const THIGH = 0.5;
const KNEE = 0.8;
const ARM = 0.4;
const ELBOW = 0.35;
/** How far the body sinks, twice a cycle, as a fraction of the trunk's length. */
const BOB = 0.03;

/**
 * One cycle of walking on the spot, in `frames` frames. The limbs keep the lengths that they have in `pose` and swing from its trunk,
 * the two sides half a cycle apart and the arms opposite to the legs. A missing limb gets the length of its mirror limb, and if that is
 * missing too, it stays missing. Joints are kept within the image. Throws `UsageError` for a skeleton without limbs at its trunk sides.
 */
export function walk(skeleton: Skeleton, pose: Pose, frames: number, size: { height: number; width: number }): Pose[] {
  const find = jointFinder(skeleton, pose);
  const sides = skeleton.trunk.sides.map(([low, high]) => ({ low, high }));
  const limbs = skeleton.parts.filter((p) => p.kind === 'limb');
  const chains = sides.flatMap(({ low, high }, side) => [
    ...chain(limbs, low).map((limb, depth) => ({ limb, depth, side, leg: true })),
    ...chain(limbs, high).map((limb, depth) => ({ limb, depth, side, leg: false })),
  ]);
  if (!chains.length)
    throw new UsageError(
      `the skeleton "${skeleton.name}" has no limbs at its trunk, so it cannot walk; give --sequence a file`,
    );
  const middle = (names: readonly string[]): Point => {
    const points = names.map(find).filter((p) => p !== undefined);
    const sum = points.reduce(([x, y], p) => [x + p[0], y + p[1]], [0, 0] as Point);
    return [sum[0] / points.length, sum[1] / points.length];
  };
  const [top, bottom] = [middle(sides.map((s) => s.high)), middle(sides.map((s) => s.low))];
  const trunk = Math.hypot(bottom[0] - top[0], bottom[1] - top[1]);
  if (!(trunk > 0)) throw new UsageError('the trunk of the pose has length 0, so it cannot walk');
  const down: Point = [(bottom[0] - top[0]) / trunk, (bottom[1] - top[1]) / trunk];
  const length = (limb: Limb): number | undefined => {
    for (const l of [limb, limbs.find((other) => other.name === limb.mirror)]) {
      const [from, to] = [l && find(l.from), l && find(l.to)];
      if (from && to) return Math.hypot(to[0] - from[0], to[1] - from[1]);
    }
    return undefined;
  };
  const index = new Map(skeleton.joints.map((name, i) => [name, i]));
  const inside = (p: Point): Point => [clamp(p[0], size.width - 1), clamp(p[1], size.height - 1)];
  return Array.from({ length: frames }, (_, t) => {
    const phase = (2 * Math.PI * t) / frames;
    const sink = BOB * trunk * (1 - Math.cos(2 * phase)) * 0.5;
    const joints: (Point | null)[] = pose.map((p) => p && [p[0] + sink * down[0], p[1] + sink * down[1]]);
    for (const { limb, depth, side, leg } of chains) {
      const from = joints[index.get(limb.from) as number];
      const l = length(limb);
      const angle = swing(phase + side * Math.PI, depth, leg);
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      joints[index.get(limb.to) as number] =
        from && l !== undefined
          ? [from[0] + l * (c * down[0] + s * down[1]), from[1] + l * (c * down[1] - s * down[0])]
          : null;
    }
    return joints.map((p) => p && inside(p));
  });
}

/** The angle of a limb from straight down at a phase of the cycle; forward is positive. */
function swing(phase: number, depth: number, leg: boolean): number {
  if (leg) return THIGH * Math.sin(phase) - (depth > 0 ? KNEE * Math.max(0, Math.cos(phase)) : 0);
  return -ARM * Math.sin(phase) + (depth > 0 ? ELBOW : 0);
}

/** The limbs that follow each other from a joint, such as thigh and shin from a hip. */
function chain(limbs: readonly Limb[], joint: string): Limb[] {
  const first = limbs.find((l) => l.from === joint);
  return first
    ? [
        first,
        ...chain(
          limbs.filter((l) => l !== first),
          first.to,
        ),
      ]
    : [];
}

const clamp = (v: number, high: number) => Math.max(0, Math.min(high, v));
