import type { Kernels } from '../autograd/kernel.js';
import { kernels as forGpus, split } from '../kernels/l1/kernels.js';
import type { L1Call } from '../kernels/l1/l1.js';

export const kernels: Kernels<L1Call> = {
  ...forGpus,
  choose: () => ({ variant: split, reason: 'a CPU waits long at the barriers of a tree' }),
  candidates: () => [split],
};
