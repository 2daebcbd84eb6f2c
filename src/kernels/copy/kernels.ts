import scalarSource from '../../../shaders/copy/scalar.wgsl';
import vec4Source from '../../../shaders/copy/vec4.wgsl';
import { grid, type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { CopyCall } from './copy.js';

const scalar = shader('copy/scalar', scalarSource);
const vec4 = shader('copy/vec4', vec4Source);

export const kernels: Kernels<CopyCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { x, y } }) => {
      if (!vec4Ready(x, y)) return NEEDS_VEC4;
      const { rows, channels } = y;
      const params = { channels, count: (rows * channels) / 4 };
      return { dispatches: [{ shader: vec4, params, workgroups: grid(params.count, 64) }] };
    },
  },
  {
    name: 'scalar',
    launch: ({ arg: { y } }) => {
      const { rows, channels } = y;
      const params = { channels, count: rows * channels };
      return { dispatches: [{ shader: scalar, params, workgroups: grid(params.count, 64) }] };
    },
  },
);
