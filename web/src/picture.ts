import type { Image } from '../../src/data/image.js';
import { sizeProblem } from '../../src/data/image-checks.js';
import { brokenImage, OtherFormat, wholeHeader } from '../../src/data/image-header.js';

/** Shows an image on a canvas, which gets its size. */
export function paint(canvas: HTMLCanvasElement, { width, height, data }: Image): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) rgba.set(data.subarray(from, from + 3), to);
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
}

/**
 * Reads a user's picture. Checks PNG and JPEG before the browser decodes them; leaves other formats to the browser. Throws
 * `UsageError` that names the file and its format.
 */
export async function readPicture(file: File, maxSide: number): Promise<{ image: Image; scale: number }> {
  let other: OtherFormat | undefined;
  try {
    wholeHeader(new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    if (!(error instanceof OtherFormat)) throw brokenImage(file.name, error);
    other = error;
  }
  return decodePicture(file, maxSide).catch((error) => {
    throw brokenImage(file.name, other ?? error);
  });
}

/**
 * Decodes a picture to 8-bit RGB with the browser: upright by its Exif orientation, without colour management, and with white
 * behind transparency. If its longer side exceeds `maxSide` pixels, it is shrunk by `scale` to that size. Rejects with `Error`
 * if the browser cannot decode it.
 */
export async function decodePicture(
  file: Blob,
  maxSide = Number.POSITIVE_INFINITY,
): Promise<{ image: Image; scale: number }> {
  const options = { colorSpaceConversion: 'none', imageOrientation: 'from-image' } as const;
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new Error('this browser cannot decode it');
  });
  const problem = sizeProblem(bitmap.width, bitmap.height);
  if (problem) {
    bitmap.close();
    throw new Error(problem);
  }
  const scale = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser has no canvas to decode it on');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) data.set(rgba.subarray(from, from + 3), to);
  return { image: { width, height, data }, scale };
}
