import naiveSource from '../../../shaders/avgPool2d/naive.wgsl';
import vec4Source from '../../../shaders/avgPool2d/vec4.wgsl';
import { grid, type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { AvgPool2dCall } from './avgPool2d.js';
import { averageParams, STRIP } from './launch.js';

const naive = shader('avgPool2d/naive', naiveSource);
const vec4 = shader('avgPool2d/vec4', vec4Source);

export const kernels: Kernels<AvgPool2dCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { x, y }, attrs }) => {
      if (!vec4Ready(x, y)) return NEEDS_VEC4;
      const [n = 0, down = 0, across = 0] = y.shape;
      const count = n * down * Math.ceil(across / STRIP) * (y.channels / 4);
      return {
        dispatches: [{ shader: vec4, params: { ...averageParams(attrs, x, y), count }, workgroups: grid(count, 64) }],
      };
    },
  },
  {
    name: 'naive',
    launch: ({ arg: { x, y }, attrs }) => {
      const count = y.rows * y.channels;
      return {
        dispatches: [{ shader: naive, params: { ...averageParams(attrs, x, y), count }, workgroups: grid(count, 64) }],
      };
    },
  },
);
