import type { Kernels } from '../autograd/kernel.js';
import { kernels as forGpus, split, splitOrNot } from '../kernels/sum/kernels.js';
import type { SumCall } from '../kernels/sum/sum.js';

/** Without trees, at whose barriers a CPU waits long. */
export const kernels: Kernels<SumCall> = { ...forGpus, choose: splitOrNot, candidates: () => [split] };
