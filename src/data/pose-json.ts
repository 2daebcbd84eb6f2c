import { UsageError } from '../gpu/errors.js';
import type { Point } from '../pose/affine.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { describe, fieldsOf } from './json.js';
import { READABLE } from './keypoint-layouts.js';
import { type DetectedPerson, type KeypointPicture, keypointPictures } from './keypoints.js';

export interface PoseOptions {
  /** The picture whose pose is wanted, if an estimator's file has the poses of several pictures. */
  readonly picture?: string;
  /** Called with notes on how the file was interpreted. */
  readonly onNote?: (text: string) => void;
}

/** A note on a pose, and where in a file the pose is. */
interface Note {
  readonly where: string;
  readonly text: string;
}

/**
 * Reads a pose in pixels from JSON: an array of `[x, y]` or null in the order of the skeleton, an object from joint names to `[x, y]`
 * or null, or the output of a pose estimator (`keypointPictures`). As in annotation tables, −1 in either coordinate is a missing
 * joint. A joint that an object does not list is also missing. For anything else, throws a `UsageError` that begins with `where`.
 */
export function parsePose(json: unknown, where: string, skeleton: Skeleton, options: PoseOptions = {}): Pose {
  const notes: Note[] = [];
  const pictures = keypointPictures(json, where);
  const pose = pictures
    ? detected(chosen(pictures, where, options.picture), where, skeleton, notes)
    : ownPose(json, where, skeleton);
  if (pictures && !pose.some(Boolean)) throw new UsageError(`${where} shows no person`);
  const checked = plausible(pose, where, skeleton, notes);
  report(notes, options);
  return checked;
}

/** Reads a list of poses from JSON, for an animation: our own poses, or the pictures in a pose estimator's file. */
export function parsePoses(json: unknown, where: string, skeleton: Skeleton, options: PoseOptions = {}): Pose[] {
  const notes: Note[] = [];
  const pictures = keypointPictures(json, where);
  if (!pictures && !(Array.isArray(json) && json.length)) throw new UsageError(`${where} is not a list of poses`);
  const list: readonly unknown[] = pictures ?? (json as unknown[]);
  const poses = list.map((entry, i) => {
    const which = `${where}, pose ${i + 1}`;
    const pose = pictures
      ? detected(entry as KeypointPicture, which, skeleton, notes)
      : ownPose(entry, which, skeleton);
    return plausible(pose, which, skeleton, notes);
  });
  if (pictures && !poses.some((pose) => pose.some(Boolean))) throw new UsageError(`${where} shows no person`);
  report(notes, options);
  return poses;
}

/** Reports every note once, with the first pose that it is about and the number of the others. */
function report(notes: readonly Note[], { onNote }: PoseOptions): void {
  for (const text of new Set(notes.map((note) => note.text))) {
    const [first, ...others] = notes.filter((note) => note.text === text);
    onNote?.(`${first?.where}${others.length ? ` and ${others.length} others` : ''}: ${text}`);
  }
}

function ownPose(json: unknown, where: string, skeleton: Skeleton): Pose {
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
      `${where} is not a pose but ${describe(json)}; a pose is an array of ${joints.length} [x, y] or null, or an object from ` +
        `joint names to [x, y]. These can be read too: ${READABLE}`,
    );
  const named = fieldsOf(json, where);
  const unknown = Object.keys(named).find((name) => !joints.includes(name));
  if (unknown !== undefined)
    throw new UsageError(
      `${where} names the joint ${describe(unknown)}; the skeleton has ${joints.join(', ')}. These can be read too: ${READABLE}`,
    );
  return joints.map((name) => parsePoint(Object.hasOwn(named, name) ? named[name] : null, where, name));
}

function parsePoint(value: unknown, where: string, joint: string): Point | null {
  if (value === null) return null;
  const [x, y] = Array.isArray(value) && value.length === 2 ? value : [];
  if (x === -1 || y === -1) return null;
  if (![x, y].every((v) => typeof v === 'number' && Number.isFinite(v) && v > -1))
    throw new UsageError(`${where} has ${describe(value)} for ${joint}; it must be [x, y] of 0 or more, or null`);
  // A joint less than a pixel beyond the border is moved onto it. `withinPicture` does this at the right and lower border.
  return [Math.max(0, x), Math.max(0, y)];
}

/** The wanted picture: the only one, or the one with the name `wanted`, with or without folder and extension. */
function chosen(pictures: readonly KeypointPicture[], where: string, wanted = ''): KeypointPicture {
  const [only = { people: [] }, ...others] = pictures;
  if (!others.length) return only;
  const stem = (name = '') => name.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '');
  const found =
    pictures.find(({ name }) => name === wanted) ?? pictures.find(({ name }) => name && stem(name) === stem(wanted));
  if (found) return found;
  const names = pictures.slice(0, 3).map(({ name }, i) => name ?? `number ${i + 1}`);
  throw new UsageError(
    `${where} has the poses of ${pictures.length} pictures (${names.join(', ')}${pictures.length > 3 ? ', …' : ''})` +
      `${wanted && `, none of them ${wanted}`}; give a file of one`,
  );
}

/** The pose of the person with the highest score in a picture, or a pose without joints if there is nobody. */
function detected({ people }: KeypointPicture, where: string, skeleton: Skeleton, notes: Note[]): Pose {
  const note = (text: string) => notes.push({ where, text });
  let best: DetectedPerson | undefined;
  for (const person of people) if (!best || person.score > best.score) best = person;
  if (!best) note('nobody was found in it');
  if (best && people.length > 1)
    note(
      `it has ${people.length} people; number ${people.indexOf(best) + 1} is taken, whose joints have the highest confidence`,
    );
  if (best?.neckAdded && skeleton.joints.includes('neck'))
    note('its keypoints have no neck; one was added between the shoulders');
  const { joints } = skeleton;
  if (best && !joints.some((name) => best?.joints.has(name)))
    throw new UsageError(
      `${where} has the keypoints of a person (${[...best.joints.keys()].join(', ')}); the skeleton "${skeleton.name}" has ` +
        `${joints.join(', ')}`,
    );
  return joints.map((name) => {
    const point = best?.joints.get(name) ?? null;
    return point && parsePoint(point, where, name);
  });
}

/** If no coordinate is above this, they are not pixels, as no person is that small. */
const NORMALISED = 2;

/** The pose without joints at 0, 0 that mean missing ones. Throws `UsageError` if it is not in pixels. */
function plausible(pose: Pose, where: string, skeleton: Skeleton, notes: Note[]): Pose {
  const found = withoutZeros(pose);
  const zeros = skeleton.joints.filter((_, i) => pose[i] && !found[i]);
  if (zeros.length) notes.push({ where, text: `${zeros.join(', ')} are at exactly 0, 0, and are taken as missing` });
  const values = found.flatMap((p) => p ?? []);
  if (values.length > 2 && values.every((v) => v <= NORMALISED) && !values.every(Number.isInteger))
    throw new UsageError(
      `${where} looks normalised: no coordinate is above ${Math.max(...values)}. Joints are in pixels; multiply x by the ` +
        'width and y by the height of the picture',
    );
  return found;
}

/** The pose with joints at exactly 0, 0 missing if there are several, as many tools write joints that they did not find there. */
export function withoutZeros(pose: Pose): Pose {
  const atZero = (p: Point | null) => p !== null && p[0] === 0 && p[1] === 0;
  return pose.filter(atZero).length > 1 ? pose.map((p) => (atZero(p) ? null : p)) : pose;
}
