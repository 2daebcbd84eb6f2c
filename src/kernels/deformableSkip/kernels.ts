import fastSource from '../../../shaders/deformableSkip/fast.wgsl';
import naiveSource from '../../../shaders/deformableSkip/naive.wgsl';
import reachSource from '../../../shaders/deformableSkip/reach.wgsl';
import { grid, type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { unrolledShader } from '../../gpu/unroll.js';
import type { DeformableSkipCall } from './deformableSkip.js';
import { type DeformableSkipAttrs, quadsOf, settings } from './settings.js';

const naive = shader('deformableSkip/naive', naiveSource);
const fast = unrolledShader('deformableSkip/fast', fastSource);
const reach = unrolledShader('deformableSkip/reach', reachSource);

/** The mean has no winners, so its kernels bind a dummy buffer in place of that result. */
const noWinner = ({ aggregate }: DeformableSkipAttrs): Record<string, number> =>
  aggregate === 'mean' ? { winner: 1 } : {};

export const kernels: Kernels<DeformableSkipCall> = vec4OrScalar(
  {
    name: 'fast',
    launch: ({ attrs, arg: { x, affine, y } }) => {
      if (!vec4Ready(x, y)) return NEEDS_VEC4;
      const { rows, channels, params, constants } = settings(attrs, x, affine);
      const QUADS = quadsOf(channels);
      const count = (rows * channels) / (4 * QUADS);
      const main = {
        shader: fast({ QUADS }),
        constants,
        params: { ...params, count },
        workgroups: grid(count, 64),
      };
      if (attrs.maskOn === 'target') return { dispatches: [main], scratch: { reach: 1, ...noWinner(attrs) } };
      const fours = (rows / params.width) * Math.ceil(params.width / 4);
      const first = { shader: reach({ PIXELS: 4 }), params: { ...params, count: fours }, workgroups: grid(fours, 64) };
      return { dispatches: [first, main], scratch: { reach: rows, ...noWinner(attrs) } };
    },
  },
  {
    name: 'naive',
    launch: ({ attrs, arg: { x, affine } }) => {
      const { rows, channels, params, constants } = settings(attrs, x, affine);
      const count = rows * Math.ceil(channels / 4);
      const main = { shader: naive, constants, params: { ...params, count }, workgroups: grid(count, 64) };
      return { dispatches: [main], scratch: noWinner(attrs) };
    },
  },
);
