import naiveSource from '../../../shaders/conv2d/bias-gradient-naive.wgsl';
import splitSource from '../../../shaders/conv2d/bias-gradient-split.wgsl';
import sumSource from '../../../shaders/conv2d/gradient-sum.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, type Call, grid, type Launch } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { storingTo } from './launch.js';

const naive = shader('biasGradient/naive', naiveSource);
const split = shader('biasGradient/split', splitSource);
const sum = storingTo('biasGradient/sum', sumSource, 'total', 'gb');

/** Rows per chunk: about the root of all rows, so that both dispatches are short, in whole steps of four. */
const chunkOf = (call: Call<null>) => 4 * Math.ceil(Math.sqrt(arg(call, 'gy').rows) / 4);

export const variants: readonly Variant<null>[] = [
  {
    name: 'split',
    launch: (call): Launch => {
      const { rows, channels: C } = arg(call, 'gy');
      const chunk = chunkOf(call);
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
  },
  {
    name: 'naive',
    launch: (call) => {
      const { rows, channels: C } = arg(call, 'gy');
      return { dispatches: [{ shader: naive, params: { rows, C }, workgroups: [Math.ceil(C / 64), 1, 1] }] };
    },
  },
];
