import naiveCode from '../../../shaders/biasGradient/naive.wgsl?raw';
import splitCode from '../../../shaders/biasGradient/split.wgsl?raw';
import sumCode from '../../../shaders/conv2dWeightGradient/sum.wgsl?raw';
import { applyOne, arg, type Call, grid, type Launch, type Op } from '../../autograd/op.js';
import { channelsOf, type Tensor } from '../../autograd/tensor.js';
import { shader } from '../../gpu/shader.js';
import { storingTo } from './convolution.js';

const naive = shader('biasGradient/naive', naiveCode);
const split = shader('biasGradient/split', splitCode);
const sum = storingTo('biasGradient/sum', sumCode, 'total', 'gb');

/** Rows per chunk: about the root of all rows, so that both dispatches are short, in whole steps of four. */
const chunkOf = (call: Call<null>) => 4 * Math.ceil(Math.sqrt(arg(call, 'gy').rows) / 4);

export const biasGradientOp: Op<null> = {
  name: 'biasGradient',
  args: ['gy'],
  results: ['gb'],
  strided: ['gy'],
  infer: ([gy]) => [{ shape: [channelsOf((gy as Tensor).shape)], dtype: 'f32' }],
  variants: [
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
  ],
  cost: (call) => {
    const { rows, channels } = arg(call, 'gy');
    return { flops: rows * channels, bytes: 4 * (rows + 1) * channels };
  },
};

/** Gradient of a bias added to every pixel: gb[c] = Σ gy[…, c]; gy [..., C] to [C]. */
export function biasGradient(gy: Tensor): Tensor {
  return applyOne(biasGradientOp, [gy], null);
}
