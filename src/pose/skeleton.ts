import person from '../../skeletons/person.json' with { type: 'json' };
import {
  brief,
  checked,
  type Kind,
  type Kinds,
  listOf,
  NUMBER,
  OBJECT,
  problemOf,
  STRING,
  shown,
} from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import type { Point } from './affine.js';

/** A part that is a rectangle along the segment between two joints. */
export interface Limb {
  readonly name: string;
  readonly kind: 'limb';
  readonly from: string;
  readonly to: string;
  /** The limb of the other side, which is used if this one is missing in the source. */
  readonly mirror?: string;
  /** `keypoints` geometry: how far the transform's quadrilateral extends beyond the far end, as a fraction of the length; default 0.1. */
  readonly extend?: number;
  /** The same for the mask; default `extend`. */
  readonly extendMask?: number;
}

/** A part that is an axis-aligned box around joints. It is missing if none of `joints` is present. */
export interface Box {
  readonly name: string;
  readonly kind: 'box';
  readonly joints: readonly string[];
  /** Joints that the box also encloses, but that alone do not make it present. */
  readonly with?: readonly string[];
  /** `keypoints` geometry: joints that help to fit the transform. */
  readonly anchors?: readonly string[];
}

/** The part around the trunk joints, which every valid image has. */
interface Trunk {
  readonly name: string;
  readonly kind: 'trunk';
}

export type Part = Limb | Box | Trunk;

/** An articulated object: its joints, and the parts that are rigid enough to be warped one by one (paper, Section 3.2). */
export interface Skeleton {
  readonly name: string;
  readonly joints: readonly string[];
  /** Pairs of joints that a horizontal flip exchanges; optional in a file. */
  readonly mirror: readonly (readonly [string, string])[];
  readonly trunk: {
    /** Joints that every valid image has. */
    readonly joints: readonly string[];
    /** Segments whose mean length is three times the width of a limb. */
    readonly diagonals: readonly (readonly [string, string])[];
    /** Segments whose root mean square length is the scale of the `keypoints` geometry. */
    readonly sides: readonly (readonly [string, string])[];
  };
  /** Segments around which the mask of mask-SSIM is drawn (spec §7); default: limbs and trunk. */
  readonly outline?: readonly (readonly [string, string])[];
  readonly parts: readonly Part[];
}

/** The kind of an argument that is a checked skeleton. */
export const SKELETON: Kind = [
  'a skeleton, as of parseSkeleton',
  (v) => OBJECT[1](v) && Array.isArray((v as Skeleton).parts) && Array.isArray((v as Skeleton).joints),
];

/** The joints of one image, in the order of the skeleton; `null` where one is missing. */
export type Pose = readonly (Point | null)[];

/** Far more joints than any skeleton has; each is a channel of the network. */
const MAX_JOINTS = 256;
const NAMES = /* @__PURE__ */ listOf(STRING);
/** Lists of pairs of joints, which are checked one by one before. */
const PAIRS = /* @__PURE__ */ listOf(NAMES);
const SKELETON_FILE: Kinds = {
  name: STRING,
  joints: NAMES,
  'mirror?': PAIRS,
  trunk: { joints: NAMES, diagonals: PAIRS, sides: PAIRS },
  'outline?': PAIRS,
  parts: /* @__PURE__ */ listOf(OBJECT),
};
const PARTS: Readonly<Record<Part['kind'], Kinds>> = {
  limb: {
    ...{ name: STRING, kind: STRING, from: STRING, to: STRING },
    ...{ 'mirror?': STRING, 'extend?': NUMBER, 'extendMask?': NUMBER },
  },
  box: { name: STRING, kind: STRING, joints: NAMES, 'with?': NAMES, 'anchors?': NAMES },
  trunk: { name: STRING, kind: STRING },
};

/** The kind of an argument that is a pose. `checkPose` checks its joints, because only the skeleton knows their names. */
export const POSE: Kind = ['a list of joints', Array.isArray];

/** Any value: `parseSkeleton` checks it field by field, so that its errors can name the file. */
const PARSED: Kind = ['parsed JSON', () => true];

