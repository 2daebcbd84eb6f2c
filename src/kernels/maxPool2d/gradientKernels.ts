import gradientSource from '../../../shaders/maxPool2d/gradient.wgsl';
import gradientVec4Source from '../../../shaders/maxPool2d/gradient-vec4.wgsl';
import { type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { poolLaunch } from './launch.js';
import type { MaxPool2dGradientCall } from './maxPool2d.js';

const naive = shader('maxPool2dGradient/naive', gradientSource);
const vec4 = shader('maxPool2dGradient/vec4', gradientVec4Source);

export const kernels: Kernels<MaxPool2dGradientCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { x, gy, gx }, attrs }) =>
      vec4Ready(x, gy, gx) ? poolLaunch(vec4, attrs, x, gy, gx, 4) : NEEDS_VEC4,
  },
  { name: 'naive', launch: ({ arg: { x, gy, gx }, attrs }) => poolLaunch(naive, attrs, x, gy, gx, 1) },
);
