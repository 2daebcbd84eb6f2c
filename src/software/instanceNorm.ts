import type { Kernels } from '../autograd/kernel.js';
import type { InstanceNormCall } from '../kernels/instanceNorm/instanceNorm.js';
import { chunked, oneUpTo, reference, small, tree } from '../kernels/instanceNorm/kernels.js';
import { firstOf } from './offers.js';

/** More vectors than on a GPU: what a workgroup leaves to others costs a CPU another dispatch. */
const one = oneUpTo(16384);

/** Without trees, at whose barriers a CPU waits long. */
export const kernels: Kernels<InstanceNormCall> = firstOf(
  { variants: [small, one, tree, chunked, reference], reference },
  [
    { variant: small, reason: 'channels of few pixels: an invocation takes four of them' },
    { variant: one, reason: 'a workgroup takes whole lanes, so that one dispatch is enough' },
    { variant: chunked, reason: 'invocations share the long lanes of an image' },
  ],
  {
    variant: reference,
    reason: 'channels, strides or offsets are not multiples of 4, or groups have fewer than 16 elements',
  },
);
