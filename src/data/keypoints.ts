import { UsageError } from '../gpu/errors.js';
import type { Point } from '../pose/affine.js';
import { describe, type Fields, isObject } from './json.js';
import { layoutOf, READABLE } from './keypoint-layouts.js';

/** A person in a pose estimator's file, with joints by our names, in pixels. */
export interface DetectedPerson {
  readonly joints: ReadonlyMap<string, Point>;
  /** The sum of the confidences of the joints. */
  readonly score: number;
  /** Whether the keypoints have no neck, and one was added between the shoulders. */
  readonly neckAdded: boolean;
}

/** A picture, or a frame of a film, and the people that were detected in it. */
export interface KeypointPicture {
  /** Its file name or number, if the file gives it. */
  readonly name?: string;
  readonly people: readonly DetectedPerson[];
}

/** Fields that hold the keypoints of one person. */
const KEYPOINTS = ['pose_keypoints_2d', 'pose_keypoints', 'keypoints', 'joints'];
/** Fields that hold the people of one picture. */
const PEOPLE = ['people', 'bodies', 'instances'];
/** Fields that hold people or pictures. */
const ENTRIES = ['annotations', 'predictions', 'instance_info'];
/** Fields of MediaPipe's results. */
const LANDMARKS = ['landmarks', 'poseLandmarks', 'pose_landmarks', 'worldLandmarks', 'poseWorldLandmarks'];

const fieldIn = (json: Fields, names: readonly string[], is: (value: unknown) => boolean) =>
  names.find((name) => Object.hasOwn(json, name) && is(json[name]));
const keypointsIn = (json: Fields) => fieldIn(json, KEYPOINTS, (v) => Array.isArray(v) || (isObject(v) && 'x' in v));
const listIn = (json: Fields) => fieldIn(json, [...PEOPLE, ...ENTRIES], Array.isArray);
const hasLandmarks = (json: Fields) =>
  ['x', 'y', 'z'].every((name) => typeof json[name] === 'number') ||
  fieldIn(json, LANDMARKS, Array.isArray) !== undefined;

/** Whether the values are documents by the names of their pictures, as AlphaPose writes them. */
const isByPicture = (json: Fields) => {
  const values = Object.values(json);
  return values.length > 0 && values.every((v) => isObject(v) && fieldIn(v, PEOPLE, Array.isArray) !== undefined);
};

/** Whether a value has the form of a pose estimator's file, not of our own poses. */
function isEstimatorFile(json: unknown): boolean {
  if (Array.isArray(json)) {
    const first = json[0] as unknown;
    return isEstimatorFile(Array.isArray(first) ? first.find(isObject) : first);
  }
  return isObject(json) && [keypointsIn, listIn, hasLandmarks, isByPicture].some((is) => Boolean(is(json)));
}

/**
 * The pictures in a file that a pose estimator wrote, in the order of the file, or `undefined` if `json` is not such a file. Throws a
 * `UsageError` that begins with `where` for content that cannot be used.
 */
export function keypointPictures(json: unknown, where: string): KeypointPicture[] | undefined {
  if (!isEstimatorFile(json)) return undefined;
  if (isObject(json) && !listIn(json) && isByPicture(json))
    return Object.entries(json).map(([name, v]) => ({ name, people: peopleOf(v, `${where}, ${describe(name)}`) }));
  const entries = isObject(json) ? (fieldIn(json, ENTRIES, Array.isArray) ?? '') : undefined;
  const list = Array.isArray(json) ? json : entries ? ((json as Fields)[entries] as unknown[]) : [json];
  return grouped(list, fileNames(json), where);
}

/** Groups entries by the picture that they name. People who name none are all in one picture; each list of people is a picture. */
function grouped(list: readonly unknown[], names: ReadonlyMap<unknown, string>, where: string): KeypointPicture[] {
  const pictures = new Map<unknown, { name?: string; people: DetectedPerson[] }>();
  for (const [i, entry] of list.entries()) {
    const id = isObject(entry) ? (entry.image_id ?? entry.frame_id) : undefined;
    const isPerson = isObject(entry) && keypointsIn(entry) !== undefined;
    // An entry that is a whole picture gets a key of its own
    const key = id ?? (isPerson ? undefined : {});
    const picture = pictures.get(key) ?? { name: names.get(id) ?? (id === undefined ? id : String(id)), people: [] };
    picture.people.push(...peopleOf(entry, list.length > 1 ? `${where}, entry ${i + 1}` : where));
    pictures.set(key, picture);
  }
  return [...pictures.values()];
}

/** The file names of pictures by their ids, in COCO's annotations. */
function fileNames(json: unknown): Map<unknown, string> {
  const images: readonly unknown[] = isObject(json) && Array.isArray(json.images) ? json.images : [];
  return new Map(
    images.flatMap((i) => (isObject(i) && typeof i.file_name === 'string' ? [[i.id, i.file_name] as const] : [])),
  );
}

