import { UsageError } from '../gpu/errors.js';
import type { Point } from '../pose/affine.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { shorten } from './annotations.js';

/**
 * A pose from JSON: an array of `[x, y]` or null in the order of the skeleton, or an object from joint names to `[x, y]` or
 * null. Pixels; −1 in either coordinate is a missing joint as in annotation tables, and so is a joint that an object leaves
 * out. `where` names the place for the `UsageError` about anything else.
 */
export function parsePose(json: unknown, where: string, skeleton: Skeleton): Pose {
  const { joints } = skeleton;
  if (Array.isArray(json)) {
    if (json.length !== joints.length)
      throw new UsageError(
        `${where} has ${json.length} joints, the skeleton "${skeleton.name}" has ${joints.length}: ${joints.join(', ')}`,
      );
    return json.map((p, i) => parsePoint(p, where, joints[i] as string));
  }
  if (typeof json !== 'object' || json === null)
    throw new UsageError(
      `${where} is no pose but ${shorten(JSON.stringify(json) ?? 'nothing')}; a pose is an array of ${joints.length} [x, y] or ` +
        'null, or an object from joint names to [x, y]',
    );
  const unknown = Object.keys(json).find((name) => !joints.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`${where} names the joint "${unknown}"; the skeleton has ${joints.join(', ')}`);
  const named = json as Record<string, unknown>;
  return joints.map((name) => parsePoint(named[name] ?? null, where, name));
}

function parsePoint(value: unknown, where: string, joint: string): Point | null {
  if (value === null) return null;
  const [x, y] = Array.isArray(value) && value.length === 2 ? value : [];
  if (x === -1 || y === -1) return null;
  if (![x, y].every((v) => typeof v === 'number' && Number.isFinite(v) && v >= 0))
    throw new UsageError(
      `${where} has ${JSON.stringify(value)} for ${joint}; [x, y] of 0 or more, or null, is possible`,
    );
  return [x, y];
}

/** A list of poses from JSON, for an animation. */
export function parsePoses(json: unknown, where: string, skeleton: Skeleton): Pose[] {
  if (!Array.isArray(json) || !json.length) throw new UsageError(`${where} is no list of poses`);
  return json.map((pose, i) => parsePose(pose, `${where}, pose ${i + 1}`, skeleton));
}