/** The person of the paper, with 18 joints and ten parts. */
export const PERSON: Skeleton = parseSkeleton(person, 'skeletons/person.json');

/** Checks a skeleton read from a JSON file. Throws `UsageError` that names the file and the wrong field. */
export function parseSkeleton(...args: [json: unknown, file: string]): Skeleton {
  const [json, file] = checked('parseSkeleton', { json: PARSED, file: STRING }, args);
  const fail = (what: string) => new UsageError(`${file} is not a skeleton: ${what}`);
  const s = json as Skeleton;
  if (!s || !Array.isArray(s.joints) || !Array.isArray(s.parts) || !s.trunk)
    throw fail(`it needs "joints", "mirror", "trunk" and "parts", found ${shown(json)}`);
  if (typeof s.name !== 'string' || !s.name) throw fail('it needs a "name"');
  if (s.joints.length > MAX_JOINTS) throw fail(`"joints" has ${s.joints.length}; ${MAX_JOINTS} are possible`);
  if (s.parts.length < 1 || s.parts.length > 31) throw fail(`it has ${s.parts.length} parts; 1 to 31 are possible`);
  for (const [i, part] of s.parts.entries()) {
    const problem = problemOf(`"parts[${i}]"`, OBJECT, part);
    if (problem) throw fail(problem);
  }
  const known = new Set(s.joints);
  if (known.size !== s.joints.length) throw fail('a joint is listed twice');
  const joints = (where: string, names: unknown, min = 0) => {
    if (names === undefined && !min) return;
    if (!Array.isArray(names) || names.length < min) throw fail(`${where} must be a list of joints`);
    for (const n of names)
      if (!known.has(n)) throw fail(`${where} names the joint ${brief(n)}, which is not in "joints"`);
  };
  const pairs = (where: string, list: unknown, min = 0) => {
    if (list === undefined && !min) return;
    if (!Array.isArray(list) || list.length < min || list.some((p) => !Array.isArray(p) || p.length !== 2))
      throw fail(`${where} must be a list of pairs of joints`);
    for (const pair of list) joints(where, pair);
  };
  pairs('"mirror"', s.mirror);
  pairs('"outline"', s.outline);
  joints('"trunk.joints"', s.trunk.joints, 1);
  pairs('"trunk.diagonals"', s.trunk.diagonals, 1);
  pairs('"trunk.sides"', s.trunk.sides, 1);
  // Their lengths give parts their sizes, so their joints must be present in every valid image.
  for (const n of [...s.trunk.diagonals, ...s.trunk.sides].flat())
    if (!s.trunk.joints.includes(n)) throw fail(`"trunk" measures from ${brief(n)}, which is not in "trunk.joints"`);
  if (new Set(s.parts.map((p) => p.name)).size !== s.parts.length) throw fail('two parts have one name');
  for (const part of s.parts) {
    if (part.kind === 'limb') {
      joints(`part ${brief(part.name)}`, [part.from, part.to]);
      const other = part.mirror === undefined ? part : s.parts.find((p) => p.name === part.mirror);
      if (other?.kind !== 'limb')
        throw fail(`part ${brief(part.name)} has the mirror ${brief(part.mirror)}, which is not a limb`);
    } else if (part.kind === 'box') {
      joints(`part ${brief(part.name)}`, part.joints, 1);
      joints(`"with" of part ${brief(part.name)}`, part.with);
      joints(`"anchors" of part ${brief(part.name)}`, part.anchors);
    } else if (part.kind !== 'trunk')
      throw fail(`part ${brief((part as Part).name)} must be of kind limb, box or trunk`);
    const problem = problemOf(`part ${brief(part.name)}`, PARTS[(part as Part).kind], part);
    if (problem) throw fail(problem);
  }
  const problem = problemOf('it', SKELETON_FILE, s);
  if (problem) throw fail(problem);
  return { ...s, mirror: s.mirror ?? [] };
}

/** Joint indices by name, cached because every batch of a training run looks up hundreds of them. */
const indices = /* @__PURE__ */ new WeakMap<Skeleton, ReadonlyMap<string, number>>();

