import naiveSource from '../../../shaders/resize2d/naive.wgsl';
import vec4Source from '../../../shaders/resize2d/vec4.wgsl';
import { type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { resizeLaunch } from './launch.js';
import type { Resize2dCall } from './resize2d.js';

const naive = shader('resize2d/naive', naiveSource);
const vec4 = shader('resize2d/vec4', vec4Source);

export const kernels: Kernels<Resize2dCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { x, y }, attrs }) => (vec4Ready(x, y) ? resizeLaunch(vec4, attrs, x, y, y, 4) : NEEDS_VEC4),
  },
  { name: 'naive', launch: ({ arg: { x, y }, attrs }) => resizeLaunch(naive, attrs, x, y, y, 1) },
);
