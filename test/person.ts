import type { Point } from '../src/pose/affine.js';
import { PERSON, type Pose } from '../src/pose/skeleton.js';

const JOINTS: Readonly<Record<string, Point>> = {
  nose: [16, 8],
  neck: [16, 13],
  right_shoulder: [11, 14],
  right_elbow: [9, 22],
  right_wrist: [9, 30],
  left_shoulder: [21, 14],
  left_elbow: [23, 22],
  right_hip: [13, 32],
  right_knee: [13, 42],
  right_ankle: [13, 52],
  left_hip: [19, 32],
  left_knee: [19, 42],
  left_ankle: [19, 52],
  right_eye: [15, 7],
  left_eye: [17, 7],
};

/**
 * Returns a standing person in an image of 64×32 (height×width), without left wrist and ears. `changes` moves or
 * removes joints.
 */
export function standing(changes: Readonly<Record<string, Point | null>> = {}): Pose {
  const joints: Readonly<Record<string, Point | null>> = { ...JOINTS, ...changes };
  return PERSON.joints.map((name) => joints[name] ?? null);
}
