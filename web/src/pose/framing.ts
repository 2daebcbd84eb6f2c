import { type Image, resize } from '../../../src/data/image.js';
import { checkTrunk, type ModelFrame, type NamedPose, withinPicture } from '../../../src/data/named-pose.js';
import { type Pose, resizePose } from '../../../src/pose/skeleton.js';

/** A picture and its pose in the model's size. */
export interface Person {
  readonly label: string;
  readonly image: Image;
  readonly pose: Pose;
}

export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Height and width of a frame over those of the joints, which reach only from the eyes to the ankles. */
const MARGIN = { height: 1.3, width: 1.35 };
/** Largest relative difference of proportions between a picture and the model at which the whole picture is used. */
const TOLERANCE = 0.05;

/**
 * The part of a picture [height, width] to show to a model, in whole pixels. It is the whole picture if that has the model's
 * proportions, otherwise a part with these proportions around the joints, which may extend beyond the border.
 */
export function frameAround(
  pose: Pose,
  [height, width]: readonly [number, number],
  model: { readonly height: number; readonly width: number },
): Frame {
  const proportion = model.width / model.height;
  const joints = pose.filter((p) => p !== null);
  if (!joints.length || Math.abs(width / height / proportion - 1) <= TOLERANCE)
    return { left: 0, top: 0, width, height };
  const span = (k: 0 | 1) => [Math.min(...joints.map((p) => p[k])), Math.max(...joints.map((p) => p[k]))] as const;
  const [[x0, x1], [y0, y1]] = [span(0), span(1)];
  const tall = Math.max(8, MARGIN.height * (y1 - y0), (MARGIN.width * (x1 - x0)) / proportion);
  const [frameHeight, frameWidth] = [Math.round(tall), Math.round(tall * proportion)];
  const startOf = (middle: number, size: number, whole: number) =>
    Math.round(size >= whole ? (whole - size) / 2 : Math.max(0, Math.min(whole - size, middle - size / 2)));
  // The head reaches further above the eyes than the soles below the ankles.
  const middle = (y0 + y1) / 2 - 0.02 * tall;
  return {
    ...{ width: frameWidth, height: frameHeight },
    left: startOf((x0 + x1) / 2, frameWidth, width),
    top: startOf(middle, frameHeight, height),
  };
}

/** Crops an image; beyond the border it repeats the outermost pixels. */
export function crop(image: Image, { left, top, width, height }: Frame): Image {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const fromX = Math.max(0, Math.min(image.width - 1, left + x));
      const fromY = Math.max(0, Math.min(image.height - 1, top + y));
      const from = 3 * (fromY * image.width + fromX);
      data.set(image.data.subarray(from, from + 3), 3 * (y * width + x));
    }
  return { width, height, data };
}

/**
 * Makes a person for a model from a picture and its pose in the picture's pixels. Throws `UsageError` if a joint lies outside
 * the picture or a trunk joint is missing.
 */
export function personOf(label: string, image: Image, named: NamedPose, model: ModelFrame): Person {
  checkTrunk(named, model.skeleton);
  const size = [image.height, image.width] as const;
  const pose = withinPicture(named.pose, size, model.skeleton, named.where);
  const frame = frameAround(pose, size, model);
  const moved = pose.map((p) => p && ([p[0] - frame.left, p[1] - frame.top] as const));
  return {
    label,
    image: resize(crop(image, frame), model.width, model.height),
    pose: resizePose(moved, [frame.height, frame.width], [model.height, model.width]),
  };
}
