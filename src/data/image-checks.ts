/** Bounds what a decoder takes; far more than training images have, and what most cameras write is below it. */
export const MAX_MEGAPIXELS = 64;
/** Canvases end here, and rows of a picture never need more. */
export const MAX_SIDE = 16384;

/** What is wrong with a size of pictures, as the end of a sentence, or nothing. */
export function sizeProblem(width: number, height: number): string | undefined {
  if (![width, height].every((n) => Number.isSafeInteger(n) && n > 0)) return `its size is ${height}×${width}`;
  const limit = width * height > MAX_MEGAPIXELS * 1e6 ? `${MAX_MEGAPIXELS} megapixels` : `${MAX_SIDE} pixels a side`;
  if (width * height <= MAX_MEGAPIXELS * 1e6 && Math.max(width, height) <= MAX_SIDE) return undefined;
  return `its size of ${height}×${width} (height×width) is over ${limit}. Shrink it first`;
}

/** That an image file ends before its picture does. */
export class CutShort extends Error {}
