import type { Arg, DeviceTraits } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { writtenOut } from '../../gpu/unroll.js';

/** What the subgroup kernels of the convolutions share: the software adapters' kernels, written out for their subgroups. */

/** Why the kernels cannot run on a device, or nothing. */
export function rejectsSubgroups({ subgroupSize }: DeviceTraits): string | undefined {
  return subgroupSize === 4 || subgroupSize === 8 ? undefined : 'subgroups must have 4 or 8 lanes';
}

/** Whether rows of four-channel texels can be read from an argument; channels to spare up to the stride do no harm. */
export function texelRows({ stride, offset, channels, rows }: Arg): boolean {
  return offset % 4 === 0 && (stride % 4 === 0 || (rows === 1 && channels % 4 === 0));
}

/**
 * The kernel with its arguments in storage textures, which hold the same texels. lavapipe, whose subgroups have 8 lanes, reads
 * them in place; reading a sampled texture is a call that looks for a mip level and takes twice as long. SwiftShader, with 4
 * lanes, reads sampled textures faster.
 */
const storageTextures = (code: string): string =>
  code
    .replaceAll(': texture_2d<f32>', ': texture_storage_2d<rgba32float, read>')
    .replaceAll('texel(t), 0)', 'texel(t))');

/** `writtenOut` for the lanes of a subgroup. */
export const forLanes = (label: string, code: string, make: typeof shader = shader) =>
  writtenOut(label, code, (name, text, { LANES }) => make(name, LANES === 8 ? storageTextures(text) : text));
