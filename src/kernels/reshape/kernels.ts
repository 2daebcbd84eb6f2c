import naiveSource from '../../../shaders/reshape/naive.wgsl';
import vec4Source from '../../../shaders/reshape/vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { ReshapeCopyCall } from './reshape.js';

const naive = shader('reshapeCopy/naive', naiveSource);
const vec4 = shader('reshapeCopy/vec4', vec4Source);

/** Launches one invocation for every `width` elements. */
function launch({ arg: { x, y } }: ReshapeCopyCall, of: Shader, width: number): Launch {
  const count = (y.rows * y.channels) / width;
  const params = { count, channels: y.channels, x_channels: x.channels };
  return { dispatches: [{ shader: of, params, workgroups: grid(count, 64) }] };
}

export const kernels: Kernels<ReshapeCopyCall> = vec4OrScalar(
  { name: 'vec4', launch: (call) => (vec4Ready(call.arg.x, call.arg.y) ? launch(call, vec4, 4) : NEEDS_VEC4) },
  { name: 'naive', launch: (call) => launch(call, naive, 1) },
);
