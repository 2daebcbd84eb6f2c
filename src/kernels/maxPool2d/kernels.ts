import naiveSource from '../../../shaders/maxPool2d/naive.wgsl';
import vec4Source from '../../../shaders/maxPool2d/vec4.wgsl';
import { type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { poolLaunch } from './launch.js';
import type { MaxPool2dCall } from './maxPool2d.js';

const naive = shader('maxPool2d/naive', naiveSource);
const vec4 = shader('maxPool2d/vec4', vec4Source);

export const kernels: Kernels<MaxPool2dCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: ({ arg: { x, y }, attrs }) => (vec4Ready(x, y) ? poolLaunch(vec4, attrs, x, y, y, 4) : NEEDS_VEC4),
  },
  { name: 'naive', launch: ({ arg: { x, y }, attrs }) => poolLaunch(naive, attrs, x, y, y, 1) },
);
