import type { Arg, DeviceTraits } from '../autograd/kernel.js';

/** What kernels that work in subgroups need of a device and of their arguments. */

/** Says why these kernels cannot run on a device; `undefined` if they can. */
export function rejectsSubgroups({ subgroupSize }: DeviceTraits): string | undefined {
  return subgroupSize === 4 || subgroupSize === 8 ? undefined : 'subgroups must have 4 or 8 lanes';
}

/** Whether an argument can be read four channels at a time: each row must begin at a whole texel, but may end within one. */
export function texelRows({ stride, offset, channels, rows }: Arg): boolean {
  return offset % 4 === 0 && (stride % 4 === 0 || (rows === 1 && channels % 4 === 0));
}
