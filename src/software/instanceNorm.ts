import type { Kernels } from '../autograd/kernel.js';
import type { InstanceNormCall } from '../kernels/instanceNorm/instanceNorm.js';
import { chunked, oneUpTo, reference, small, tree } from '../kernels/instanceNorm/kernels.js';
import { firstOf } from './offers.js';

/** The most vectors for one dispatch. It is larger than on a GPU, because a further dispatch costs a CPU more. */
const one = oneUpTo(16384);

/** The kernels without trees, because a CPU waits long at their barriers. */
export const kernels: Kernels<InstanceNormCall> = firstOf(
  { variants: [small, one, tree, chunked, reference], reference },
  [
    { variant: small, reason: 'the channels have few pixels, so one invocation takes four of them' },
    { variant: one, reason: 'a workgroup takes whole lanes, so that one dispatch is enough' },
    { variant: chunked, reason: 'invocations share the long lanes of an image' },
  ],
  {
    variant: reference,
    reason: 'channels, strides or offsets are not multiples of 4, or groups have fewer than 16 elements',
  },
);
