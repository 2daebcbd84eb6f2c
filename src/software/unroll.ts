import { type ShaderSource, shader } from '../gpu/shader.js';
import { unrolledShader as unrolled } from '../gpu/unroll.js';

/**
 * Returns the kernel with its arguments in storage textures, which hold the same texels. lavapipe, whose subgroups have 8
 * lanes, reads them in place, but calls a function to read a sampled texture, which takes twice as long because it
 * selects a mip level. SwiftShader, whose subgroups have 4 lanes, reads sampled textures faster.
 */
const storageTextures = (code: string): string =>
  code
    .replaceAll(': texture_2d<f32>', ': texture_storage_2d<rgba32float, read>')
    .replaceAll('texel(t), 0)', 'texel(t))');

/**
 * Returns a function from constants to the unrolled kernel. The constant LANES, the size of a subgroup, also decides which
 * kind of textures the kernel reads.
 */
export const unrolledShader = (label: string, source: ShaderSource, make = shader) =>
  unrolled(label, source, (name, text, { LANES }) =>
    make(name, LANES === 8 ? { ...text, code: storageTextures(text.code) } : text),
  );
