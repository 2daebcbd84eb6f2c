import { UsageError } from '../gpu/errors.js';
import { type Affine, fitAffine, fitSimilarity, NOWHERE, type Point, spread } from './affine.js';
import { type Box, jointFinder, jointValues, type Limb, type Part, type Pose, type Skeleton } from './skeleton.js';

/**
 * How parts and transforms are computed from two poses (paper, Section 3.2, and its released code). `rectangles` follows the
 * published description and masks the source. `keypoints` follows the released code and masks the target.
 */
export type GeometryKind = 'rectangles' | 'keypoints';

/** A convex region: four corners in order, `all` of the image, or `none` of it. The border belongs to the region. */
export type Region = readonly [Point, Point, Point, Point] | 'all' | 'none';

/** One part of a pair of poses: the map to the source of every target pixel, and the region that limits it. */
export interface PartTransform {
  /** Target → source, in pixels of the full-resolution images; `NOWHERE` if the part has no source or no target. */
  readonly affine: Affine;
  readonly mask: Region;
}

type Finder = (name: string) => Point | undefined;

/** A pose: its joints by name, and its size in pixels, from which parts get their widths. */
interface Body {
  readonly find: Finder;
  readonly size: number;
}

const distance = (a: Point, b: Point) => Math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2);
const minus = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1]];
const plus = (a: Point, b: Point, k = 1): Point => [a[0] + k * b[0], a[1] + k * b[1]];

/** Transforms and masks of all parts for a source and a target pose, in the order of the skeleton. */
export function partTransforms(kind: GeometryKind, skeleton: Skeleton, source: Pose, target: Pose): PartTransform[] {
  const [transform, sizeOf] = kind === 'rectangles' ? [byRectangles, limbWidth] : [byKeypoints, bodyScale];
  const body = (name: string, pose: Pose): Body => {
    const find = jointFinder(skeleton, pose);
    const missing = skeleton.trunk.joints.filter((j) => !find(j));
    if (missing.length)
      throw new UsageError(`the ${name} pose has no ${missing.join(', ')}; without them parts have no size`);
    return { find, size: sizeOf(skeleton, find) };
  };
  const [a, b] = [body('source', source), body('target', target)];
  return skeleton.parts.map((part) => transform(skeleton, part, a, b));
}

const absent: PartTransform = { affine: NOWHERE, mask: 'none' };

// ---- rectangles: the published description -------------------------------------------------------------------------

/** One third of the mean trunk diagonal. */
function limbWidth(skeleton: Skeleton, find: Finder): number {
  const lengths = skeleton.trunk.diagonals.map(([p, q]) => distance(find(p) as Point, find(q) as Point));
  return lengths.reduce((s, l) => s + l, 0) / lengths.length / 3;
}

/** The corners of a part in one image, in the same order in all images, or `undefined` if the part is missing. */
function rectangle(
  skeleton: Skeleton,
  part: Part,
  { find, size: w }: Body,
): readonly [Point, Point, Point, Point] | undefined {
  if (part.kind === 'limb') {
    const from = find(part.from);
    const to = find(part.to);
    return from && to && limbRectangle(from, to, w);
  }
  if (part.kind === 'box' && !part.joints.some((j) => find(j))) return undefined;
  const names = part.kind === 'box' ? [...part.joints, ...(part.with ?? [])] : skeleton.trunk.joints;
  const points = names.map(find).filter((p) => p !== undefined);
  const side = (k: 0 | 1): [number, number] => {
    const low = Math.min(...points.map((p) => p[k]));
    const high = Math.max(...points.map((p) => p[k]));
    const grow = Math.max(0, w - (high - low)) / 2;
    return [low - grow, high + grow];
  };
  const [left, right] = side(0);
  const [top, bottom] = side(1);
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
}

/**
 * The corners from + v, from − v, to − v, to + v, where v is perpendicular to the axis and half the width long. An axis shorter
 * than one pixel is lengthened to one pixel.
 */