/** Throws `UsageError` unless a pose lists every joint of the skeleton, each finite or null. The error names the joint. */
function checkPose({ name, joints }: Skeleton, pose: Pose): void {
  if (!Array.isArray(pose) || pose.length !== joints.length)
    throw new UsageError(
      `a pose of ${name} is a list of ${joints.length} joints, got ${Array.isArray(pose) ? pose.length : shown(pose)}`,
    );
  for (const [i, p] of pose.entries())
    if (p && !(p.length === 2 && Number.isFinite(p[0]) && Number.isFinite(p[1])))
      throw new UsageError(
        `${joints[i]} must be two finite numbers, x and y, or null where it is missing; got ${shown(p)}`,
      );
}

/** A function that looks up the joints of a pose by name. */
export function jointFinder(skeleton: Skeleton, pose: Pose): (name: string) => Point | undefined {
  checkPose(skeleton, pose);
  let index = indices.get(skeleton);
  if (!index) {
    index = new Map(skeleton.joints.map((n, i) => [n, i]));
    indices.set(skeleton, index);
  }
  const indexOf = index;
  return (name) => pose[indexOf.get(name) as number] ?? undefined;
}

/** The shortest trunk, in pixels, that gives parts a size. */
const MIN_TRUNK = 2;

/** Why the trunk of a pose gives its parts no size, or `undefined` if it does. */
export function trunkProblem(skeleton: Skeleton, pose: Pose): string | undefined {
  const find = jointFinder(skeleton, pose);
  const { joints, diagonals, sides } = skeleton.trunk;
  const missing = joints.filter((j) => !find(j));
  if (missing.length) return `has no ${missing.join(', ')}; without them parts have no size`;
  const length = ([p, q]: readonly [string, string]) => {
    const [a, b] = [find(p) as Point, find(q) as Point];
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  };
  const longest = (segments: Skeleton['trunk']['sides']) => Math.max(...segments.map(length));
  const size = Math.min(longest(diagonals), longest(sides));
  if (size >= MIN_TRUNK) return undefined;
  return `has a trunk (${joints.join(', ')}) of ${size.toFixed(1)} pixels; under ${MIN_TRUNK} parts have no size`;
}

/** Whether all trunk joints are present, without which an image cannot be used for training. */
export function isValid(skeleton: Skeleton, pose: Pose): boolean {
  const find = jointFinder(skeleton, pose);
  return skeleton.trunk.joints.every((n) => find(n) !== undefined);
}

/** The pose in the mirrored image: x → width − 1 − x, with the joints of the two sides exchanged. */
export function flipPose(skeleton: Skeleton, pose: Pose, width: number): Pose {
  checkPose(skeleton, pose);
  const index = new Map(skeleton.joints.map((n, i) => [n, i]));
  const flipped: (Point | null)[] = pose.map((p) => p && [width - 1 - p[0], p[1]]);
  for (const [a, b] of skeleton.mirror) {
    const i = index.get(a) as number;
    const j = index.get(b) as number;
    [flipped[i], flipped[j]] = [flipped[j] ?? null, flipped[i] ?? null];
  }
  return flipped;
}

/** The pose in a resized image. Pixel centres are integers, so edges, not centres, map to each other. */
export function resizePose(
  pose: Pose,
  from: readonly [height: number, width: number],
  to: readonly [height: number, width: number],
): Pose {
  const scaled = (v: number, k: 0 | 1) => Math.max(0, Math.min(to[k] - 1, ((v + 0.5) * to[k]) / from[k] - 0.5));
  return pose.map((p) => p && [scaled(p[0], 1), scaled(p[1], 0)]);
}

/** Joints as the GPU takes them: [J, 2], x before y, −1 for a missing joint. */
export function jointValues(pose: Pose): number[] {
  return pose.flatMap((p) => (p ? [p[0], p[1]] : [-1, -1]));
}

/** The inverse of `jointValues` for the poses of a batch [N, J, 2], where J is `count`. */
export function posesOf(joints: Float32Array, count: number): Pose[] {
  const n = joints.length / 2 / count;
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: count }, (_, j) => {
      const [x = -1, y = -1] = joints.subarray(2 * (i * count + j), 2 * (i * count + j) + 2);
      return x < 0 || y < 0 ? null : ([x, y] as const);
    }),
  );
}
