import { type ShaderSource, shader } from '../gpu/shader.js';
import { writtenOut as inFull } from '../gpu/unroll.js';

/**
 * The kernel with its arguments in storage textures, which hold the same texels. lavapipe, whose subgroups have 8 lanes, reads
 * them in place; reading a sampled texture is a call that looks for a mip level and takes twice as long. SwiftShader, with 4
 * lanes, reads sampled textures faster.
 */
const storageTextures = (code: string): string =>
  code
    .replaceAll(': texture_2d<f32>', ': texture_storage_2d<rgba32float, read>')
    .replaceAll('texel(t), 0)', 'texel(t))');

/** A kernel by its constants, written out in full, with the kind of textures that an adapter with so many LANES reads fastest. */
export const writtenOut = (label: string, source: ShaderSource, make = shader) =>
  inFull(label, source, (name, text, { LANES }) =>
    make(name, LANES === 8 ? { ...text, code: storageTextures(text.code) } : text),
  );
