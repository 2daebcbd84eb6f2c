import naiveSource from '../../../shaders/conv2d/bias-gradient-naive.wgsl';
import splitSource from '../../../shaders/conv2d/bias-gradient-split.wgsl';
import sumSource from '../../../shaders/conv2d/gradient-sum.wgsl';
import { grid, type Kernels, type Launch, type Variant } from '../../autograd/kernel.js';
import { shader, withVariable } from '../../gpu/shader.js';
import type { BiasGradientCall } from './biasGradient.js';

const naive = shader('biasGradient/naive', naiveSource);
const split = shader('biasGradient/split', splitSource);
const sum = withVariable('biasGradient/sum', sumSource, 'total', 'gb');

/**
 * Returns the rows per chunk: about the square root of all rows, so that both dispatches are short, rounded up to a
 * multiple of four.
 */
const chunkOf = (rows: number) => 4 * Math.ceil(Math.sqrt(rows) / 4);

const splitVariant: Variant<BiasGradientCall> = {
  name: 'split',
  launch: ({ arg: { gy } }): Launch => {
    const { rows, channels: C } = gy;
    const chunk = chunkOf(rows);
    const splits = Math.ceil(rows / chunk);
    const count = splits * C;
    return {
      scratch: { partials: count },
      dispatches: [
        { shader: split, params: { rows, C, chunk, count }, workgroups: grid(count, 64) },
        { shader: sum, params: { count: C, splits }, workgroups: grid(C, 64) },
      ],
    };
  },
};

const reference: Variant<BiasGradientCall> = {
  name: 'naive',
  launch: ({ arg: { gy } }) => {
    const { rows, channels: C } = gy;
    return { dispatches: [{ shader: naive, params: { rows, C }, workgroups: [Math.ceil(C / 64), 1, 1] }] };
  },
};

export const kernels: Kernels<BiasGradientCall> = {
  variants: [splitVariant, reference],
  reference,
  choose: () => ({ variant: splitVariant, reason: 'many invocations sum chunks of rows at once' }),
};
