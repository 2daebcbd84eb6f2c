import type { Kernels } from '../autograd/kernel.js';
import { kernels as forGpus, split, splitOrNot } from '../kernels/sum/kernels.js';
import type { SumCall } from '../kernels/sum/sum.js';

/** The kernels without trees, because a CPU waits long at their barriers. */
export const kernels: Kernels<SumCall> = { ...forGpus, choose: splitOrNot, candidates: () => [split] };