/** The people of a document, or of a list of people, or the one person that the value describes. */
function peopleOf(json: unknown, where: string): DetectedPerson[] {
  if (Array.isArray(json)) return json.flatMap((v, i) => peopleOf(v, `${where}, person ${i + 1}`));
  if (!isObject(json)) throw new UsageError(`${where} is ${describe(json)} instead of a person’s keypoints`);
  if (hasLandmarks(json))
    throw new UsageError(
      `${where} has MediaPipe’s landmarks, which are fractions of the picture’s width and height. Multiply them by these, and ` +
        `write {"nose": [x, y], …} in pixels. These can be read directly: ${READABLE}`,
    );
  const field = keypointsIn(json);
  const list = listIn(json);
  if (field === undefined && list !== undefined) return peopleOf(json[list], where);
  if (field === undefined) throw new UsageError(`${where} has no keypoints; these can be read: ${READABLE}`);
  const value = json[field];
  // OpenPose writes this for a person of whom only hands or the face were found
  if (Array.isArray(value) && !value.length) return [];
  const found = personOf(keypointsOf(value, json, `${where}, ${field}`), `${where}, ${field}`);
  return found.joints.size ? [found] : [];
}

/** A keypoint: its name, if the file gives it, its position, and the estimator's confidence. */
interface Keypoint {
  readonly name?: string;
  readonly values: readonly [x: unknown, y: unknown, confidence: unknown];
}

/** The keypoints of a person, in any of the forms that files have. */
function keypointsOf(value: unknown, person: Fields, where: string): Keypoint[] {
  // Ultralytics writes a list per axis
  if (isObject(value)) {
    const { x, y, visible } = value;
    if (!Array.isArray(x) || !Array.isArray(y) || x.length !== y.length)
      throw new UsageError(`${where} must have as many x as y, found ${describe(x)} and ${describe(y)}`);
    return x.map((px, i) => ({ values: [px, y[i], Array.isArray(visible) ? visible[i] : undefined] }));
  }
  const list = value as readonly unknown[];
  // MMPose writes pairs, with the scores in another field; others write triples
  if (list.every((v) => Array.isArray(v))) {
    const scores = Array.isArray(person.keypoint_scores) ? person.keypoint_scores : [];
    const odd = list.find((v) => v.length < 2 || v.length > 3);
    if (odd) throw new UsageError(`${where} has ${describe(odd)}; [x, y] and [x, y, confidence] are possible`);
    return list.map(([x, y, confidence = undefined], i) => ({ values: [x, y, confidence ?? scores[i]] }));
  }
  // TensorFlow.js writes objects with a name, and the position in the object or in an inner one
  if (list.every(isObject))
    return list.map((p) => {
      const { x, y } = isObject(p.position) ? p.position : p;
      return { name: snakeCase(String(p.name ?? p.part ?? '')), values: [x, y, p.score] };
    });
  if (list.length % 3)
    throw new UsageError(`${where} has ${list.length} numbers, which are not triples x, y, confidence`);
  return Array.from({ length: list.length / 3 }, (_, i) => ({
    values: [list[3 * i], list[3 * i + 1], list[3 * i + 2]],
  }));
}

const snakeCase = (name: string) =>
  name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/[ -]/g, '_')
    .toLowerCase();

function personOf(keypoints: readonly Keypoint[], where: string): DetectedPerson {
  const named = keypoints.every(({ name }) => name);
  const layout = named ? keypoints.map(({ name = '' }) => name) : layoutOf(keypoints.length);
  if (!layout) throw new UsageError(`${where} has ${keypoints.length} keypoints; these can be read: ${READABLE}`);
  const joints = new Map<string, Point>();
  let score = 0;
  for (const [i, name] of layout.entries()) {
    const [x, y, confidence] = keypoints[i]?.values ?? [];
    if (!name || (x === null && y === null)) continue;
    const values = [x, y, confidence ?? 1];
    if (!values.every(Number.isFinite))
      throw new UsageError(`${where} has ${describe(values)} for ${name}; x, y and confidence must be numbers`);
    const [px, py, certainty] = values as [number, number, number];
    if (certainty <= 0 || (px === -1 && py === -1)) continue;
    joints.set(name, [px, py]);
    score += certainty;
  }
  const [right, left] = [joints.get('right_shoulder'), joints.get('left_shoulder')];
  if (layout.includes('neck') || !right || !left) return { joints, score, neckAdded: false };
  joints.set('neck', [(right[0] + left[0]) / 2, (right[1] + left[1]) / 2]);
  return { joints, score, neckAdded: true };
}
