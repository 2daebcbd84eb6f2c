import { type Pose, posesOf, type Skeleton } from '../pose/skeleton.js';
import type { Batch } from './batches.js';
import { drawPose } from './draw.js';
import { blank, fromTensor, hstack, type Image, vstack } from './image.js';

/** The gap between the pictures of a sheet in pixels. */
export const SHEET_GAP = 2;

/** The source, the target pose, the target if there is one, and the generated picture, side by side. */
export function triptych(
  skeleton: Skeleton,
  pictures: { source: Image; pose: Pose; target?: Image; generated: Image },
): Image {
  const { source, pose, target, generated } = pictures;
  const drawn = blank(source.width, source.height, [24, 24, 28]);
  drawPose(drawn, skeleton, pose);
  return hstack([source, drawn, ...(target ? [target] : []), generated], { gap: SHEET_GAP });
}

/** A sheet with a row per pair, as drawn by `triptych`. `generated` is [N, H, W, 3] in [−1, 1]. */
export function sampleSheet(
  batch: Batch,
  generated: Float32Array,
  skeleton: Skeleton,
  height: number,
  width: number,
): Image {
  const size = height * width * 3;
  const rows = posesOf(batch.targetJoints, skeleton.joints.length).map((pose, i) => {
    const picture = (values: Float32Array) => fromTensor(values, width, height, i * size);
    const [source, target] = [picture(batch.source), picture(batch.target)];
    return triptych(skeleton, { source, pose, target, generated: picture(generated) });
  });
  return vstack(rows, { gap: SHEET_GAP });
}
