/** The largest picture that is decoded. Training images are far smaller, and so are the pictures of most cameras. */
export const MAX_MEGAPIXELS = 64;
/** The longest side of a picture, which is also that of a canvas. */
const MAX_SIDE = 16384;

/** What is wrong with the size of a picture, as the end of a sentence, or `undefined`. */
export function sizeProblem(width: number, height: number): string | undefined {
  if (![width, height].every((n) => Number.isSafeInteger(n) && n > 0)) return `its size is ${height}×${width}`;
  const limit = width * height > MAX_MEGAPIXELS * 1e6 ? `${MAX_MEGAPIXELS} megapixels` : `${MAX_SIDE} pixels a side`;
  if (width * height <= MAX_MEGAPIXELS * 1e6 && Math.max(width, height) <= MAX_SIDE) return undefined;
  return `its size of ${height}×${width} (height×width) is over ${limit}. Shrink it first`;
}

/** An image file ends before its picture is complete. */
export class CutShort extends Error {}
