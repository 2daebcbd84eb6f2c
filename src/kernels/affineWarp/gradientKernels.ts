import naiveSource from '../../../shaders/affineWarp/gradient-naive.wgsl';
import vec4Source from '../../../shaders/affineWarp/gradient-vec4.wgsl';
import { type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { AffineWarpGradientCall } from './affineWarp.js';
import { launchWarp } from './launch.js';

const naive = shader('affineWarpGradient/naive', naiveSource);
const vec4 = shader('affineWarpGradient/vec4', vec4Source);

const warpOf = ({ attrs: { scale }, arg: { affine, gx } }: AffineWarpGradientCall) => ({
  images: gx,
  affine,
  scale,
  result: gx,
});

export const kernels: Kernels<AffineWarpGradientCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: (call) => (vec4Ready(call.arg.gx, call.arg.gy) ? launchWarp(vec4, 4, warpOf(call)) : NEEDS_VEC4),
  },
  { name: 'naive', launch: (call) => launchWarp(naive, 1, warpOf(call)) },
);
