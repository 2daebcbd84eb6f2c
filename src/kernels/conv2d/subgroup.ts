import type { Arg, DeviceTraits } from '../../autograd/op.js';

/** What the subgroup kernels of the convolutions share: the software adapters' kernels, written out for their subgroups. */

/** Why the kernels cannot run on a device, or nothing. */
export function rejectsSubgroups({ subgroupSize }: DeviceTraits): string | undefined {
  return subgroupSize === 4 || subgroupSize === 8 ? undefined : 'subgroups must have 4 or 8 lanes';
}

/** Whether rows of four-channel texels can be read from an argument; channels to spare up to the stride do no harm. */
export function texelRows({ stride, offset, channels, rows }: Arg): boolean {
  return offset % 4 === 0 && (stride % 4 === 0 || (rows === 1 && channels % 4 === 0));
}
