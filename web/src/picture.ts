import type { Image } from '../../src/data/image.js';

/** Shows an image on a canvas of its own size. */
export function paint(canvas: HTMLCanvasElement, { width, height, data }: Image): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) rgba.set(data.subarray(from, from + 3), to);
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
}

/**
 * 8-bit RGB as the browser decodes it, without colour management; transparency lies on white. A picture whose longer side is
 * over `most` pixels is made that small. Rejects with an `Error` when it is no picture that this browser knows.
 */
export async function decodePicture(
  file: Blob,
  most = Number.POSITIVE_INFINITY,
): Promise<{ image: Image; scale: number }> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' }).catch(() => {
    throw new Error('this browser cannot decode it');
  });
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no canvas to decode it on');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) data.set(rgba.subarray(from, from + 3), to);
  return { image: { width, height, data }, scale };
}
