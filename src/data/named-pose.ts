import { UsageError } from '../gpu/errors.js';
import type { ModelFrame } from '../model/pairs.js';
import { jointFinder, type Pose, resizePose, type Skeleton } from '../pose/skeleton.js';

/** A pose that somebody named, in pixels of the image it was made for. */
export interface NamedPose {
  /** Short, for file names. */
  readonly label: string;
  /** Where it stands, for errors. */
  readonly where: string;
  readonly pose: Pose;
  /** The picture that shows it, when it was named by one. */
  readonly image?: string;
}

/** A row of an annotation table; the `UsageError` names the rows there are. */
export function poseNamed(table: ReadonlyMap<string, Pose>, file: string, name: string): Pose {
  const pose = table.get(name);
  if (pose) return pose;
  const some = [...table.keys()].slice(0, 3).join(', ');
  throw new UsageError(
    `${file} has no row for ${name}, only for ${some}${table.size > 3 ? ` and ${table.size - 3} more` : ''}`,
  );
}

/** A pose from a picture of size `frame` in pixels of the model's. `UsageError` when a joint is outside the picture. */
export function fitPose(named: NamedPose, frame: readonly [number, number], model: ModelFrame): Pose {
  const [height, width] = frame;
  const { pose, where } = named;
  const outside = pose.findIndex((p) => p && (p[0] > width - 1 || p[1] > height - 1));
  if (outside >= 0)
    throw new UsageError(
      `${where}: ${model.skeleton.joints[outside]} is at x ${pose[outside]?.[0]}, y ${pose[outside]?.[1]}, ` +
        `outside the image of ${height}×${width} (height×width)`,
    );
  if (height === model.height && width === model.width) return pose;
  return resizePose(pose, frame, [model.height, model.width]);
}

/** `UsageError` when a joint is missing without which parts have no size. */
export function checkTrunk({ pose, where }: NamedPose, skeleton: Skeleton): void {
  const find = jointFinder(skeleton, pose);
  const missing = skeleton.trunk.joints.filter((j) => !find(j));
  if (missing.length)
    throw new UsageError(`${where} has no ${missing.join(', ')}; without them parts have no size. Choose another pose`);
}