function limbRectangle(from: Point, to: Point, width: number): readonly [Point, Point, Point, Point] {
  const length = distance(from, to);
  const unit: Point = length > 0 ? [(to[0] - from[0]) / length, (to[1] - from[1]) / length] : [0, 1];
  const end = length >= 1 ? to : plus(from, unit);
  const v: Point = [(-unit[1] * width) / 2, (unit[0] * width) / 2];
  return [plus(from, v), minus(from, v), minus(end, v), plus(end, v)];
}

function byRectangles(skeleton: Skeleton, part: Part, a: Body, b: Body): PartTransform {
  const source = rectangle(skeleton, part, a) ?? ofMirrorLimb(skeleton, part, (p) => rectangle(skeleton, p, a));
  const target = rectangle(skeleton, part, b);
  return source && target ? { affine: fitAffine(target, source), mask: source } : absent;
}

/** What `of` gives for the mirror limb of a limb in the same image, not reflected. */
function ofMirrorLimb<T>(skeleton: Skeleton, part: Part, of: (part: Limb) => T | undefined): T | undefined {
  const other = part.kind === 'limb' && skeleton.parts.find((p) => p.name === part.mirror);
  return other && other.kind === 'limb' ? of(other) : undefined;
}

// ---- keypoints: the released code ----------------------------------------------------------------------------------

/** Root mean square of the trunk sides. */
function bodyScale(skeleton: Skeleton, find: Finder): number {
  const squares = skeleton.trunk.sides.map(([p, q]) => distance(find(p) as Point, find(q) as Point) ** 2);
  return Math.sqrt(squares.reduce((s, l) => s + l, 0) / squares.length);
}

/** The quadrilateral around a limb: 0.1 of its length beyond the near end, `extend` beyond the far end, and 0.2 of the scale to each side. */
function limbQuad(from: Point, to: Point, extend: number, scale: number): readonly [Point, Point, Point, Point] {
  const near = plus(from, minus(from, to), 0.1);
  const far = plus(to, minus(to, near), extend);
  const length = distance(near, far);
  const unit: Point = length > 0 ? [(far[0] - near[0]) / length, (far[1] - near[1]) / length] : [0, 1];
  const end = length > 0 ? far : plus(near, unit);
  const v: Point = [-unit[1] * 0.2 * scale, unit[0] * 0.2 * scale];
  return [plus(near, v), minus(near, v), minus(end, v), plus(end, v)];
}

/** A least-squares fit, or a similarity if the points are nearly on a line or the fit would shrink or enlarge areas more than 25 times. */
function robustFit(from: readonly Point[], to: readonly Point[]): Affine {
  if (spread(from) < 0.05) return fitSimilarity(from, to);
  const affine = fitAffine(from, to);
  const det = Math.abs(affine[0] * affine[4] - affine[1] * affine[3]);
  return det >= 1 / 25 && det <= 25 ? affine : fitSimilarity(from, to);
}

/** The map that takes these joints of the target to those of the source. */
function fitJoints(joints: readonly string[], a: Body, b: Body): Affine {
  const points = ({ find }: Body) => joints.map((j) => find(j) as Point);
  return robustFit(points(b), points(a));
}

function byKeypoints(skeleton: Skeleton, part: Part, a: Body, b: Body): PartTransform {
  if (part.kind === 'trunk') return { affine: fitJoints(skeleton.trunk.joints, a, b), mask: 'all' };
  return part.kind === 'box' ? boxByKeypoints(part, a, b) : limbByKeypoints(skeleton, part, a, b);
}

function boxByKeypoints(part: Box, a: Body, b: Body): PartTransform {
  const present = part.joints.map(b.find).filter((p) => p !== undefined);
  if (!present.length) return absent;
  const r = Math.trunc(0.4 * b.size);
  const centre = (k: 0 | 1) => Math.trunc(present.reduce((s, p) => s + p[k], 0) / present.length);
  const [x, y] = [centre(0), centre(1)];
  // Rows and columns [c − r, c + r). The pixel centres of every grid are multiples of one half, so r − 0.25 excludes just c + r.
  const [low, high] = [-r, r - 0.25];
  const mask: Region =
    r > 0
      ? [
          [x + low, y + low],
          [x + high, y + low],
          [x + high, y + high],
          [x + low, y + high],
        ]
      : 'none';
  const inBoth = (j: string) => a.find(j) && b.find(j);
  const common = part.joints.filter(inBoth);
  if (!common.length) return { affine: NOWHERE, mask };
  return { affine: fitJoints([...common, ...(part.anchors ?? []).filter(inBoth)], a, b), mask };
}

