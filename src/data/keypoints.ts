import { UsageError } from '../gpu/errors.js';
import type { Point } from '../pose/affine.js';
import { describe, type Fields, isObject } from './json.js';
import { layoutOf, READABLE } from './keypoint-layouts.js';

/** A person in a file of a pose estimator: joints by our names, in pixels. */
export interface Found {
  readonly joints: ReadonlyMap<string, Point>;
  /** The sum of the confidences of the joints. */
  readonly score: number;
  /** Whether the keypoints have no neck, so that it was put between the shoulders. */
  readonly neckMade: boolean;
}

/** A picture, or a frame of a film, and the people that were found in it. */
export interface KeypointPicture {
  /** Its file name or number, where the file tells it. */
  readonly name?: string;
  readonly people: readonly Found[];
}

/** Fields that hold the keypoints of one person. */
const KEYPOINTS = ['pose_keypoints_2d', 'pose_keypoints', 'keypoints', 'joints'];
/** Fields that hold the people of one picture, and fields that hold people or pictures. */
const PEOPLE = ['people', 'bodies', 'instances'];
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

/** Documents by the names of their pictures, as AlphaPose writes them. */
const isByPicture = (json: Fields) => {
  const values = Object.values(json);
  return values.length > 0 && values.every((v) => isObject(v) && fieldIn(v, PEOPLE, Array.isArray) !== undefined);
};

/** Whether a value is made as the files of pose estimators are, and not as poses of our own. */
function isForeign(json: unknown): boolean {
  if (Array.isArray(json)) {
    const first = json[0] as unknown;
    return isForeign(Array.isArray(first) ? first.find(isObject) : first);
  }
  return isObject(json) && [keypointsIn, listIn, hasLandmarks, isByPicture].some((is) => Boolean(is(json)));
}

/**
 * The pictures in a file that a pose estimator wrote, in the order of the file; nothing when `json` is not such a file. `where`
 * names the place for the `UsageError` about what is in it and cannot be used.
 */
export function keypointPictures(json: unknown, where: string): KeypointPicture[] | undefined {
  if (!isForeign(json)) return undefined;
  if (isObject(json) && !listIn(json) && isByPicture(json))
    return Object.entries(json).map(([name, v]) => ({ name, people: peopleOf(v, `${where}, ${describe(name)}`) }));
  const entries = isObject(json) ? (fieldIn(json, ENTRIES, Array.isArray) ?? '') : undefined;
  const list = Array.isArray(json) ? json : entries ? ((json as Fields)[entries] as unknown[]) : [json];
  return grouped(list, fileNames(json), where);
}

/** Entries of a list by the picture they name; people who name none are all in one picture, lists of people each in their own. */
function grouped(list: readonly unknown[], names: ReadonlyMap<unknown, string>, where: string): KeypointPicture[] {
  const pictures = new Map<unknown, { name?: string; people: Found[] }>();
  for (const [i, entry] of list.entries()) {
    const id = isObject(entry) ? (entry.image_id ?? entry.frame_id) : undefined;
    const isPerson = isObject(entry) && keypointsIn(entry) !== undefined;
    // A whole picture shares its key with no other entry
    const key = id ?? (isPerson ? undefined : {});
    const picture = pictures.get(key) ?? { name: names.get(id) ?? (id === undefined ? id : String(id)), people: [] };
    picture.people.push(...peopleOf(entry, list.length > 1 ? `${where}, entry ${i + 1}` : where));
    pictures.set(key, picture);
  }
  return [...pictures.values()];
}

/** File names of pictures by their ids, in COCO's annotations. */
function fileNames(json: unknown): Map<unknown, string> {
  const images: readonly unknown[] = isObject(json) && Array.isArray(json.images) ? json.images : [];
  return new Map(
    images.flatMap((i) => (isObject(i) && typeof i.file_name === 'string' ? [[i.id, i.file_name] as const] : [])),
  );
}

