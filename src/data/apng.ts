import { UsageError } from '../gpu/errors.js';
import { encodePngFile, type PngChunk, pngChunks } from './png-file.js';

/** The bytes of big-endian numbers: first `u32`, then `u16`, then single bytes. */
function numbers(u32: readonly number[], u16: readonly number[] = [], u8: readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(4 * u32.length + 2 * u16.length + u8.length);
  const view = new DataView(bytes.buffer);
  for (const [i, v] of u32.entries()) view.setUint32(4 * i, v);
  for (const [i, v] of u16.entries()) view.setUint16(4 * u32.length + 2 * i, v);
  bytes.set(u8, 4 * u32.length + 2 * u16.length);
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    joined.set(p, at);
    at += p.length;
  }
  return joined;
}

/**
 * An animated PNG that repeats forever (PNG specification, third edition, 11.3.6). Its frames are PNG files of the same size and
 * colour type. Viewers that do not support animation show the first. Throws `UsageError` if sizes or types differ.
 * @param fps Frames per second, an integer from 1 to 65535.
 */
export function encodeApng(frames: readonly Uint8Array[], fps: number): Uint8Array {
  const [first, ...others] = frames.map((f) => [...pngChunks(f)]);
  const header = first?.find((c) => c.type === 'IHDR');
  if (!first || !header) throw new UsageError('an animation needs at least one frame, each of them a PNG file');
  const kind = header.data.join();
  for (const [i, chunks] of others.entries())
    if (chunks.find((c) => c.type === 'IHDR')?.data.join() !== kind)
      throw new UsageError(`frame ${i + 2} of the animation has another size or colour type than the first`);
  const view = new DataView(header.data.buffer, header.data.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const out: PngChunk[] = [header, { type: 'acTL', data: numbers([frames.length, 0]) }];
  let sequence = 0;
  for (const [i, chunks] of [first, ...others].entries()) {
    const image = join(chunks.filter((c) => c.type === 'IDAT').map((c) => c.data));
    out.push({ type: 'fcTL', data: numbers([sequence++, width, height, 0, 0], [1, fps], [0, 0]) });
    if (i === 0) out.push({ type: 'IDAT', data: image });
    else out.push({ type: 'fdAT', data: join([numbers([sequence++]), image]) });
  }
  out.push({ type: 'IEND', data: new Uint8Array() });
  return encodePngFile(out);
}
