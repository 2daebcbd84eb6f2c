import gradientSource from '../../../shaders/resize2d/gradient.wgsl';
import gradientVec4Source from '../../../shaders/resize2d/gradient-vec4.wgsl';
import { type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { resizeLaunch } from './launch.js';
import type { Resize2dGradientCall } from './resize2d.js';

const naive = shader('resize2dGradient/naive', gradientSource);
const vec4 = shader('resize2dGradient/vec4', gradientVec4Source);

export const kernels: Kernels<Resize2dGradientCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { gy, gx }, attrs }) => (vec4Ready(gy, gx) ? resizeLaunch(vec4, attrs, gx, gy, gx, 4) : NEEDS_VEC4),
  },
  { name: 'naive', launch: ({ arg: { gy, gx }, attrs }) => resizeLaunch(naive, attrs, gx, gy, gx, 1) },
);