/** The people of a document, of a list of people, or the one that the value is. */
function peopleOf(json: unknown, where: string): Found[] {
  if (Array.isArray(json)) return json.flatMap((v, i) => peopleOf(v, `${where}, person ${i + 1}`));
  if (!isObject(json)) throw new UsageError(`${where} is ${describe(json)} in place of a person’s keypoints`);
  if (hasLandmarks(json))
    throw new UsageError(
      `${where} has MediaPipe’s landmarks, which are shares of the picture’s width and height. Multiply them, and write ` +
        `{"nose": [x, y], …} in pixels. Read as they are: ${READABLE}`,
    );
  const field = keypointsIn(json);
  const list = listIn(json);
  if (field === undefined && list !== undefined) return peopleOf(json[list], where);
  if (field === undefined) throw new UsageError(`${where} has no keypoints; read are ${READABLE}`);
  const value = json[field];
  // OpenPose's form of a person of whom only hands or the face were found
  if (Array.isArray(value) && !value.length) return [];
  const found = personOf(keypointsOf(value, json, `${where}, ${field}`), `${where}, ${field}`);
  return found.joints.size ? [found] : [];
}

/** A keypoint: its name, where the file gives it, its place, and how sure the estimator is. */
interface Keypoint {
  readonly name?: string;
  readonly values: readonly [x: unknown, y: unknown, confidence: unknown];
}

/** The keypoints of a person, in whatever form a file has them. */
function keypointsOf(value: unknown, person: Fields, where: string): Keypoint[] {
  // Ultralytics: a list an axis
  if (isObject(value)) {
    const { x, y, visible } = value;
    if (!Array.isArray(x) || !Array.isArray(y) || x.length !== y.length)
      throw new UsageError(`${where} must have as many x as y, found ${describe(x)} and ${describe(y)}`);
    return x.map((px, i) => ({ values: [px, y[i], Array.isArray(visible) ? visible[i] : undefined] }));
  }
  const list = value as readonly unknown[];
  // MMPose: pairs, and beside them the scores; others: triples
  if (list.every((v) => Array.isArray(v))) {
    const scores = Array.isArray(person.keypoint_scores) ? person.keypoint_scores : [];
    const odd = list.find((v) => v.length < 2 || v.length > 3);
    if (odd) throw new UsageError(`${where} has ${describe(odd)}; [x, y] and [x, y, confidence] are possible`);
    return list.map(([x, y, confidence = undefined], i) => ({ values: [x, y, confidence ?? scores[i]] }));
  }
  // TensorFlow.js: objects with a name, and the place in them or in an object of its own
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

function personOf(keypoints: readonly Keypoint[], where: string): Found {
  const named = keypoints.every(({ name }) => name);
  const layout = named ? keypoints.map(({ name = '' }) => name) : layoutOf(keypoints.length);
  if (!layout) throw new UsageError(`${where} has ${keypoints.length} keypoints; read are ${READABLE}`);
  const joints = new Map<string, Point>();
  let score = 0;
  for (const [i, name] of layout.entries()) {
    const [x, y, confidence] = keypoints[i]?.values ?? [];
    if (!name || (x === null && y === null)) continue;
    const values = [x, y, confidence ?? 1];
    if (!values.every(Number.isFinite))
      throw new UsageError(`${where} has ${describe(values)} for ${name}; x, y and confidence must be numbers`);
    const [px, py, sure] = values as [number, number, number];
    if (sure <= 0 || (px === -1 && py === -1)) continue;
    joints.set(name, [px, py]);
    score += sure;
  }
  const [right, left] = [joints.get('right_shoulder'), joints.get('left_shoulder')];
  if (layout.includes('neck') || !right || !left) return { joints, score, neckMade: false };
  joints.set('neck', [(right[0] + left[0]) / 2, (right[1] + left[1]) / 2]);
  return { joints, score, neckMade: true };
}
