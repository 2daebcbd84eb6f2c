import { type Image, resize } from '../../../src/data/image.js';
import { checkTrunk, type ModelFrame, type NamedPose, withinPicture } from '../../../src/data/named-pose.js';
import { type Pose, resizePose } from '../../../src/pose/skeleton.js';

/** A picture and its pose, both of the model's size. */
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

/** Room around the joints, which end at eyes and ankles: of the height and of the width. */
const ROOM = { height: 1.3, width: 1.35 };
/** How much narrower or wider than the model's a picture may be to be taken whole. */
const TOLERANCE = 0.05;

/**
 * The part of a picture [height, width] to show to a model: all of it where it has the model's proportions, else a part of those
 * proportions around the joints, which may reach over the border. Whole pixels.
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
  const tall = Math.max(8, ROOM.height * (y1 - y0), (ROOM.width * (x1 - x0)) / proportion);
  const [frameHeight, frameWidth] = [Math.round(tall), Math.round(tall * proportion)];
  const place = (middle: number, size: number, whole: number) =>
    Math.round(size >= whole ? (whole - size) / 2 : Math.max(0, Math.min(whole - size, middle - size / 2)));
  // The top of the head is above the eyes by more than the soles are below the ankles.
  const middle = (y0 + y1) / 2 - 0.02 * tall;
  return {
    ...{ width: frameWidth, height: frameHeight },
    left: place((x0 + x1) / 2, frameWidth, width),
    top: place(middle, frameHeight, height),
  };
}

/** A part of an image; beyond the border its outermost pixels go on. */
export function cut(image: Image, { left, top, width, height }: Frame): Image {
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
 * A picture with its pose, in the picture's pixels, as a person for a model. `UsageError` when a joint lies outside the picture
 * or a trunk joint is missing.
 */
export function personOf(label: string, image: Image, named: NamedPose, model: ModelFrame): Person {
  checkTrunk(named, model.skeleton);
  const size = [image.height, image.width] as const;
  const pose = withinPicture(named.pose, size, model.skeleton, named.where);
  const frame = frameAround(pose, size, model);
  const moved = pose.map((p) => p && ([p[0] - frame.left, p[1] - frame.top] as const));
  return {
    label,
    image: resize(cut(image, frame), model.width, model.height),
    pose: resizePose(moved, [frame.height, frame.width], [model.height, model.width]),
  };
}
