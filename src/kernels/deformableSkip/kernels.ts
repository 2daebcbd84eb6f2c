import fastSource from '../../../shaders/deformableSkip/fast.wgsl';
import naiveSource from '../../../shaders/deformableSkip/naive.wgsl';
import reachSource from '../../../shaders/deformableSkip/reach.wgsl';
import { grid, type Launch, type Variant, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { writtenOut } from '../../gpu/unroll.js';
import { type DeformableCall, type DeformableSkipAttrs, quadsOf, settings } from './deformableSkip.js';

const naive = shader('deformableSkip/naive', naiveSource);
const fast = writtenOut('deformableSkip/fast', fastSource);
const reach = writtenOut('deformableSkip/reach', reachSource);

/** The mean has no winner: its kernels find a dummy in the place of that result. */
const noWinner = (call: DeformableCall): Record<string, number> =>
  call.attrs.aggregate === 'mean' ? { winner: 1 } : {};

export const variants: readonly Variant<DeformableSkipAttrs>[] = [
  {
    name: 'fast',
    rejects: ({ arg: { x, y } }) => !vec4Ready(x, y) && 'channels, strides and offsets must be multiples of 4',
    launch: (call): Launch => {
      const { rows, channels, params, constants } = settings(call, 'x');
      const QUADS = quadsOf(channels);
      const count = (rows * channels) / (4 * QUADS);
      const main = {
        shader: fast({ QUADS }),
        constants,
        params: { ...params, count },
        workgroups: grid(count, 64),
      };
      if (call.attrs.maskOn === 'target') return { dispatches: [main], scratch: { reach: 1, ...noWinner(call) } };
      const fours = (rows / params.width) * Math.ceil(params.width / 4);
      const first = { shader: reach({ PIXELS: 4 }), params: { ...params, count: fours }, workgroups: grid(fours, 64) };
      return { dispatches: [first, main], scratch: { reach: rows, ...noWinner(call) } };
    },
  },
  {
    name: 'naive',
    launch: (call): Launch => {
      const { rows, channels, params, constants } = settings(call, 'x');
      const count = rows * Math.ceil(channels / 4);
      const main = { shader: naive, constants, params: { ...params, count }, workgroups: grid(count, 64) };
      return { dispatches: [main], scratch: noWinner(call) };
    },
  },
];
