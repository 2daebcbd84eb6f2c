import gradientSource from '../../../shaders/l1/gradient.wgsl';
import gradientVec4Source from '../../../shaders/l1/gradient-vec4.wgsl';
import { grid, type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { L1GradientCall } from './l1.js';

const naive = shader('l1Gradient/naive', gradientSource);
const vec4 = shader('l1Gradient/vec4', gradientVec4Source);

export const kernels: Kernels<L1GradientCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { a, b, ga } }) => {
      if (!vec4Ready(a, b, ga)) return NEEDS_VEC4;
      const { rows, channels } = ga;
      const params = { count: (rows * channels) / 4, channels, factor: 1 / (rows * channels) };
      return { dispatches: [{ shader: vec4, params, workgroups: grid(params.count, 64) }] };
    },
  },
  {
    name: 'naive',
    launch: ({ arg: { ga } }) => {
      const { rows, channels } = ga;
      const params = { count: rows * channels, channels, factor: 1 / (rows * channels) };
      return { dispatches: [{ shader: naive, params, workgroups: grid(params.count, 64) }] };
    },
  },
);
