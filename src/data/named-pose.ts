import { UsageError } from '../gpu/errors.js';
import { type Pose, resizePose, type Skeleton, trunkProblem } from '../pose/skeleton.js';

/** The size of a model's images and its skeleton. */
export interface ModelFrame {
  readonly height: number;
  readonly width: number;
  readonly skeleton: Skeleton;
}

/** A pose that the user named, in pixels of the image that it was made for. */
export interface NamedPose {
  /** A short name, for file names. */
  readonly label: string;
  /** Where it was read, for errors. */
  readonly where: string;
  readonly pose: Pose;
  /** The picture that shows it, if it was named by one. */
  readonly image?: string;
}

/** A row of an annotation table. If there is no such row, throws a `UsageError` that names some that exist. */
export function poseNamed(table: ReadonlyMap<string, Pose>, file: string, name: string): Pose {
  const pose = table.get(name);
  if (pose) return pose;
  const some = [...table.keys()].slice(0, 3).join(', ');
  throw new UsageError(
    `${file} has no row for ${name}, only for ${some}${table.size > 3 ? ` and ${table.size - 3} more` : ''}`,
  );
}

/**
 * A pose within its picture [height, width]. Joints less than a pixel beyond the centres of the outermost pixels, which estimators
 * give that measure from the picture's corner, are moved onto these centres. For joints further outside, throws a `UsageError` that
 * begins with `where`.
 */
export function withinPicture(
  pose: Pose,
  [height, width]: readonly [number, number],
  { joints }: Skeleton,
  where: string | (() => string),
  picture = 'the image',
): Pose {
  const outside = pose.findIndex((p) => p && !(p[0] > -1 && p[0] < width && p[1] > -1 && p[1] < height));
  if (outside >= 0)
    throw new UsageError(
      `${typeof where === 'string' ? where : where()}: ${joints[outside]} is at x ${pose[outside]?.[0]}, y ${pose[outside]?.[1]}, ` +
        `outside ${picture} of ${height}×${width} (height×width)`,
    );
  const within = (v: number, size: number) => Math.max(0, Math.min(size - 1, v));
  return pose.map((p) => p && [within(p[0], width), within(p[1], height)]);
}

/** Converts a pose from pixels of a picture of size `frame` to pixels of the model's images. Throws `UsageError` if a joint is outside. */
export function fitPose({ pose, where }: NamedPose, frame: readonly [number, number], model: ModelFrame): Pose {
  const inside = withinPicture(pose, frame, model.skeleton, where);
  const [height, width] = frame;
  if (height === model.height && width === model.width) return inside;
  return resizePose(inside, frame, [model.height, model.width]);
}

/** Throws `UsageError` if trunk joints are missing or too close together, because parts would have no size. */
export function checkTrunk({ pose, where }: NamedPose, skeleton: Skeleton): void {
  const problem = trunkProblem(skeleton, pose);
  if (problem) throw new UsageError(`${where} ${problem}. Choose another pose`);
}
