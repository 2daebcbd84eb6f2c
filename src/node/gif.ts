import { createRequire } from 'node:module';
import { checkImage, type Image } from '../data/image.js';

// The package is CommonJS but declares itself an ES module, and loaders disagree about its default export.
const gifenc = createRequire(import.meta.url)('gifenc') as typeof import('gifenc');

/** The longest side of a GIF, which is a 16-bit number. */
const MAX_SIDE = 65535;
/** The number of pixels from which the palette is made. More would take time and change nothing. */
const SAMPLES = 1 << 16;

function rgbaOf(image: Image): Uint8Array {
  const pixels = image.width * image.height;
  const rgba = new Uint8Array(4 * pixels).fill(255);
  for (let p = 0; p < pixels; p++) rgba.set(image.data.subarray(3 * p, 3 * p + 3), 4 * p);
  return rgba;
}

/**
 * An animated GIF that repeats forever. All frames share one palette of 256 colours, because static areas would flicker if each frame
 * had its own. Its delays are whole hundredths of a second.
 */
export function encodeGif(frames: readonly Image[], fps: number): Uint8Array {
  for (const frame of frames) checkImage(frame, MAX_SIDE);
  const all = frames.map(rgbaOf);
  const total = all.reduce((n, rgba) => n + rgba.length / 4, 0);
  const step = Math.max(1, Math.floor(total / SAMPLES));
  const sample = all.flatMap((rgba) =>
    Array.from({ length: Math.ceil(rgba.length / 4 / step) }, (_, i) => rgba.subarray(4 * step * i, 4 * step * i + 4)),
  );
  const colours = new Uint8Array(4 * sample.length);
  for (const [i, pixel] of sample.entries()) colours.set(pixel, 4 * i);
  const palette = gifenc.quantize(colours, 256);
  const encoder = gifenc.GIFEncoder();
  for (const [i, { width, height }] of frames.entries()) {
    const index = gifenc.applyPalette(all[i] as Uint8Array, palette);
    encoder.writeFrame(index, width, height, { palette: i ? undefined : palette, delay: 1000 / fps, repeat: 0 });
  }
  encoder.finish();
  return encoder.bytes();
}