function limbByKeypoints(skeleton: Skeleton, part: Limb, a: Body, b: Body): PartTransform {
  const quad = (p: Limb, { find, size }: Body, extend: number) => {
    const from = find(p.from);
    const to = find(p.to);
    return from && to && limbQuad(from, to, extend, size);
  };
  const target = quad(part, b, part.extend ?? 0.1);
  const mask = quad(part, b, part.extendMask ?? part.extend ?? 0.1);
  if (!target || !mask) return absent;
  const source =
    quad(part, a, part.extend ?? 0.1) ?? ofMirrorLimb(skeleton, part, (p) => quad(p, a, part.extend ?? 0.1));
  return { affine: source ? fitAffine(target, source) : NOWHERE, mask };
}

// ---- masks ---------------------------------------------------------------------------------------------------------

/**
 * A region as four half-planes (a, b, c), 12 numbers as the GPU takes them. A point is inside if a·x + b·y + c ≥ 0 for all four.
 * Masks use ≥ −0.001, so that rounding loses no pixel whose centre lies on the border.
 */
export function halfPlanes(region: Region): number[] {
  if (region === 'all') return [0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1];
  if (region === 'none') return [0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1];
  const next = (i: number) => region[(i + 1) % 4] as Point;
  const area = region.reduce((s, p, i) => s + p[0] * next(i)[1] - next(i)[0] * p[1], 0);
  const sign = area >= 0 ? 1 : -1;
  const planes: number[] = [];
  for (const [i, [x, y]] of region.entries()) {
    const dx = sign * (next(i)[0] - x);
    const dy = sign * (next(i)[1] - y);
    planes.push(-dy, dx, dy * x - dx * y);
  }
  return planes;
}

/** The mask of a region on a grid `s` times coarser than H×W, row-major: 1 where a pixel's centre lies in the region. */
export function rasterise(region: Region, height: number, width: number, s = 1): Uint8Array {
  const planes = halfPlanes(region);
  const [rows, columns] = [Math.floor(height / s), Math.floor(width / s)];
  const mask = new Uint8Array(rows * columns);
  const inside = (x: number, y: number) =>
    [0, 3, 6, 9].every(
      (k) => (planes[k] as number) * x + (planes[k + 1] as number) * y + (planes[k + 2] as number) >= -1e-3,
    );
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) mask[i * columns + j] = inside(s * j + (s - 1) / 2, s * i + (s - 1) / 2) ? 1 : 0;
  return mask;
}

/** The poses of N pairs as the GPU takes them, with J joints and P parts. */
export interface PoseTensors {
  /** f32 [N, J, 2]: x, y in pixels; −1, −1 where a joint is missing. */
  readonly sourceJoints: Float32Array;
  readonly targetJoints: Float32Array;
  /** f32 [N, P, 6]: target → source in pixels of the full resolution. */
  readonly affine: Float32Array;
  /** f32 [N, P, 12]: the part masks as four half-planes each. */
  readonly planes: Float32Array;
}

/** Computes the joints, transforms and masks of pairs of poses. Throws `UsageError` if a trunk joint is missing. */
export function poseTensors(
  kind: GeometryKind,
  skeleton: Skeleton,
  pairs: readonly (readonly [source: Pose, target: Pose])[],
): PoseTensors {
  const parts = pairs.flatMap(([source, target]) => partTransforms(kind, skeleton, source, target));
  return {
    sourceJoints: concatenated(pairs.map(([source]) => jointValues(source))),
    targetJoints: concatenated(pairs.map(([, target]) => jointValues(target))),
    affine: concatenated(parts.map((p) => p.affine)),
    planes: concatenated(parts.map((p) => halfPlanes(p.mask))),
  };
}

/** Lists of equal length, one after another. */
function concatenated(lists: readonly (readonly number[])[]): Float32Array {
  const length = lists[0]?.length ?? 0;
  const all = new Float32Array(length * lists.length);
  for (const [i, list] of lists.entries()) all.set(list, i * length);
  return all;
}
