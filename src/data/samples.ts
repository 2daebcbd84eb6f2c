import { type Pose, posesOf, type Skeleton } from '../pose/skeleton.js';
import type { Batch } from './batches.js';
import { drawPose } from './draw.js';
import { blank, fromTensor, hstack, type Image, vstack } from './image.js';

/** Pixels between the pictures of a sheet. */
export const SHEET_GAP = 2;

/** Source | target pose | target, where there is one | generated, side by side. */
export function triptych(
  skeleton: Skeleton,
  pictures: { source: Image; pose: Pose; target?: Image; generated: Image },
): Image {
  const { source, pose, target, generated } = pictures;
  const drawn = blank(source.width, source.height, [24, 24, 28]);
  drawPose(drawn, skeleton, pose);
  return hstack([source, drawn, ...(target ? [target] : []), generated], { gap: SHEET_GAP });
}

/** A sheet with one row a pair, as in `triptych`. `generated` is [N, H, W, 3] in [−1, 1]. */
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
