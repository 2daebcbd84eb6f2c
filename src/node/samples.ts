import { drawPose } from '../data/draw.js';
import { blank, fromTensor, hstack, type Image, vstack } from '../data/image.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import type { Batch } from './loader.js';

/** The poses of a batch [N, J, 2] as points; −1 is missing. */
export function posesOf(joints: Float32Array, count: number): Pose[] {
  const n = joints.length / 2 / count;
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: count }, (_, j) => {
      const [x = -1, y = -1] = joints.subarray(2 * (i * count + j), 2 * (i * count + j) + 2);
      return x < 0 || y < 0 ? null : ([x, y] as const);
    }),
  );
}

/** A sheet with one row a pair: source | target pose | target | generated. `generated` is [N, H, W, 3] in [−1, 1]. */
export function sampleSheet(
  batch: Batch,
  generated: Float32Array,
  skeleton: Skeleton,
  height: number,
  width: number,
): Image {
  const size = height * width * 3;
  const rows = posesOf(batch.targetJoints, skeleton.joints.length).map((pose, i) => {
    const drawn = blank(width, height, [24, 24, 28]);
    drawPose(drawn, skeleton, pose);
    const picture = (values: Float32Array) => fromTensor(values, width, height, i * size);
    return hstack([picture(batch.source), drawn, picture(batch.target), picture(generated)], { gap: 2 });
  });
  return vstack(rows, { gap: 2 });
}
