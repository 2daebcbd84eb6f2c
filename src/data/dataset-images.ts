import { UsageError } from '../gpu/errors.js';
import { type Pose, resizePose } from '../pose/skeleton.js';
import type { DataSource, DatasetImage, DatasetOptions } from './dataset.js';
import type { ImageHeader } from './image-header.js';
import { withinPicture } from './named-pose.js';

/** How many images are decoded at the same time during the check. */
const CHECKS_AT_ONCE = 32;

/** Checks size and joints against the image's header. Returns the pose in pixels of the dataset's size. */
export function fitPose(
  pose: Pose,
  path: string,
  header: ImageHeader,
  { height, width, resize, skeleton }: DatasetOptions,
  row: () => string,
): Pose {
  const size = [header.height, header.width] as const;
  const inside = withinPicture(pose, size, skeleton, row, path);
  if (header.height === height && header.width === width) return inside;
  if (!resize)
    throw new UsageError(
      `${path} is ${header.height}×${header.width} (height×width), but the model takes ${height}×${width}. Fix: --resize resizes it, joints included`,
    );
  return resizePose(inside, size, [height, width]);
}

/** Decodes every image once and returns those that could be decoded. */
export async function decodable(
  source: DataSource,
  images: readonly DatasetImage[],
  { height, width, onProgress }: DatasetOptions,
  onBad: (error: UsageError) => void,
): Promise<DatasetImage[]> {
  const decoder = source.decoder();
  const bad = new Map<DatasetImage, UsageError>();
  let next = 0;
  let done = 0;
  const worker = async () => {
    for (let image = images[next++]; image; image = images[next++]) {
      try {
        await decoder.decode(image.path, height, width);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        bad.set(image, error);
      }
      onProgress?.(++done, images.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, worker));
  } finally {
    await decoder.close();
  }
  // Errors are reported in the order of the dataset, whichever worker found them first.
  for (const image of images) {
    const error = bad.get(image);
    if (error) onBad(error);
  }
  return images.filter((image) => !bad.has(image));
}
