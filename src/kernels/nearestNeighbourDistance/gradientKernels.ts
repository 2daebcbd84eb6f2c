import naiveSource from '../../../shaders/nearestNeighbourDistance/gradient-naive.wgsl';
import vec4Source from '../../../shaders/nearestNeighbourDistance/gradient-vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { NearestNeighbourGradientCall } from './nearestNeighbourDistance.js';

const naive = shader('nearestNeighbourDistanceGradient/naive', naiveSource);
const vec4 = shader('nearestNeighbourDistanceGradient/vec4', vec4Source);

/** Launches one invocation for every `step` channels of the result. */
function launch({ arg: { gx }, attrs }: NearestNeighbourGradientCall, kernel: Shader, step: number): Launch {
  const [, , width = 0] = gx.shape;
  const count = (gx.rows * gx.channels) / step;
  const params = { count, channels: gx.channels, width };
  return { dispatches: [{ shader: kernel, constants: { WINDOW: attrs.window }, params, workgroups: grid(count, 64) }] };
}

export const kernels: Kernels<NearestNeighbourGradientCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: (call) => {
      const { generated, reference, gx } = call.arg;
      return vec4Ready(generated, reference, gx) ? launch(call, vec4, 4) : NEEDS_VEC4;
    },
  },
  { name: 'naive', launch: (call) => launch(call, naive, 1) },
);
