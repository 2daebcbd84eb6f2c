import naiveSource from '../../../shaders/affineWarp/naive.wgsl';
import vec4Source from '../../../shaders/affineWarp/vec4.wgsl';
import { type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { AffineWarpCall } from './affineWarp.js';
import { launchWarp } from './launch.js';

const naive = shader('affineWarp/naive', naiveSource);
const vec4 = shader('affineWarp/vec4', vec4Source);

const warpOf = ({ attrs: { scale }, arg: { x, affine, y } }: AffineWarpCall) => ({
  images: x,
  affine,
  scale,
  result: y,
});

export const kernels: Kernels<AffineWarpCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: (call) => (vec4Ready(call.arg.y, call.arg.x) ? launchWarp(vec4, 4, warpOf(call)) : NEEDS_VEC4),
  },
  { name: 'naive', launch: (call) => launchWarp(naive, 1, warpOf(call)) },
);
