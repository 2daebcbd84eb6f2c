import naiveSource from '../../../shaders/bceWithLogits/naive.wgsl';
import partialSource from '../../../shaders/bceWithLogits/partial.wgsl';
import { grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor, combine } from '../sum/reduction.js';
import type { BceWithLogitsCall } from './bceWithLogits.js';
import { labelParams } from './label.js';

const naive = shader('bceWithLogits/naive', naiveSource);
const partial = shader('bceWithLogits/partial', partialSource);

const split: Variant<BceWithLogitsCall> = {
  name: 'split',
  launch: (call) => {
    const { rows, channels } = call.arg.logits;
    const count = rows * channels;
    const chunks = chunksFor(count);
    const params = { count, chunks, channels, ...labelParams(call) };
    return {
      scratch: { partial: chunks },
      dispatches: [{ shader: partial, params, workgroups: grid(chunks, 64) }, combine(1, chunks, 1, 1 / count)],
    };
  },
};

const reference: Variant<BceWithLogitsCall> = {
  name: 'naive',
  launch: (call) => {
    const { rows, channels } = call.arg.logits;
    const count = rows * channels;
    const params = { count, channels, factor: 1 / count, ...labelParams(call) };
    return { dispatches: [{ shader: naive, params, workgroups: [1, 1, 1] }] };
  },
};

export const kernels: Kernels<BceWithLogitsCall> = {
  variants: [split, reference],
  reference,
  choose: () => ({ variant: split, reason: 'many invocations share the sum' }),
};
