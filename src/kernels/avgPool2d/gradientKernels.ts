import naiveSource from '../../../shaders/avgPool2d/gradient.wgsl';
import vec4Source from '../../../shaders/avgPool2d/gradient-vec4.wgsl';
import { grid, type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { AvgPool2dGradientCall } from './avgPool2d.js';
import { averageParams, STRIP } from './launch.js';

const naive = shader('avgPool2dGradient/naive', naiveSource);
const vec4 = shader('avgPool2dGradient/vec4', vec4Source);

export const kernels: Kernels<AvgPool2dGradientCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { gy, gx }, attrs }) => {
      if (!vec4Ready(gy, gx)) return NEEDS_VEC4;
      const [n = 0, down = 0, across = 0] = gx.shape;
      const count = n * down * Math.ceil(across / STRIP) * (gx.channels / 4);
      return {
        dispatches: [{ shader: vec4, params: { ...averageParams(attrs, gx, gy), count }, workgroups: grid(count, 64) }],
      };
    },
  },
  {
    name: 'naive',
    launch: ({ arg: { gy, gx }, attrs }) => {
      const count = gx.rows * gx.channels;
      return {
        dispatches: [
          { shader: naive, params: { ...averageParams(attrs, gx, gy), count }, workgroups: grid(count, 64) },
        ],
      };
    },
  },
);
