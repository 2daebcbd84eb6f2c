import type { Kernels } from '../autograd/kernel.js';
import type { InstanceNormGradientCall } from '../kernels/instanceNorm/gradient.js';
import { chunked, kernels as forGpus, small } from '../kernels/instanceNorm/gradientKernels.js';
import { firstOf } from './offers.js';

/** The kernels without trees, because a CPU waits long at their barriers. */
export const kernels: Kernels<InstanceNormGradientCall> = firstOf(
  forGpus,
  [
    { variant: small, reason: 'the channels have few pixels, so one invocation takes four of them' },
    { variant: chunked, reason: 'invocations share the long lanes of an image' },
  ],
  {
    variant: forGpus.reference,
    reason: 'channels, strides or offsets are not multiples of 4, or groups have fewer than 16 elements',
  },
);
